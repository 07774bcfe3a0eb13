package import Change

/// Which tables a pipeline takes: globs over `schema.table`, in order, the last that matches decides; `!` excludes.
/// Without any pattern every table is taken. `*` and `?` match within and across names; everything else is literal.
package struct TableFilter: Sendable {
  private let rules: [(pattern: [UInt8], includes: Bool)]
  private let includesByDefault: Bool

  package init(_ patterns: [String]) {
    rules = patterns.map { pattern in
      let excludes = pattern.hasPrefix("!")
      return (Array((excludes ? String(pattern.dropFirst()) : pattern).utf8), !excludes)
    }
    includesByDefault = rules.first.map { !$0.includes } ?? true
  }

  package func includes(_ table: TableName) -> Bool {
    let name = Array("\(table.namespace).\(table.table)".utf8)
    var isIncluded = includesByDefault
    for rule in rules where TableFilter.matches(rule.pattern, name) { isIncluded = rule.includes }
    return isIncluded
  }

  /// Linear-time glob match with one point of return: the last `*`.
  private static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
    var patternIndex = 0
    var textIndex = 0
    var star = -1
    var starText = 0
    while textIndex < text.count {
      if patternIndex < pattern.count, pattern[patternIndex] == UInt8(ascii: "*") {
        star = patternIndex
        starText = textIndex
        patternIndex += 1
      } else if patternIndex < pattern.count,
        pattern[patternIndex] == UInt8(ascii: "?") || pattern[patternIndex] == text[textIndex]
      {
        patternIndex += 1
        textIndex += 1
      } else if star >= 0 {
        patternIndex = star + 1
        starText += 1
        textIndex = starText
      } else {
        return false
      }
    }
    return pattern[patternIndex...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
