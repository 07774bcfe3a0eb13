/// Packed decimals: groups of nine digits in four bytes, fewer digits in fewer, the sign in the first bit.
///
/// Source: MySQL's strings/decimal.c, `decimal2bin`.
enum PackedDecimal {
  /// Bytes for 0 to 9 digits, a hexadecimal digit each.
  @inline(__always)
  static func bytes(forDigits digits: Int) -> Int { (0x44_4332_2110 >> (digits &* 4)) & 15 }

  /// 10 to the power of 0 to 9.
  @inline(__always)
  static func power(_ digits: Int) -> UInt64 { UInt64(powers[digits]) }

  private static let powers: InlineArray<10, UInt32> = [
    1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
  ]

  /// Bytes of a value; `scale` is at most `precision`.
  static func byteCount(precision: Int, scale: Int) -> Int {
    let whole = precision - scale
    return whole / 9 * 4 + bytes(forDigits: whole % 9) + scale / 9 * 4 + bytes(forDigits: scale % 9)
  }

  /// Appends the plain text, or returns false when the bytes are no packed decimal; `bytes` are `byteCount` long.
  static func append(_ bytes: UnsafeRawBufferPointer, precision: Int, scale: Int, to output: inout [UInt8]) -> Bool {
    guard let first = bytes.first, bytes.count == byteCount(precision: precision, scale: scale) else { return false }
    let isNegative = first & 0x80 == 0
    let whole = precision - scale
    var offset = 0
    func group(_ digits: Int) -> UInt64? {
      var value: UInt64 = 0
      let count = PackedDecimal.bytes(forDigits: digits)
      for index in offset..<(offset + count) {
        let byte = index == 0 ? bytes[0] ^ 0x80 : bytes[index]
        value = value << 8 | UInt64(isNegative ? ~byte : byte)
      }
      offset += count
      return value < power(digits) ? value : nil
    }
    if isNegative { output.append(0x2d) }
    var hasDigits = false
    for index in 0...(whole / 9) {
      let digits = index == 0 ? whole % 9 : 9
      guard digits > 0 else { continue }
      guard let value = group(digits) else { return false }
      if hasDigits {
        output.append(decimal: value, width: digits)
      } else if value > 0 {
        output.append(decimal: value)
        hasDigits = true
      }
    }
    if !hasDigits { output.append(0x30) }
    if scale > 0 { output.append(0x2e) }
    for index in 0...(scale / 9) {
      let digits = index == scale / 9 ? scale % 9 : 9
      guard digits > 0 else { continue }
      guard let value = group(digits) else { return false }
      output.append(decimal: value, width: digits)
    }
    return true
  }
}
