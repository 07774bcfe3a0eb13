import Change
import SQLRendering

/// Values as parameters of a prepared statement (mariadb.com/kb/en/com_stmt_bulk_execute, binary protocol values).
extension StatementBuffer {
  /// Appends a cell with the indicator that stands before it.
  @inline(__always)
  func append(parameter cell: Cell, _ column: WrittenColumn, _ image: RowView) throws(RowProblem) {
    if cell.tag == .null { return append(1 as UInt8) }
    append(0 as UInt8)
    switch (column.form, cell.tag) {
    case (.signed, .int), (.signed, .boolean), (.unsigned, .int), (.unsigned, .uint), (.unsigned, .bits),
      (.unsigned, .boolean):
      append(little: cell.payload)
    case (.signed, .uint) where cell.payload <= UInt64(Int64.max): append(little: cell.payload)
    case (.text, .text), (.text, .json), (.bytes, .bytes), (.decimal, .decimal), (.bytes, .text), (.text, .bytes),
      (.text, .decimal):
      append(lengthEncoded: unsafe image.slice(of: cell))
    case (.decimal, .decimal64), (.text, .decimal64):
      // One byte of length: a decimal of 64 bits has at most 41 characters.
      let length = count
      append(0 as UInt8)
      try append(decimal: cell, column)
      set(little: UInt8(count - length - 1), at: length)
    case (.float, .float32):
      guard cell.float32.isFinite else { throw notFinite(column) }
      append(little: cell.float32.bitPattern)
    case (.double, .float64):
      guard cell.float64.isFinite else { throw notFinite(column) }
      append(little: cell.float64.bitPattern)
    default: try append(rare: cell, column)
    }
  }

  private func append(rare cell: Cell, _ column: WrittenColumn) throws(RowProblem) {
    switch (column.form, cell.tag) {
    case (.date, .date): try append(date: CivilTime(daysSinceEpoch: cell.int), column)
    case (.date, .civil): try append(date: cell.civil, column)
    case (.dateTime, .timestamp), (.dateTime, .timestampZoned):
      try append(dateTime: CivilTime(microsecondsSinceEpoch: cell.int), column)
    case (.dateTime, .civil): try append(dateTime: cell.civil, column)
    case (.time, .time): append(time: cell.int)
    case (.double, .float32):
      guard cell.float32.isFinite else { throw notFinite(column) }
      append(little: Double(cell.float32).bitPattern)
    case (_, .absent), (_, .unavailable):
      throw .value(column: column.index, reason: "the row image does not hold the value")
    default: throw .value(column: column.index, reason: "the value is not of the column's type")
    }
  }

  private func notFinite(_ column: WrittenColumn) -> RowProblem {
    .value(column: column.index, reason: "the target stores finite numbers only")
  }

  private func append(lengthEncoded more: UnsafeRawBufferPointer) {
    switch more.count {
    case 0..<251: append(UInt8(truncatingIfNeeded: more.count))
    case 251..<65_536:
      append(0xfc as UInt8)
      append(little: UInt16(truncatingIfNeeded: more.count))
    case 65_536..<(1 << 24):
      append(0xfd as UInt8)
      append(little: UInt16(truncatingIfNeeded: more.count))
      append(UInt8(truncatingIfNeeded: more.count >> 16))
    default:
      append(0xfe as UInt8)
      append(little: UInt64(more.count))
    }
    append(unsafe more)
  }

  private func append(calendar time: CivilTime, _ column: WrittenColumn) throws(RowProblem) {
    guard (0...9999).contains(time.year) else {
      throw .value(column: column.index, reason: "the year is outside 0 to 9999")
    }
    append(little: UInt16(time.year))
    append(UInt8(time.month))
    append(UInt8(time.day))
  }

  private func append(date: CivilTime, _ column: WrittenColumn) throws(RowProblem) {
    append(4 as UInt8)
    try append(calendar: date, column)
  }

  private func append(dateTime: CivilTime, _ column: WrittenColumn) throws(RowProblem) {
    append(11 as UInt8)
    try append(calendar: dateTime, column)
    append(UInt8(dateTime.hour))
    append(UInt8(dateTime.minute))
    append(UInt8(dateTime.second))
    append(little: UInt32(dateTime.microsecond))
  }

  private func append(time microseconds: Int64) {
    let magnitude = microseconds.magnitude
    let seconds = magnitude / 1_000_000
    append(12 as UInt8)
    append(microseconds < 0 ? 1 : 0 as UInt8)
    append(little: UInt32(truncatingIfNeeded: seconds / 86_400))
    append(UInt8(seconds / 3600 % 24))
    append(UInt8(seconds / 60 % 60))
    append(UInt8(seconds % 60))
    append(little: UInt32(magnitude % 1_000_000))
  }
}
