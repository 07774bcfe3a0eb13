import Change

extension ByteWriter {
  /// Appends a date, a span or a date and time that a calendar has, as the column's form says.
  mutating func append(time cell: Cell, _ column: DebeziumColumn) -> Fidelity {
    switch column.form {
    case .days, .microseconds: append(integer: cell.int)
    case .milliseconds:
      let (milliseconds, rest) = cell.int.flooredDivision(by: 1000)
      append(integer: milliseconds)
      return rest == 0 ? .exact : .lossy
    case .nanoseconds:
      let (nanoseconds, overflow) = cell.int.multipliedReportingOverflow(by: 1000)
      if overflow { return .malformed }
      append(integer: nanoseconds)
    case .dayMilliseconds:
      guard isTimeOfDay(cell.int) else { return appendNull() }
      append(integer: cell.int / 1000)
      return cell.int % 1000 == 0 ? .exact : .lossy
    case .isoTime:
      guard isTimeOfDay(cell.int) else { return appendNull() }
      append(UInt8(ascii: "\""))
      append(span: cell.int, fraction: .needed)
      append("Z\"")
    case .isoDate:
      append(UInt8(ascii: "\""))
      append(date: CivilTime(daysSinceEpoch: cell.int))
      append("Z\"")
    case .isoTimestamp: append(instant: cell.int, fraction: .needed)
    case .zoned: append(instant: cell.int, fraction: .exactly(Int(column.fraction)))
    default: return .malformed
    }
    return .exact
  }

  private func isTimeOfDay(_ microseconds: Int64) -> Bool { microseconds >= 0 && microseconds < 86_400_000_000 }

  private mutating func appendNull() -> Fidelity {
    append("null")
    return .lossy
  }

  private mutating func append(instant microseconds: Int64, fraction: FractionDigits) {
    let value = CivilTime(microsecondsSinceEpoch: microseconds)
    append(UInt8(ascii: "\""))
    append(date: value)
    append(UInt8(ascii: "T"))
    append(clock: value, fraction: fraction)
    append("Z\"")
  }

  /// Appends the epoch in the column's form: Debezium's stand-in for a date that no calendar has, where NULL is not allowed.
  mutating func append(epochOf column: DebeziumColumn) {
    switch column.form {
    case .isoDate: append("\"1970-01-01Z\"")
    case .isoTimestamp, .zoned: append("\"1970-01-01T00:00:00Z\"")
    default: append("0")
    }
  }
}
