/// A non-negative integer of up to 512 bits on the stack: enough for the 65 digits of a DECIMAL, and for twice as many.
struct BigInteger {
  private static let limbCount = 16
  /// 32 bits each, the lowest first.
  private var limbs = InlineArray<16, UInt32>(repeating: 0)
  private var used = 0

  mutating func set(_ value: UInt64) {
    limbs[0] = UInt32(truncatingIfNeeded: value)
    limbs[1] = UInt32(truncatingIfNeeded: value >> 32)
    used = value >> 32 != 0 ? 2 : value != 0 ? 1 : 0
  }

  /// Sets the digits of a plain decimal, its point left out; returns whether it has a minus sign, nil when it is no
  /// decimal or too long.
  mutating func set(decimal text: RawSpan) -> Bool? {
    used = 0
    var isNegative = false
    var hasDigits = false
    for index in 0..<text.byteCount {
      let byte = text.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      switch byte {
      case UInt8(ascii: "-"):
        if index > 0 { return nil }
        isNegative = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        hasDigits = true
        if !appendDigit(UInt32(byte - UInt8(ascii: "0"))) { return nil }
      case UInt8(ascii: "."): break
      default: return nil
      }
    }
    return hasDigits ? isNegative : nil
  }

  private mutating func appendDigit(_ digit: UInt32) -> Bool {
    var carry = UInt64(digit)
    for index in 0..<used {
      let product = UInt64(limbs[index]) * 10 + carry
      limbs[index] = UInt32(truncatingIfNeeded: product)
      carry = product >> 32
    }
    if carry == 0 { return true }
    // One limb stays free for the sign.
    if used == Self.limbCount - 1 { return false }
    limbs[used] = UInt32(truncatingIfNeeded: carry)
    used += 1
    return true
  }

  /// Calls `body` with the shortest big-endian two's complement of this number or of its negative: Java's
  /// `BigInteger.toByteArray`, at least one byte.
  func withTwosComplement(isNegative: Bool, _ body: (RawSpan) -> Void) {
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var carry: UInt32 = isNegative ? 1 : 0
    for position in 0..<64 {
      let limb = position >> 2 < used ? limbs[position >> 2] : 0
      var byte = limb >> UInt32((position & 3) * 8) & 0xff
      if isNegative {
        byte = (byte ^ 0xff) + carry
        carry = byte >> 8
      }
      bytes[63 - position] = UInt8(truncatingIfNeeded: byte)
    }
    var first = 0
    while first < 63 {
      let byte = bytes[first]
      let nextIsNegative = bytes[first + 1] & 0x80 != 0
      guard (byte == 0 && !nextIsNegative) || (byte == 0xff && nextIsNegative) else { break }
      first += 1
    }
    body(bytes.span.bytes.extracting(first..<64))
  }
}
