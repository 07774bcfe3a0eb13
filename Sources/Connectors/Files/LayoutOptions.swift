import Change

/// How finely segments are divided by commit time (TiCDC's `date-separator`, with hours added).
package enum DateSeparator: String, Sendable, CaseIterable { case none, year, month, day, hour }

/// Which changes share a sequence of segments.
package enum Layout: String, Sendable, CaseIterable {
  /// `{schema}/{table}/{date}/…`: each table has its own; the places in the lines restore the order across tables.
  case table
  /// `@stream/{date}/…`: all tables in log order.
  case stream
}

/// The date of a commit as it stands in a path, worked out anew only when a day or an hour ends.
struct DateFolder {
  private let separator: DateSeparator
  private(set) var text = ""
  private var span: Range<Int64> = 0..<0

  init(_ separator: DateSeparator) { self.separator = separator }

  /// Moves to the date of `time`, UTC; returns whether the text has changed.
  mutating func move(to time: EventTime) -> Bool {
    if span.contains(time.microseconds) { return false }
    if separator == .none {
      span = Int64.min..<Int64.max
      return false
    }
    let unit: Int64 = separator == .hour ? 3_600_000_000 : 86_400_000_000
    let begin = time.microseconds.flooredDivision(by: unit).quotient
    let (start, isBelow) = begin.multipliedReportingOverflow(by: unit)
    let (end, isAbove) = start.addingReportingOverflow(unit)
    span = (isBelow ? .min : start)..<(isAbove ? .max : end)
    let old = text
    text = DateFolder.text(CivilTime(microsecondsSinceEpoch: time.microseconds), separator)
    return text != old
  }

  private static func text(_ time: CivilTime, _ separator: DateSeparator) -> String {
    func padded(_ number: Int, _ width: Int) -> String {
      let digits = String(number.magnitude)
      return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    var parts: [String] = []
    if separator != .none { parts.append(padded(Int(time.year), 4)) }
    if [.month, .day, .hour].contains(separator) { parts.append(padded(Int(time.month), 2)) }
    if [.day, .hour].contains(separator) { parts.append(padded(Int(time.day), 2)) }
    if separator == .hour { parts.append(padded(Int(time.hour), 2)) }
    return parts.joined(separator: "-")
  }
}
