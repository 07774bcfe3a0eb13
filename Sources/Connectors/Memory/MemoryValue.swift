package import Change

/// One value of a row as a plain Swift value: what a test writes down and compares.
package enum MemoryValue: Hashable, Sendable {
  case absent, null, unavailable
  case boolean(Bool)
  case int(Int64)
  case uint(UInt64)
  /// The bit patterns, so that NaN equals itself and -0 is not 0.
  case float32(UInt32)
  case float64(UInt64)
  /// Plain text with all digits of the scale: `-12.50`.
  case decimal(String)
  case text(String)
  case bytes([UInt8])
  case json(String)
  case date(days: Int64)
  case time(microseconds: Int64)
  case timestamp(microseconds: Int64)
  case timestampZoned(microseconds: Int64)
  case civil(CivilTime)
  case bits(UInt64)

  package static func float(_ value: Float) -> MemoryValue { .float32(value.bitPattern) }
  package static func double(_ value: Double) -> MemoryValue { .float64(value.bitPattern) }
}

extension MemoryValue {
  /// The value that a cell of `batch` holds.
  package init(_ cell: Cell, in batch: Batch) {
    switch cell.tag {
    case .absent: self = .absent
    case .null: self = .null
    case .unavailable: self = .unavailable
    case .boolean: self = .boolean(cell.payload != 0)
    case .int: self = .int(cell.int)
    case .uint: self = .uint(cell.payload)
    case .float32: self = .float32(UInt32(truncatingIfNeeded: cell.payload))
    case .float64: self = .float64(cell.payload)
    case .decimal64: self = .decimal(MemoryValue.plain(cell.int, scale: Int(cell.scale)))
    case .decimal: self = .decimal(batch.text(of: cell))
    case .text: self = .text(batch.text(of: cell))
    case .bytes: self = .bytes(batch.bytes(of: cell))
    case .json: self = .json(batch.text(of: cell))
    case .date: self = .date(days: cell.int)
    case .time: self = .time(microseconds: cell.int)
    case .timestamp: self = .timestamp(microseconds: cell.int)
    case .timestampZoned: self = .timestampZoned(microseconds: cell.int)
    case .civil: self = .civil(cell.civil)
    case .bits: self = .bits(cell.payload)
    }
  }

  /// The cell that holds this value in the batch that `builder` collects, in the form that `type` asks for.
  package func cell(in builder: BatchBuilder, type: ColumnType) -> Cell {
    switch self {
    case .absent: .absent
    case .null: .null
    case .unavailable: .unavailable
    case .boolean(let value): .boolean(value)
    case .int(let value): .int(value)
    case .uint(let value): .uint(value)
    case .float32(let pattern): Cell(.float32, UInt64(pattern))
    case .float64(let pattern): Cell(.float64, pattern)
    case .decimal(let text): MemoryValue.decimal(text, in: builder, type: type)
    case .text(let text): builder.text(text)
    case .json(let text): builder.text(text, tag: .json)
    case .bytes(let bytes): MemoryValue.bytes(bytes, in: builder)
    case .date(let days): .date(days: days)
    case .time(let microseconds): .time(microseconds: microseconds)
    case .timestamp(let microseconds): .timestamp(microseconds: microseconds)
    case .timestampZoned(let microseconds): .timestampZoned(microseconds: microseconds)
    case .civil(let time): .civil(time)
    case .bits(let bits): .bits(bits)
    }
  }

  private static func bytes(_ bytes: [UInt8], in builder: BatchBuilder) -> Cell {
    let offset = builder.arena.count
    builder.arena.append(contentsOf: bytes)
    return .slice(.bytes, offset: offset, length: bytes.count)
  }

  private static func decimal(_ text: String, in builder: BatchBuilder, type: ColumnType) -> Cell {
    guard case .decimal(let precision, let scale, _) = type, precision <= 18,
      let unscaled = Int64(text.filter { $0 != "." })
    else { return builder.text(text, tag: .decimal) }
    return .decimal64(unscaled: unscaled, scale: UInt8(scale))
  }

  private static func plain(_ unscaled: Int64, scale: Int) -> String {
    var digits = String(unscaled.magnitude)
    if scale > 0 {
      digits = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
      digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale))
    }
    return unscaled < 0 ? "-" + digits : digits
  }
}
