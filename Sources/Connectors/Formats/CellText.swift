package import Change

/// What the rendering of a cell needs to know of its column beyond the cell's tag.
package struct CellForm: Hashable, Sendable, BitwiseCopyable {
  /// Digits of a second that the column keeps.
  package var fraction: UInt8
  /// Whether the column holds dates without a time.
  package var isDate: Bool
  /// Whether the column holds instants.
  package var isZoned: Bool

  package init(_ type: ColumnType) {
    fraction = 0
    isDate = false
    isZoned = false
    switch type {
    case .date: isDate = true
    case .time(let digits), .timestamp(let digits): fraction = UInt8(clamping: digits)
    case .timestampZoned(let digits):
      fraction = UInt8(clamping: digits)
      isZoned = true
    default: break
    }
  }
}

/// Renders any cell as plain text: no quotes, no escapes. For SQL sinks, CSV, logs and tests.
///
/// Every digit is kept. A date that no calendar has is written as it was stored (`0000-00-00`).
package struct CellText: Hashable, Sendable {
  package var times: TimeStyle
  package var binary: BinaryText
  /// What a boolean is written as: `true` and `false`, or `1` and `0`.
  package var booleansAreWords: Bool

  package init(times: TimeStyle, binary: BinaryText, booleansAreWords: Bool) {
    self.times = times
    self.binary = binary
    self.booleansAreWords = booleansAreWords
  }

  package static let iso = CellText(times: .iso, binary: .base64, booleansAreWords: true)
  package static let sql = CellText(times: .sql, binary: .hex, booleansAreWords: false)

  /// Appends the text of `cell`; NULL is `NULL`, an absent value `(absent)`, an unavailable one `(unavailable)`.
  package func append(_ cell: Cell, as form: CellForm, arena: RawSpan, to writer: inout ByteWriter) {
    switch cell.tag {
    case .absent: writer.append("(absent)")
    case .null: writer.append("NULL")
    case .unavailable: writer.append("(unavailable)")
    case .boolean: append(boolean: cell.payload != 0, to: &writer)
    case .int: writer.append(integer: cell.int)
    case .uint, .bits: writer.append(unsigned: cell.payload)
    case .float32: writer.append(float32: cell.float32, quoted: false)
    case .float64: writer.append(float64: cell.float64, quoted: false)
    case .decimal64: writer.append(decimal: cell.int, scale: Int(cell.scale))
    case .decimal, .text, .json: writer.append(arena.extracting(cell.range))
    case .bytes: writer.append(arena.extracting(cell.range), as: binary)
    case .date, .time, .timestamp, .timestampZoned, .civil: append(time: cell, as: form, to: &writer)
    }
  }

  /// The text of `cell` as a `String`; where speed is no matter.
  package func string(of cell: Cell, _ column: ColumnSchema, in batch: Batch) -> String {
    var writer = ByteWriter(capacity: 64)
    let arena = batch.arena
    append(cell, as: CellForm(column.type), arena: arena.span.bytes, to: &writer)
    return writer.text()
  }

  private func append(boolean value: Bool, to writer: inout ByteWriter) {
    if booleansAreWords {
      if value { writer.append("true") } else { writer.append("false") }
    } else {
      writer.append(value ? UInt8(ascii: "1") : UInt8(ascii: "0"))
    }
  }

  /// Appends a date, a span or a date and time with the column's digits of a second.
  @inline(__always)
  func append(time cell: Cell, as form: CellForm, to writer: inout ByteWriter) {
    switch cell.tag {
    case .date: writer.append(date: CivilTime(daysSinceEpoch: cell.int))
    case .time: writer.append(span: cell.int, fraction: .exactly(Int(form.fraction)))
    case .civil: append(civil: cell.civil, as: form, isZoned: form.isZoned, to: &writer)
    default:
      let value = CivilTime(microsecondsSinceEpoch: cell.int)
      append(civil: value, as: form, isZoned: cell.tag == .timestampZoned, to: &writer)
    }
  }

  private func append(civil value: CivilTime, as form: CellForm, isZoned: Bool, to writer: inout ByteWriter) {
    writer.append(date: value)
    if form.isDate { return }
    writer.append(times.separator)
    writer.append(clock: value, fraction: .exactly(Int(form.fraction)))
    if isZoned, times.marksZone { writer.append(UInt8(ascii: "Z")) }
  }
}
