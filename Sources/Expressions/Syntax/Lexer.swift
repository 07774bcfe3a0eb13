import Change

/// Cuts an expression's text into tokens.
struct Lexer {
  private let bytes: [UInt8]
  private var index = 0
  private var place = SourcePlace(line: 1, column: 1)

  init(_ text: String) { bytes = Array(text.utf8) }

  /// All tokens, the last one of kind `.end`.
  static func tokens(of text: String) throws(Failure) -> [Token] {
    var lexer = Lexer(text)
    var tokens: [Token] = []
    while true {
      let token = try lexer.next()
      tokens.append(token)
      if token.kind == .end { return tokens }
    }
  }

  private func byte(_ ahead: Int = 0) -> UInt8 { index + ahead < bytes.count ? bytes[index + ahead] : 0 }

  /// Steps over one byte; only the first byte of a character moves the column.
  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where index < bytes.count {
      if bytes[index] == UInt8(ascii: "\n") {
        place.line += 1
        place.column = 1
      } else if bytes[index] & 0xc0 != 0x80 {
        place.column += 1
      }
      index += 1
    }
  }

  private mutating func next() throws(Failure) -> Token {
    while index < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(byte()) { advance() }
    guard index < bytes.count else { return Token(kind: .end, text: "", place: place) }
    switch byte() {
    case UInt8(ascii: "'"): return try quoted(.text)
    case UInt8(ascii: "`"), UInt8(ascii: "\""): return try quoted(.quotedName)
    case let first where Lexer.isDigit(first) || first == UInt8(ascii: ".") && Lexer.isDigit(byte(1)):
      return try number()
    case let first where Lexer.isLetter(first): return word()
    default: return try symbol()
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private static func isLetter(_ byte: UInt8) -> Bool {
    byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte == 0x5f || byte >= 0x80
  }

  private mutating func word() -> Token {
    let start = index
    let at = place
    while index < bytes.count, Lexer.isLetter(byte()) || Lexer.isDigit(byte()) || byte() == UInt8(ascii: "$") {
      advance()
    }
    return Token(kind: .word, text: String(decoding: bytes[start..<index], as: UTF8.self), place: at)
  }

  /// A quoted run in which the quote itself is doubled; a backslash is nothing special.
  private mutating func quoted(_ kind: Token.Kind) throws(Failure) -> Token {
    let at = place
    let quote = byte()
    var content: [UInt8] = []
    advance()
    while true {
      guard index < bytes.count else {
        throw Failure(.configuration, "a quote \(Character(Unicode.Scalar(quote))) is not closed", at: "\(at)")
      }
      if byte() == quote {
        guard byte(1) == quote else { break }
        advance()
      }
      content.append(byte())
      advance()
    }
    advance()
    if kind == .quotedName, content.isEmpty { throw Failure(.configuration, "a name is empty", at: "\(at)") }
    return Token(kind: kind, text: String(decoding: content, as: UTF8.self), place: at)
  }

  private mutating func number() throws(Failure) -> Token {
    let start = index
    let at = place
    var kind = Token.Kind.integer
    while Lexer.isDigit(byte()) { advance() }
    if byte() == UInt8(ascii: ".") {
      kind = .decimal
      advance()
      while Lexer.isDigit(byte()) { advance() }
    }
    if byte() | 0x20 == UInt8(ascii: "e") {
      let signed = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-")
      if Lexer.isDigit(byte(signed ? 2 : 1)) {
        kind = .float
        advance(signed ? 2 : 1)
        while Lexer.isDigit(byte()) { advance() }
      }
    }
    guard !Lexer.isLetter(byte()) else {
      throw Failure(
        .configuration, "a number is followed by a letter", at: "\(place)",
        hint: "quote a name that begins with a digit: `2nd`")
    }
    return Token(kind: kind, text: String(decoding: bytes[start..<index], as: UTF8.self), place: at)
  }

  private static let symbols = [
    "->>", "<=>", "->", "<=", ">=", "<>", "!=", "(", ")", ",", ".", "+", "-", "*", "/", "%", "=", "<", ">",
  ]

  private mutating func symbol() throws(Failure) -> Token {
    let at = place
    for symbol in Lexer.symbols where bytes[index...].starts(with: symbol.utf8) {
      advance(symbol.utf8.count)
      return Token(kind: .symbol, text: symbol, place: at)
    }
    let hints: [UInt8: String] = [
      UInt8(ascii: "|"): "use concat(a, b) for texts, and `or` for conditions", UInt8(ascii: "&"): "use `and`",
      UInt8(ascii: "!"): "use `not`",
    ]
    throw Failure(
      .configuration, "unexpected character \"\(Character(Unicode.Scalar(byte())))\"", at: "\(at)",
      hint: hints[byte()] ?? "")
  }
}
