import Change
import MessageDigest

extension MaskPlan {
  /// A column's default, masked like a value; nil: there is none, or it is not known which value it makes.
  ///
  /// Rows that are there when a column is added get its default at the target, as they did at the source.
  static func maskedDefault(of column: ColumnSchema, _ action: MaskAction, _ hash: KeyedHash) -> ColumnSchema.Default? {
    switch (column.defaultValue, action) {
    case (nil, _), (_, .null): nil
    case (.literal, .redact): .literal("***")
    // Whatever it makes, it is a value.
    case (.expression, .redact): column.isNullable ? nil : .literal("***")
    case (.expression, _): nil
    case (.literal(let text), _): masked(text, column.type, action, hash).map { .literal($0) }
    }
  }

  /// The schema of a masked table from which targets learn what an added column holds in the rows that were there.
  /// - Throws: `.schemaChange` when that is not known: the masked values would be NULL there.
  func filling(
    addedTo before: TableSchema, in source: TableSchema, _ words: StatementWords, _ hash: KeyedHash
  ) throws(Failure) -> TableSchema {
    var columns = target.columns
    for mask in self.columns {
      let column = source.columns[mask.index]
      guard before.column(named: column.name) == nil, mask.action != .null else { continue }
      guard columns[mask.index].defaultValue == nil else { continue }
      let isUnknown = column.defaultValue != nil || column.generation != .no
      if !isUnknown, column.isNullable { continue }
      // The log does not say what the statement does; the sinks, which look at it, refuse what they cannot know.
      if !isUnknown, words.declaresDefault || column.isAutoIncrement { continue }
      let implicit = mask.action == .redact ? "***" : column.type.implicitLiteral
      guard !isUnknown, let implicit, let text = MaskPlan.masked(implicit, column.type, mask.action, hash) else {
        throw Failure(
          .schemaChange,
          "column \"\(column.name)\", which `mask` hides, was added, and what it holds in the rows that were there is not known",
          at: "table \"\(source.name)\"",
          hint: "use `redact` or `null` for the column, or take a new snapshot of the table without it in the target")
      }
      columns[mask.index].defaultValue = .literal(text)
    }
    guard columns != target.columns else { return target }
    return TableSchema(
      name: target.name, columns: columns, key: target.key, keyIsPrimary: target.keyIsPrimary,
      uniqueKeys: target.uniqueKeys, indexes: target.indexes, version: target.version)
  }

  /// The masked form of the value that a literal stands for; nil when its text is not known exactly.
  private static func masked(
    _ literal: String, _ type: ColumnType, _ action: MaskAction, _ hash: KeyedHash
  ) -> String? {
    if action == .redact { return "***" }
    guard let text = plainText(of: literal, type) else { return nil }
    if case .bytes = type { return MaskWriter.masked(text, .bytes, action, hash) }
    return MaskWriter.masked(text, .text, action, hash)
  }

  /// The text of the value that a column holds by this literal, as values are hashed.
  private static func plainText(of literal: String, _ type: ColumnType) -> String? {
    switch type {
    case .boolean:
      switch literal.lowercased() {
      case "1", "true", "t": return "1"
      case "0", "false", "f": return "0"
      default: return nil
      }
    case .integer, .year: return Int64(literal).map(String.init) ?? UInt64(literal).map(String.init)
    case .decimal(_, let scale, _): return decimalText(literal, scale: scale)
    case .bytes(let length, let isPadded):
      guard literal.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }), !literal.hasPrefix("0x") else { return nil }
      return isPadded ? literal + String(repeating: "\0", count: max(0, length - literal.utf8.count)) : literal
    case _ where type.isTextual || type == .json: return literal
    default: return nil
    }
  }

  /// A number with all digits of its scale and no others.
  private static func decimalText(_ literal: String, scale: Int) -> String? {
    let digits = literal.hasPrefix("-") ? literal.dropFirst() : literal[...]
    let halves = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(halves.count), !halves[0].isEmpty,
      halves.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
    else { return nil }
    let fraction = halves.count == 2 ? halves[1] : ""
    guard fraction.count <= scale else { return nil }
    let whole = halves[0].drop { $0 == "0" }
    let text = (whole.isEmpty ? "0" : whole) + (scale > 0 ? "." : "") + fraction
    let isNegative = literal.hasPrefix("-") && digits.contains { $0 != "0" && $0 != "." }
    return (isNegative ? "-" : "") + text + String(repeating: "0", count: scale - fraction.count)
  }
}
