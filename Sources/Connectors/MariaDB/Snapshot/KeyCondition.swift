/// Conditions that a key lies in a range, in the order of the key's index.
enum KeyCondition {
  /// `after < key AND key <= through`; empty when there is no bound.
  static func inside(_ range: SnapshotState.Range, _ columns: [KeyColumn]) -> String {
    var parts: [String] = []
    if let after = range.after { parts.append(compare(columns, after, strict: ">", last: ">")) }
    if let through = range.through { parts.append(compare(columns, through, strict: "<", last: "<=")) }
    return parts.joined(separator: " AND ")
  }

  /// `(a > x) OR (a = x AND b > y)`, with `a >= x` before it: the optimizer uses an index for that one.
  private static func compare(_ columns: [KeyColumn], _ key: SnapshotState.Key, strict: String, last: String) -> String
  {
    var alternatives: [String] = []
    var equal: [String] = []
    for (position, column) in columns.enumerated() {
      let name = SQLText.identifier(column.name)
      let literal = column.literal(key[position])
      let sign = position == columns.count - 1 ? last : strict
      alternatives.append("(" + (equal + ["\(name) \(sign) \(literal)"]).joined(separator: " AND ") + ")")
      equal.append("\(name) = \(literal)")
    }
    guard alternatives.count > 1, let first = columns.first else { return alternatives.joined() }
    let bound = "\(SQLText.identifier(first.name)) \(strict)= \(first.literal(key[0]))"
    return "\(bound) AND (\(alternatives.joined(separator: " OR ")))"
  }

  /// The same comparison between two constant keys, for the server to evaluate.
  static func isAtOrBefore(_ left: SnapshotState.Key, _ right: SnapshotState.Key, _ columns: [KeyColumn]) -> String {
    var alternatives: [String] = []
    var equal: [String] = []
    for (position, column) in columns.enumerated() {
      let (mine, other) = (column.literal(left[position]), column.literal(right[position]))
      let sign = position == columns.count - 1 ? "<=" : "<"
      alternatives.append("(" + (equal + ["\(mine) \(sign) \(other)"]).joined(separator: " AND ") + ")")
      equal.append("\(mine) = \(other)")
    }
    return alternatives.joined(separator: " OR ")
  }
}
