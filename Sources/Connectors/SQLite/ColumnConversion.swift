import Change
import SQLRendering

/// What a change of a column's type does to the values that are stored at the target.
enum ColumnConversion: Equatable {
  /// They stay as they are, as long as no row fulfils the condition: such a value was changed by the source.
  case keep(unless: String?)
  /// They become the value of the expression.
  case rewrite(String, unless: String?)
  /// The source's result cannot be told from what is stored.
  case unknown

  /// - Parameter name: the column's quoted name at the target.
  static func from(
    _ old: ColumnSchema, to new: ColumnSchema, name: String, unsigned64: Unsigned64Policy
  ) -> ColumnConversion {
    let conversion = withoutPadding(values(old, new, name, unsigned64), old, new, name)
    guard old.isNullable, !new.isNullable else { return conversion }
    switch conversion {
    case .keep(let condition): return .keep(unless: either(condition, "\(name) IS NULL"))
    case .rewrite(let expression, let condition):
      return .rewrite(expression, unless: either(condition, "\(name) IS NULL"))
    case .unknown: return .unknown
    }
  }

  /// MariaDB and MySQL give the values of a CHAR without the spaces at their end.
  private static func withoutPadding(
    _ conversion: ColumnConversion, _ old: ColumnSchema, _ new: ColumnSchema, _ name: String
  ) -> ColumnConversion {
    guard case .text(let length) = new.type, case .text = old.type, new.becomesPadded(from: old) else {
      return conversion
    }
    let trimmed = "rtrim(\(name), ' ')"
    return .rewrite(trimmed, unless: either(longer(trimmed, length), lostCharacters(old, new, name)))
  }

  private static func either(_ left: String?, _ right: String?) -> String? {
    guard let left, let right else { return left ?? right }
    return "(\(left)) OR (\(right))"
  }

  private static func values(
    _ old: ColumnSchema, _ new: ColumnSchema, _ name: String, _ unsigned64: Unsigned64Policy
  ) -> ColumnConversion {
    if old.type == new.type, old.charset == new.charset { return .keep(unless: nil) }
    switch (old.type, new.type) {
    case (.integer, .integer): return integers(old.type, new.type, name, unsigned64)
    case (.integer, .text(let length)) where !old.nativeType.lowercased().contains("zerofill"):
      return .rewrite("CAST(\(name) AS TEXT)", unless: longer(name, length))
    case (.integer, .decimal(let precision, let scale, let isUnsigned)):
      let text = "CAST(\(name) AS TEXT)"
      return .rewrite(
        scale == 0 ? text : "\(text) || '.\(zeros(scale))'",
        unless: either("length(ltrim(\(text), '-')) > \(precision - scale)", isUnsigned ? "\(text) LIKE '-%'" : nil))
    case (.decimal(_, let scale, _), .decimal(let precision, let newScale, let isUnsigned)) where newScale >= scale:
      let zeros = zeros(newScale - scale)
      let whole = scale == 0 ? "length(ltrim(\(name), '-'))" : "instr(ltrim(\(name), '-'), '.') - 1"
      let condition = either("\(whole) > \(max(1, precision - newScale))", isUnsigned ? "\(name) LIKE '-%'" : nil)
      if zeros.isEmpty { return .keep(unless: condition) }
      return .rewrite("\(name) || '\(scale == 0 ? "." : "")\(zeros)'", unless: condition)
    case (.text, .text(let length)):
      return .keep(unless: either(longer(name, length), lostCharacters(old, new, name)))
    case (.decimal, .text(let length)), (.date, .text(let length)), (.time, .text(let length)),
      (.timestamp, .text(let length)), (.enumeration, .text(let length)), (.set, .text(let length)),
      (.uuid, .text(let length)), (.json, .text(let length)):
      return .keep(unless: either(longer(name, length), lostCharacters(old, new, name)))
    case (.enumeration, .enumeration(let members)):
      let list = members.map(SQLDialect.sqlite.literal).joined(separator: ", ")
      return .keep(unless: "\(name) NOT IN (\(list))")
    case (.set(let members), .set(let newMembers)) where members == Array(newMembers.prefix(members.count)):
      return .keep(unless: nil)
    case (.float32, .float64): return .keep(unless: nil)
    case (.bytes(let length, false), .bytes(let newLength, false)):
      return .keep(
        unless: newLength == 0 || (length > 0 && newLength >= length) ? nil : "length(\(name)) > \(newLength)")
    case (.bit(let width), .bit(let newWidth)) where newWidth >= width: return .keep(unless: nil)
    default: return clocks(old.type, new.type, name)
    }
  }

  private static func clocks(_ old: ColumnType, _ new: ColumnType, _ name: String) -> ColumnConversion {
    switch (old, new) {
    case (.time(let old), .time(let new)), (.timestamp(let old), .timestamp(let new)):
      guard new >= old else { return .unknown }
      return .rewrite("\(name) || '\(old == 0 ? "." : "")\(zeros(new - old))'", unless: nil)
    case (.timestampZoned(let old), .timestampZoned(let new)):
      guard new >= old else { return .unknown }
      let digits = "\(old == 0 ? "." : "")\(zeros(new - old))"
      return .rewrite(
        "rtrim(\(name), 'Z') || '\(digits)' || CASE WHEN \(name) LIKE '%Z' THEN 'Z' ELSE '' END", unless: nil)
    case (.date, .timestamp(let fraction)):
      return .rewrite("\(name) || ' 00:00:00\(fraction == 0 ? "" : ".\(zeros(fraction))")'", unless: nil)
    default: return .unknown
    }
  }

  private static func integers(
    _ old: ColumnType, _ new: ColumnType, _ name: String, _ unsigned64: Unsigned64Policy
  ) -> ColumnConversion {
    guard case .integer(let bits, let isUnsigned) = new, case .integer(let oldBits, let wasUnsigned) = old else {
      return .unknown
    }
    let wasText = old.storage(unsigned64) == .text
    if new.storage(unsigned64) == .text {
      return wasText ? .keep(unless: nil) : .rewrite("CAST(\(name) AS TEXT)", unless: wasUnsigned ? nil : "\(name) < 0")
    }
    let widened = isUnsigned == wasUnsigned ? bits >= oldBits : !isUnsigned && bits > oldBits
    if widened { return .keep(unless: nil) }
    let signedBits = min(63, isUnsigned ? bits : bits - 1)
    let upper = (UInt64(1) << UInt64(signedBits)) - 1
    let lower = isUnsigned ? "0" : "(-\(upper) - 1)"
    guard wasText else { return .keep(unless: "\(name) NOT BETWEEN \(lower) AND \(upper)") }
    // As text the longer number is the larger one.
    let length = "\(upper)".utf8.count
    return .rewrite(
      "CAST(\(name) AS INTEGER)",
      unless: "length(\(name)) > \(length) OR (length(\(name)) = \(length) AND \(name) > '\(upper)')")
  }

  private static func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }

  private static func longer(_ name: String, _ length: Int) -> String? {
    length == 0 ? nil : "length(\(name)) > \(length)"
  }

  /// Characters that the new character set may not have.
  private static func lostCharacters(_ old: ColumnSchema, _ new: ColumnSchema, _ name: String) -> String? {
    guard let charset = new.charset, charset != old.charset, charset != "utf8mb4" else { return nil }
    return "length(\(name)) <> length(CAST(\(name) AS BLOB))"
  }
}
