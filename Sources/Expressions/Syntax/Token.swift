/// A word, a name, a literal or a symbol of an expression.
struct Token: Sendable {
  enum Kind: Sendable {
    /// An unquoted word: a keyword, a function or a column.
    case word
    /// A name in backticks or double quotes.
    case quotedName
    case text
    /// Digits only.
    case integer
    /// With a decimal point.
    case decimal
    /// With an exponent.
    case float
    case symbol
    case end
  }

  var kind: Kind
  /// Without quotes; a word as it is written.
  var text: String
  var place: SourcePlace

  /// Whether this is the unquoted word, in any case.
  func isWord(_ word: String) -> Bool { kind == .word && text.lowercased() == word }
  func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }

  /// For messages.
  var shown: String {
    switch kind {
    case .end: "the end"
    case .text: "a text"
    default: "\"\(text.prefix(40))\""
    }
  }
}
