/// One word, name, string, number or sign of a SQL statement.
struct SQLToken: Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    /// Without quotes: a keyword or a name.
    case word
    /// A name between backticks, or between double quotes where the server reads those as names.
    case name
    case string
    case number
    case sign
  }

  var kind: Kind
  /// The content, quotes and escapes undone.
  var text: String
  /// Where the token stands in the statement's bytes.
  var range: Range<Int>
}

/// Cuts a statement of MariaDB or MySQL into tokens; comments are passed over, executable ones are read.
struct SQLTokenizer {
  struct Dialect: Hashable, Sendable {
    /// sql_mode ANSI_QUOTES.
    var ansiQuotes = false
    /// sql_mode NO_BACKSLASH_ESCAPES.
    var backslashIsPlain = false
    var isMariaDB = true
  }

  private let bytes: [UInt8]
  private let dialect: Dialect
  private var offset = 0
  /// Depth of executable comments, whose ends are passed over.
  private var executable = 0
  private var isUnfinished = false

  /// nil: the statement ends inside a string, a name or a comment.
  static func tokens(_ bytes: [UInt8], _ dialect: Dialect) -> [SQLToken]? {
    var tokenizer = SQLTokenizer(bytes: bytes, dialect: dialect)
    var tokens: [SQLToken] = []
    while let token = tokenizer.next() { tokens.append(token) }
    return tokenizer.isUnfinished ? nil : tokens
  }

  /// The first tokens, as many as can be read.
  static func firstTokens(_ count: Int, _ bytes: [UInt8], _ dialect: Dialect) -> [SQLToken] {
    var tokenizer = SQLTokenizer(bytes: bytes, dialect: dialect)
    var tokens: [SQLToken] = []
    while tokens.count < count, let token = tokenizer.next() { tokens.append(token) }
    return tokens
  }

  private init(bytes: [UInt8], dialect: Dialect) {
    self.bytes = bytes
    self.dialect = dialect
  }

  private func byte(_ ahead: Int = 0) -> UInt8? { offset + ahead < bytes.count ? bytes[offset + ahead] : nil }

  private mutating func next() -> SQLToken? {
    skipBlanksAndComments()
    guard let first = byte() else { return nil }
    let start = offset
    switch first {
    case 0x60: return quoted(.name, from: start, by: first)
    case 0x22: return quoted(dialect.ansiQuotes ? .name : .string, from: start, by: first)
    case 0x27: return quoted(.string, from: start, by: first)
    case 0x30...0x39: return number(from: start)
    case 0x2e where (byte(1).map { (0x30...0x39).contains($0) } ?? false) && !endsName(start):
      return number(from: start)
    default: break
    }
    if SQLTokenizer.isWordByte(first) { return word(from: start) }
    offset += 1
    return SQLToken(kind: .sign, text: String(decoding: [first], as: UTF8.self), range: start..<offset)
  }

  private func endsName(_ start: Int) -> Bool {
    start > 0 && (SQLTokenizer.isWordByte(bytes[start - 1]) || bytes[start - 1] == 0x60)
  }

  static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f, 0x24, 0x80...0xff: true
    default: false
    }
  }

  private mutating func word(from start: Int) -> SQLToken {
    while let next = byte(), SQLTokenizer.isWordByte(next) { offset += 1 }
    return SQLToken(kind: .word, text: String(decoding: bytes[start..<offset], as: UTF8.self), range: start..<offset)
  }

  /// A number; digits that letters follow are a name.
  private mutating func number(from start: Int) -> SQLToken {
    while let next = byte(), (0x30...0x39).contains(next) || next == 0x2e { offset += 1 }
    if let next = byte(), next | 0x20 == 0x65, bytes[start..<offset].last != 0x2e {
      let signed = byte(1) == 0x2b || byte(1) == 0x2d
      if let digit = byte(signed ? 2 : 1), (0x30...0x39).contains(digit) {
        offset += signed ? 3 : 2
        while let next = byte(), (0x30...0x39).contains(next) { offset += 1 }
      }
    }
    if let next = byte(), SQLTokenizer.isWordByte(next) { return word(from: start) }
    return SQLToken(kind: .number, text: String(decoding: bytes[start..<offset], as: UTF8.self), range: start..<offset)
  }

  private mutating func quoted(_ kind: SQLToken.Kind, from start: Int, by quote: UInt8) -> SQLToken? {
    var content: [UInt8] = []
    offset += 1
    while let next = byte() {
      offset += 1
      if next == quote {
        guard byte() == quote else {
          return SQLToken(kind: kind, text: String(decoding: content, as: UTF8.self), range: start..<offset)
        }
        offset += 1
      } else if next == 0x5c, kind == .string, !dialect.backslashIsPlain, let escaped = byte() {
        offset += 1
        SQLTokenizer.appendEscaped(escaped, to: &content)
        continue
      }
      content.append(next)
    }
    isUnfinished = true
    return nil
  }

  private static func appendEscaped(_ byte: UInt8, to content: inout [UInt8]) {
    switch byte {
    case 0x30: content.append(0)
    case 0x62: content.append(8)
    case 0x6e: content.append(10)
    case 0x72: content.append(13)
    case 0x74: content.append(9)
    case 0x5a: content.append(26)
    // Before these two the backslash stays, for LIKE.
    case 0x25, 0x5f: content.append(contentsOf: [0x5c, byte])
    default: content.append(byte)
    }
  }

  private mutating func skipBlanksAndComments() {
    while let first = byte() {
      switch (first, byte(1)) {
      case (0x20, _), (0x09...0x0d, _), (0, _): offset += 1
      case (0x23, _): skipLine()
      case (0x2d, 0x2d) where byte(2).map({ $0 <= 0x20 }) ?? true: skipLine()
      case (0x2f, 0x2a): skipComment()
      case (0x2a, 0x2f) where executable > 0:
        executable -= 1
        offset += 2
      default: return
      }
    }
  }

  private mutating func skipLine() {
    while let next = byte(), next != 0x0a { offset += 1 }
  }

  /// `/*!50100 … */` and `/*M!100100 … */` are read as if the comment were not there, unless for servers of the other
  /// kind.
  private mutating func skipComment() {
    let isForMariaDB = byte(2) == 0x4d && byte(3) == 0x21
    if byte(2) == 0x21 || isForMariaDB {
      offset += isForMariaDB ? 4 : 3
      var digits = 0
      var version = 0
      while digits < 6, let next = byte(), (0x30...0x39).contains(next) {
        version = version * 10 + Int(next) - 0x30
        digits += 1
        offset += 1
      }
      // MariaDB leaves out what is for MySQL 5.7 and later; MySQL leaves out what names MariaDB.
      let isForeign = dialect.isMariaDB ? !isForMariaDB && version >= 50_700 && version <= 99_999 : isForMariaDB
      if !isForeign {
        executable += 1
        return
      }
    } else {
      offset += 2
    }
    while offset < bytes.count {
      if byte() == 0x2a, byte(1) == 0x2f {
        offset += 2
        return
      }
      offset += 1
    }
    isUnfinished = true
  }
}
