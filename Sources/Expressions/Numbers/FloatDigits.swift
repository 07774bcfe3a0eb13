/// Takes the shortest digits of a floating-point number as the standard library writes them, without a `String` between.
///
/// `_writeASCII` is the hook that the standard library's own streams use; should it go, `write` gives the same bytes.
struct FloatDigits: TextOutputStream {
  private var bytes: InlineArray<32, UInt8> = .init(repeating: 0)
  private var count = 0

  mutating func write(_ string: String) {
    for byte in string.utf8 { append(byte) }
  }

  mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
    for byte in buffer { append(byte) }
  }

  private mutating func append(_ byte: UInt8) {
    guard count < 32 else { return }
    bytes[count] = byte
    count += 1
  }

  /// Sign, digits without leading and trailing zeros, and the power of ten of 0.DIGITS.
  struct Parts {
    var isNegative = false
    var digits: InlineArray<32, UInt8> = .init(repeating: 0)
    var count = 0
    var exponent = 0
  }

  var parts: Parts {
    var parts = Parts()
    var index = 0
    var seenPoint = false
    var leadingZeros = 0
    while index < count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case UInt8(ascii: "-"): parts.isNegative = true
      case UInt8(ascii: "."): seenPoint = true
      case UInt8(ascii: "e"):
        parts.exponent += exponent(from: index)
        index = count
      default:
        if parts.count == 0, byte == UInt8(ascii: "0") {
          if seenPoint { leadingZeros += 1 }
          continue
        }
        parts.digits[parts.count] = byte - UInt8(ascii: "0")
        parts.count += 1
        if !seenPoint { parts.exponent += 1 }
      }
    }
    parts.exponent -= leadingZeros
    while parts.count > 0, parts.digits[parts.count - 1] == 0 { parts.count -= 1 }
    return parts
  }

  private func exponent(from start: Int) -> Int {
    var value = 0
    var isNegative = false
    for index in start..<count {
      switch bytes[index] {
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "+"): break
      case let byte: value = value * 10 + Int(byte - UInt8(ascii: "0"))
      }
    }
    return isNegative ? -value : value
  }

  /// The number as an exact decimal; nil where it is too long.
  var decimal: WideDecimal? {
    let parts = parts
    var result = WideDecimal(Int64(0))
    for index in 0..<parts.count {
      guard result.magnitude.multiply(by: 10, adding: UInt64(parts.digits[index])) else { return nil }
    }
    result.isNegative = parts.isNegative && parts.count > 0
    let scale = parts.count - parts.exponent
    guard scale <= 100 else { return WideDecimal(Int64(0)) }
    if scale >= 0 {
      result.scale = scale
    } else {
      guard result.magnitude.multiply(byPowerOfTen: -scale) else { return nil }
    }
    return result
  }

  /// Writes the number as MariaDB shows a DOUBLE: plain from 1e-15 up to 1e15, otherwise `1.5e20`
  /// (strings/dtoa.c, `my_gcvt` with room for 22 characters). Returns how many bytes; at most 40.
  func write(to memory: UnsafeMutablePointer<UInt8>) -> Int {
    let parts = parts
    var length = 0
    func put(_ byte: UInt8) {
      memory[length] = byte
      length += 1
    }
    guard parts.count > 0 else {
      put(UInt8(ascii: "0"))
      return 1
    }
    if parts.isNegative { put(UInt8(ascii: "-")) }
    if parts.exponent > 15 || parts.exponent < -14 {
      for index in 0..<parts.count {
        put(UInt8(ascii: "0") + parts.digits[index])
        if index == 0, parts.count > 1 { put(UInt8(ascii: ".")) }
      }
      put(UInt8(ascii: "e"))
      if parts.exponent <= 0 { put(UInt8(ascii: "-")) }
      let power = abs(parts.exponent - 1)
      if power >= 100 { put(UInt8(ascii: "0") + UInt8(power / 100)) }
      if power >= 10 { put(UInt8(ascii: "0") + UInt8(power / 10 % 10)) }
      put(UInt8(ascii: "0") + UInt8(power % 10))
      return length
    }
    if parts.exponent <= 0 {
      put(UInt8(ascii: "0"))
      put(UInt8(ascii: "."))
      for _ in 0..<(-parts.exponent) { put(UInt8(ascii: "0")) }
    }
    for index in 0..<max(parts.count, parts.exponent) {
      if index == parts.exponent, index > 0 { put(UInt8(ascii: ".")) }
      put(UInt8(ascii: "0") + (index < parts.count ? parts.digits[index] : 0))
    }
    return length
  }
}
