package import Change

/// Which tables a pipeline takes: globs over `schema.table`, in order, the last that matches decides; `!` excludes.
/// Without any pattern every table is taken. `*` and `?` match within and across names; everything else is literal.
package struct TableFilter: Sendable {
  private let rules: [(pattern: [Unicode.Scalar], includes: Bool)]
  private let includesByDefault: Bool

  package init(_ patterns: [String]) {
    rules = patterns.map { pattern in
      let excludes = pattern.hasPrefix("!")
      return (Array((excludes ? String(pattern.dropFirst()) : pattern).unicodeScalars), !excludes)
    }
    includesByDefault = rules.first.map { !$0.includes } ?? true
  }

  package func includes(_ table: TableName) -> Bool {
    let name = Array("\(table.namespace).\(table.table)".unicodeScalars)
    var isIncluded = includesByDefault
    for rule in rules where TableFilter.matches(rule.pattern, name) { isIncluded = rule.includes }
    return isIncluded
  }

  /// Glob match with one point of return, the last `*`: at worst the product of both lengths, never exponential.
  private static func matches(_ pattern: [Unicode.Scalar], _ text: [Unicode.Scalar]) -> Bool {
    var patternIndex = 0
    var textIndex = 0
    var star = -1
    var starText = 0
    while textIndex < text.count {
      if patternIndex < pattern.count, pattern[patternIndex] == "*" {
        star = patternIndex
        starText = textIndex
        patternIndex += 1
      } else if patternIndex < pattern.count,
        pattern[patternIndex] == "?" || pattern[patternIndex] == text[textIndex]
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
    return pattern[patternIndex...].allSatisfy { $0 == "*" }
  }
}
