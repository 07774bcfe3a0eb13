internal import Change

/// Reads rows out of one rows event: a plain loop over trivial decoders.
///
/// The event's bytes stand in the arena, too: `arenaOffset` is where. Text that is right as it is becomes a slice of that
/// copy; what must be converted is appended to the arena.
struct RowReader {
  let base: UnsafeRawPointer
  let end: Int
  var offset: Int
  /// Where byte 0 of the event stands in the arena.
  let arenaOffset: Int
  let builder: BatchBuilder
  let plan: TablePlan
  /// Arena bytes past which slices could no longer be told by 32 bits.
  static let arenaLimit = 0xfff0_0000

  /// Reads one row image into `cells`, one for each column of the table.
  /// - Parameter present: one bit a column, or nil when every column is there.
  @inline(__always)
  mutating func image(
    _ decoders: UnsafeBufferPointer<ColumnDecoder>, present: UnsafeRawPointer?, presentCount: Int,
    into cells: UnsafeMutablePointer<Cell>
  ) throws(RowFault) {
    let nullBytes = (presentCount &+ 7) >> 3
    guard nullBytes <= end &- offset else { throw RowFault(reason: .truncated, column: -1) }
    let nulls = base + offset
    offset &+= nullBytes
    if let present {
      try partialImage(decoders, present: present, nulls: nulls, into: cells)
      return
    }
    var column = 0
    if RowReader.isZero(nulls, bits: presentCount) {
      while column < decoders.count {
        cells[column] = try cell(decoders[column], column)
        column &+= 1
      }
      return
    }
    while column < decoders.count {
      if nulls.load(fromByteOffset: column >> 3, as: UInt8.self) >> UInt8(truncatingIfNeeded: column & 7) & 1 != 0 {
        cells[column] = .null
      } else {
        cells[column] = try cell(decoders[column], column)
      }
      column &+= 1
    }
  }

  /// Whether no column is NULL, as in most rows. Bits behind the last column say nothing.
  @inline(__always)
  private static func isZero(_ bytes: UnsafeRawPointer, bits count: Int) -> Bool {
    let whole = count >> 3
    var index = 0
    while index < whole {
      if bytes.load(fromByteOffset: index, as: UInt8.self) != 0 { return false }
      index &+= 1
    }
    let rest = UInt8(truncatingIfNeeded: count & 7)
    return rest == 0 || bytes.load(fromByteOffset: whole, as: UInt8.self) & ((1 << rest) &- 1) == 0
  }

  private mutating func partialImage(
    _ decoders: UnsafeBufferPointer<ColumnDecoder>, present: UnsafeRawPointer, nulls: UnsafeRawPointer,
    into cells: UnsafeMutablePointer<Cell>
  ) throws(RowFault) {
    var bit = 0
    for column in 0..<decoders.count {
      guard present.load(fromByteOffset: column >> 3, as: UInt8.self) >> UInt8(column & 7) & 1 != 0 else {
        cells[column] = .absent
        continue
      }
      let isNull = nulls.load(fromByteOffset: bit >> 3, as: UInt8.self) >> UInt8(bit & 7) & 1 != 0
      bit += 1
      cells[column] = isNull ? .null : try cell(decoders[column], column)
    }
  }

  @inline(__always)
  mutating func take(_ count: Int, _ column: Int) throws(RowFault) -> UnsafeRawPointer {
    guard count <= end &- offset else { throw RowFault(reason: .truncated, column: column) }
    let start = base + offset
    offset &+= count
    return start
  }

  @inline(__always)
  mutating func number<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, _ column: Int) throws(RowFault) -> T {
    T(littleEndian: try take(MemoryLayout<T>.size, column).loadUnaligned(as: T.self))
  }

  /// A little-endian number of 1 to 8 bytes.
  @inline(__always)
  mutating func number(bytes count: Int, _ column: Int) throws(RowFault) -> UInt64 {
    let start = try take(count, column)
    var value: UInt64 = 0
    var index = count &- 1
    while index >= 0 {
      value = value << 8 | UInt64(start.load(fromByteOffset: index, as: UInt8.self))
      index &-= 1
    }
    return value
  }

  /// A big-endian number of 1 to 8 bytes.
  @inline(__always)
  mutating func bigEndian(bytes count: Int, _ column: Int) throws(RowFault) -> UInt64 {
    let start = try take(count, column)
    var value: UInt64 = 0
    var index = 0
    while index < count {
      value = value << 8 | UInt64(start.load(fromByteOffset: index, as: UInt8.self))
      index &+= 1
    }
    return value
  }

  /// The bytes of a value that stands behind its length.
  @inline(__always)
  mutating func value(prefix: UInt8, _ column: Int) throws(RowFault) -> UnsafeRawBufferPointer {
    let length: Int
    switch prefix {
    case 1: length = Int(try number(UInt8.self, column))
    case 2: length = Int(try number(UInt16.self, column))
    default: length = Int(try number(bytes: Int(prefix), column))
    }
    return UnsafeRawBufferPointer(start: try take(length, column), count: length)
  }

  /// The slice of the arena's copy that the value just read stands in.
  @inline(__always)
  func slice(_ tag: Cell.Tag, _ value: UnsafeRawBufferPointer) -> Cell {
    let start = arenaOffset &+ offset &- value.count
    return Cell(
      tag, UInt64(UInt32(truncatingIfNeeded: start)) | UInt64(UInt32(truncatingIfNeeded: value.count)) << 32)
  }

  @inline(__always)
  private mutating func cell(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    switch decoder.kind {
    case .int8: return .int(Int64(try number(Int8.self, column)))
    case .uint8: return .uint(UInt64(try number(UInt8.self, column)))
    case .int16: return .int(Int64(try number(Int16.self, column)))
    case .uint16: return .uint(UInt64(try number(UInt16.self, column)))
    case .int24: return .int(Int64((Int32(truncatingIfNeeded: try number(bytes: 3, column)) << 8) >> 8))
    case .uint24: return .uint(try number(bytes: 3, column))
    case .int32: return .int(Int64(try number(Int32.self, column)))
    case .uint32: return .uint(UInt64(try number(UInt32.self, column)))
    case .int64: return .int(try number(Int64.self, column))
    case .uint64: return .uint(try number(UInt64.self, column))
    case .float32: return Cell(.float32, UInt64(try number(UInt32.self, column)))
    case .float64: return Cell(.float64, try number(UInt64.self, column))
    case .decimal64: return try decimal64(decoder, column)
    case .utf8:
      let bytes = try value(prefix: decoder.small, column)
      guard UTF8Check.isValid(bytes) else { throw RowFault(reason: .badText, column: column) }
      return slice(.text, bytes)
    case .bytes:
      let bytes = try value(prefix: decoder.small, column)
      return slice(.bytes, bytes)
    case .latin1, .ascii:
      let bytes = try value(prefix: decoder.small, column)
      if UTF8Check.isASCII(bytes) { return slice(.text, bytes) }
      return try converted(bytes, decoder, column)
    case .datetime: return try datetime(decoder, column)
    case .timestamp: return try timestamp(decoder, column)
    default: return try rareCell(decoder, column)
    }
  }
}
