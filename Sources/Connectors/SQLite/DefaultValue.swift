import Change
import SQLRendering

/// The value that a column added at the source gave to the rows that were already there, as a SQLite constant.
enum DefaultValue {
  /// A literal default in the form in which the column's values are stored; nil when it cannot be told exactly.
  static func constant(_ text: String, _ column: ColumnSchema, _ unsigned64: Unsigned64Policy) -> String? {
    let quoted = SQLDialect.sqlite.literal(text)
    switch column.type {
    case .boolean, .integer, .year:
      guard let canonical = canonicalInteger(text) else { return nil }
      return column.type.storage(unsigned64) == .integer ? canonical : SQLDialect.sqlite.literal(canonical)
    case .decimal(_, let scale, _): return canonicalDecimal(text, scale: scale).map(SQLDialect.sqlite.literal)
    case .unboundedDecimal: return canonicalDecimal(text, scale: nil).map(SQLDialect.sqlite.literal)
    case .float32: return Float(text).flatMap { $0.isFinite ? "\(Double($0))" : nil }
    case .float64: return Double(text).flatMap { $0.isFinite ? "\($0)" : nil }
    case .text, .enumeration, .set, .json, .uuid, .address: return quoted
    case .date: return text.utf8.count == 10 ? quoted : nil
    case .time(let fraction), .timestamp(let fraction): return canonicalClock(text, fraction: fraction)
    // The literal is in the time zone of whoever declared it.
    case .timestampZoned(let fraction):
      return text.hasPrefix("0000-00-00") ? canonicalClock(text, fraction: fraction) : nil
    case .bytes(let length, let padded):
      var bytes = Array(text.utf8)
      if padded { bytes += [UInt8](repeating: 0, count: max(0, length - bytes.count)) }
      return SQLDialect.sqlite.literal(bytes)
    case .bit, .geometry: return nil
    }
  }

  /// What MariaDB and MySQL put into a NOT NULL column that is added without a default; nil: not known.
  static func implicit(_ column: ColumnSchema, _ unsigned64: Unsigned64Policy) -> String? {
    switch column.type {
    case .boolean, .integer, .year, .decimal, .float32, .float64: constant("0", column, unsigned64)
    case .unboundedDecimal, .json, .geometry: nil
    case .text, .set: "''"
    case .enumeration(let members): members.first.map(SQLDialect.sqlite.literal)
    case .bytes(let length, let padded):
      SQLDialect.sqlite.literal([UInt8](repeating: 0, count: padded ? length : 0))
    case .date: "'0000-00-00'"
    case .time(let fraction): canonicalClock("00:00:00", fraction: fraction)
    case .timestamp(let fraction), .timestampZoned(let fraction):
      canonicalClock("0000-00-00 00:00:00", fraction: fraction)
    case .bit: "0"
    case .uuid: "'00000000-0000-0000-0000-000000000000'"
    case .address: column.nativeType.lowercased().hasPrefix("inet4") ? "'0.0.0.0'" : "'::'"
    }
  }

  private static func canonicalInteger(_ text: String) -> String? {
    if let value = Int64(text) { return "\(value)" }
    return UInt64(text).map { "\($0)" }
  }

  private static func canonicalDecimal(_ text: String, scale: Int?) -> String? {
    let isNegative = text.hasPrefix("-")
    let parts = text.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
      let first = parts.first, !first.isEmpty
    else { return nil }
    let whole = first.drop { $0 == "0" }
    var digits = parts.count == 2 ? String(parts[1]) : ""
    if let scale {
      guard digits.utf8.count <= scale else { return nil }
      digits += String(repeating: "0", count: scale - digits.utf8.count)
    }
    let isZero = whole.isEmpty && digits.allSatisfy { $0 == "0" }
    let sign = isNegative && !isZero ? "-" : ""
    return sign + (whole.isEmpty ? "0" : String(whole)) + (digits.isEmpty ? "" : ".\(digits)")
  }

  /// `[…]HH:MM:SS[.digits]` with exactly `fraction` digits; nil when digits would be lost.
  private static func canonicalClock(_ text: String, fraction: Int) -> String? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts[0].hasSuffixOfClock else { return nil }
    var digits = parts.count == 2 ? String(parts[1]) : ""
    while digits.utf8.count > fraction, digits.hasSuffix("0") { digits.removeLast() }
    guard digits.utf8.count <= fraction else { return nil }
    digits += String(repeating: "0", count: fraction - digits.utf8.count)
    return SQLDialect.sqlite.literal(parts[0] + (digits.isEmpty ? "" : ".\(digits)"))
  }
}

extension Substring {
  /// Whether the text ends as `HH:MM:SS` does.
  fileprivate var hasSuffixOfClock: Bool {
    let end = Array(utf8.suffix(6))
    return end.count == 6 && end[0] == 58 && end[3] == 58
      && [1, 2, 4, 5].allSatisfy { (48...57).contains(end[$0]) }
  }
}
