internal import Change

/// Reads the definition of an index: `UNIQUE KEY name (a, b(10) DESC)`.
struct IndexReader {
  var tokens: SQLTokens

  init(tokens: SQLTokens) { self.tokens = tokens }

  /// Steps over the word before INDEX or KEY; nil: a kind that is not replicated.
  static func kind(_ tokens: inout SQLTokens) -> TableIndex.Kind? {
    if tokens.accept("UNIQUE") { return .unique }
    if tokens.accept("FULLTEXT") { return .fulltext }
    if tokens.accept("SPATIAL") { return .spatial }
    return tokens.accept("VECTOR") ? nil : .ordinary
  }

  /// From the kind on to behind the parentheses; nil: over an expression, or not understood. The name is empty where the
  /// server chooses it.
  /// - Parameter constraint: the name behind CONSTRAINT, which names a unique key that has no other.
  mutating func read(constraint: String?) -> TableHints.Index? {
    let kind = IndexReader.kind(&tokens)
    _ = tokens.accept("INDEX") || tokens.accept("KEY")
    _ = tokens.accept("IF", "NOT", "EXISTS")
    let name = tokens.isSign("(") || tokens.isWord("USING") ? nil : tokens.name()
    if tokens.accept("USING") { _ = tokens.name() }
    guard let parts = parts(), let kind else { return nil }
    return TableHints.Index(name: name ?? constraint ?? "", kind: kind, parts: parts)
  }

  /// The columns between the parentheses that begin here.
  mutating func parts() -> [TableHints.Index.Part]? {
    guard tokens.isSign("(") else { return nil }
    let start = tokens.index
    tokens.index += 1
    var parts: [TableHints.Index.Part] = []
    repeat {
      guard let part = part() else {
        tokens.index = start
        _ = tokens.skipParentheses()
        return nil
      }
      parts.append(part)
    } while tokens.acceptSign(",")
    return tokens.acceptSign(")") ? parts : nil
  }

  private mutating func part() -> TableHints.Index.Part? {
    guard let name = tokens.name() else { return nil }
    var prefix: Int?
    if tokens.acceptSign("(") {
      guard let token = tokens.current, token.kind == .number, let length = Int(token.text) else { return nil }
      tokens.index += 1
      guard tokens.acceptSign(")") else { return nil }
      prefix = length
    }
    _ = tokens.accept("ASC") || tokens.accept("DESC")
    return TableHints.Index.Part(column: name, prefix: prefix)
  }
}

extension TableHints {
  /// Adds an index, under the name that the server gives it where it has none, and the unique key that it may be.
  mutating func add(_ index: Index?) {
    guard var index else { return }
    if index.name.isEmpty { index.name = freeName(for: index) }
    if index.kind == .unique, index.parts.allSatisfy({ $0.prefix == nil }) {
      uniqueKeys.append(index.parts.map(\.column))
    }
    indexes?.append(index)
  }

  /// The first column's name, with a number behind it when that is taken (make_unique_key_name of the server's sql_table.cc).
  private func freeName(for index: Index) -> String {
    let base = index.parts.first?.column ?? ""
    let taken = Set((indexes ?? []).map { $0.name.lowercased() })
    if !taken.contains(base.lowercased()), base.lowercased() != "primary" { return base }
    return (2...99).lazy.map { "\(base)_\($0)" }.first { !taken.contains($0.lowercased()) } ?? base
  }
}
