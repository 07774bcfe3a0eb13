internal import Change

/// Packed decimals: groups of nine digits in four bytes, fewer digits in fewer, the sign in the first bit.
///
/// Source: MySQL's strings/decimal.c, `decimal2bin`.
extension RowReader {
  /// At most 18 digits: groups are added up in one number.
  @inline(__always)
  mutating func decimal64(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let scale = Int(decoder.small)
    let whole = Int(decoder.wide) &- scale
    guard offset < end else { throw RowFault(reason: .truncated, column: column) }
    let isNegative = base.load(fromByteOffset: offset, as: UInt8.self) & 0x80 == 0
    var isFirst = true
    var total: UInt64 = 0
    var digits = whole % 9
    var fullGroups = whole / 9
    for part in 0..<2 {
      if part == 1 { fullGroups = scale / 9 }
      if part == 0, digits > 0 {
        total = try group(digits, isNegative, &isFirst, column)
      }
      while fullGroups > 0 {
        total = total &* 1_000_000_000 &+ (try group(9, isNegative, &isFirst, column))
        fullGroups &-= 1
      }
      digits = scale % 9
      if part == 1, digits > 0 {
        total = total &* PackedDecimal.power(digits) &+ (try group(digits, isNegative, &isFirst, column))
      }
    }
    let value = Int64(truncatingIfNeeded: total)
    return .decimal64(unscaled: isNegative ? 0 &- value : value, scale: decoder.small)
  }

  @inline(__always)
  private mutating func group(
    _ digits: Int, _ isNegative: Bool, _ isFirst: inout Bool, _ column: Int
  ) throws(RowFault) -> UInt64 {
    let count = PackedDecimal.bytes(forDigits: digits)
    let start = try take(count, column)
    var value: UInt64
    switch count {
    case 1: value = UInt64(start.load(as: UInt8.self))
    case 2: value = UInt64(UInt16(bigEndian: start.loadUnaligned(as: UInt16.self)))
    case 3:
      let high = UInt16(bigEndian: start.loadUnaligned(as: UInt16.self))
      value = UInt64(high) << 8 | UInt64(start.load(fromByteOffset: 2, as: UInt8.self))
    default: value = UInt64(UInt32(bigEndian: start.loadUnaligned(as: UInt32.self)))
    }
    let bits = UInt64(count &* 8)
    if isFirst {
      value ^= 1 << (bits &- 1)
      isFirst = false
    }
    if isNegative { value ^= (1 << bits) &- 1 }
    guard value < PackedDecimal.power(digits) else { throw RowFault(reason: .badValue, column: column) }
    return value
  }

  /// More than 18 digits: the plain text.
  mutating func longDecimal(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let start = builder.arena.count
    guard start <= RowReader.arenaLimit - 128 else { throw RowFault(reason: .tooLarge, column: column) }
    let count = PackedDecimal.byteCount(precision: Int(decoder.wide), scale: Int(decoder.small))
    let bytes = UnsafeRawBufferPointer(start: try take(count, column), count: count)
    guard PackedDecimal.append(bytes, precision: Int(decoder.wide), scale: Int(decoder.small), to: &builder.arena)
    else {
      throw RowFault(reason: .badValue, column: column)
    }
    return .slice(.decimal, offset: start, length: builder.arena.count - start, scale: decoder.small)
  }
}
