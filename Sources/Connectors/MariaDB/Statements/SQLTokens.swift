internal import Change

/// A place in the tokens of a statement.
struct SQLTokens {
  let tokens: [SQLToken]
  let bytes: [UInt8]
  var index = 0

  var isAtEnd: Bool { index >= tokens.count || isSign(";") && index == tokens.count - 1 }
  var current: SQLToken? { index < tokens.count ? tokens[index] : nil }

  func isWord(_ word: String, ahead: Int = 0) -> Bool {
    guard index + ahead < tokens.count else { return false }
    let token = tokens[index + ahead]
    return token.kind == .word && token.text.utf8.count == word.utf8.count && token.text.uppercased() == word
  }

  func isSign(_ sign: String, ahead: Int = 0) -> Bool {
    guard index + ahead < tokens.count else { return false }
    return tokens[index + ahead].kind == .sign && tokens[index + ahead].text == sign
  }

  /// Steps over the words when all of them stand here.
  mutating func accept(_ words: String...) -> Bool {
    for (ahead, word) in words.enumerated() where !isWord(word, ahead: ahead) { return false }
    index += words.count
    return true
  }

  mutating func acceptSign(_ sign: String) -> Bool {
    guard isSign(sign) else { return false }
    index += 1
    return true
  }

  /// Steps over MariaDB's SET STATEMENT … FOR, which runs the rest with other variables.
  mutating func skipSetStatement() {
    guard accept("SET", "STATEMENT") else { return }
    while !isAtEnd, !accept("FOR") {
      if !skipParentheses() { index += 1 }
    }
  }

  /// Whether CREATE TABLE takes rows from a query, which stands in what follows the table's name. Its keywords cannot be
  /// names unless they are quoted.
  func hasQuery() -> Bool {
    var rest = self
    while !rest.isAtEnd {
      if rest.isWord("SELECT") || rest.isWord("AS") || rest.isWord("VALUES") { return true }
      if rest.isSign("(") {
        var inner = rest
        while inner.acceptSign("(") {}
        if inner.isWord("SELECT") { return true }
        guard rest.skipParentheses() else { return false }
      } else {
        rest.index += 1
      }
    }
    return false
  }

  /// A name, quoted or not.
  mutating func name() -> String? {
    guard let token = current, token.kind == .word || token.kind == .name else { return nil }
    index += 1
    return token.text
  }

  mutating func string() -> String? {
    guard let token = current, token.kind == .string else { return nil }
    index += 1
    return token.text
  }

  /// `table` or `database.table`; nil when neither is here, or when no database is known.
  mutating func tableName(_ database: String) -> TableName? {
    guard let first = name() else { return nil }
    if acceptSign(".") {
      guard let second = name() else { return nil }
      return TableName(namespace: first, table: second)
    }
    return database.isEmpty ? nil : TableName(namespace: database, table: first)
  }

  /// Steps over what stands between parentheses, which begin here; false when they do not end.
  mutating func skipParentheses() -> Bool {
    guard isSign("(") else { return false }
    var depth = 0
    while let token = current {
      index += 1
      guard token.kind == .sign else { continue }
      if token.text == "(" { depth += 1 }
      if token.text == ")" { depth -= 1 }
      if depth == 0 { return true }
    }
    return false
  }

  /// The character set and the collation that the options from here to the end name; the collation tells the former,
  /// too.
  mutating func charsetOptions() -> (charset: String?, collation: String?) {
    var charset: String?
    var collation: String?
    while !isAtEnd {
      if accept("CHARACTER", "SET") || accept("CHARSET") {
        _ = acceptSign("=")
        charset = name() ?? string()
      } else if accept("COLLATE") {
        _ = acceptSign("=")
        collation = name() ?? string()
      } else {
        index += 1
      }
    }
    // The newest collations go with several character sets.
    if let collation, collation.lowercased().hasPrefix("uca1400") { return (charset?.lowercased(), collation) }
    if charset == nil, collation?.lowercased() == "binary" { charset = collation }
    if charset == nil, let collation, let end = collation.firstIndex(of: "_") { charset = String(collation[..<end]) }
    return (charset?.lowercased(), collation)
  }

  /// Whether a token is or begins what ends an element of a list.
  var isAtElementEnd: Bool { isAtEnd || isSign(",") || isSign(")") }

  /// The statement's own text from a token to before the current one.
  func text(from start: Int) -> String {
    guard start < index, index <= tokens.count else { return "" }
    return String(decoding: bytes[tokens[start].range.lowerBound..<tokens[index - 1].range.upperBound], as: UTF8.self)
  }
}
