import Change
import SQLRendering

extension StatementBuffer {
  /// Appends a cell as a constant of SQL.
  func append(literal cell: Cell, _ column: WrittenColumn, _ image: RowView) throws(RowProblem) {
    switch cell.tag {
    case .null: append("NULL")
    case .boolean, .int: appendText { $0.write(cell.int) }
    case .uint, .bits: appendText { $0.write(cell.payload) }
    case .float32: try append(number: Double(cell.float32), column)
    case .float64: try append(number: cell.float64, column)
    case .decimal where column.form == .text: append(quoted: unsafe image.slice(of: cell))
    case .decimal64:
      if column.form == .text { append(UInt8(ascii: "'")) }
      try append(decimal: cell, column)
      if column.form == .text { append(UInt8(ascii: "'")) }
    case .decimal: append(unsafe image.slice(of: cell))
    case .text, .json: append(quoted: unsafe image.slice(of: cell))
    case .bytes:
      append("_binary")
      append(quoted: unsafe image.slice(of: cell))
    case .date, .time, .timestamp, .timestampZoned, .civil:
      append(UInt8(ascii: "'"))
      append(clock: cell, column)
      append(UInt8(ascii: "'"))
    case .absent, .unavailable:
      throw .value(column: column.index, reason: "the row image does not hold the value")
    }
  }

  func append(decimal cell: Cell, _ column: WrittenColumn) throws(RowProblem) {
    guard cell.scale <= 38 else { throw .value(column: column.index, reason: "a decimal has an impossible scale") }
    appendText { $0.write(unscaled: cell.int, scale: Int(cell.scale)) }
  }

  /// All digits of the number: what the server reads is the number itself, also where it is one of 32 bits.
  private func append(number: Double, _ column: WrittenColumn) throws(RowProblem) {
    guard number.isFinite else { throw .value(column: column.index, reason: "the target stores finite numbers only") }
    var text = "\(number)"
    // Without an exponent the constant would be an exact decimal, which can be too long for one.
    if !text.utf8.contains(UInt8(ascii: "e")) { text += "e0" }
    append(text)
  }

  private func append(clock cell: Cell, _ column: WrittenColumn) {
    appendText { text in
      switch cell.tag {
      case .date: text.writeDate(CivilTime(daysSinceEpoch: cell.int))
      case .time: text.writeTime(microseconds: cell.int, fraction: 6)
      case .civil where column.form == .date: text.writeDate(cell.civil)
      case .civil: text.writeTimestamp(cell.civil, fraction: 6)
      default: text.writeTimestamp(CivilTime(microsecondsSinceEpoch: cell.int), fraction: 6)
      }
    }
  }
}
