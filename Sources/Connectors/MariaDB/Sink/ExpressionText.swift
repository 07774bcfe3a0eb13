internal import Change

/// What can be told of an expression's text without understanding it.
enum ExpressionText {
  /// Whether the text is one expression that ends where it ends: no part of it can be something else of a statement.
  static func isClosed(_ text: String, isMariaDB: Bool) -> Bool {
    var dialect = SQLTokenizer.Dialect()
    dialect.isMariaDB = isMariaDB
    // Read both ways, because the texts were written under settings that are not known here.
    for backslashIsPlain in [false, true] {
      dialect.backslashIsPlain = backslashIsPlain
      guard let tokens = SQLTokenizer.tokens(Array(text.utf8), dialect), !tokens.isEmpty else { return false }
      var depth = 0
      for token in tokens where token.kind == .sign {
        if token.text == "(" { depth += 1 }
        if token.text == ")" { depth -= 1 }
        if depth < 0 || token.text == ";" || (token.text == "," && depth == 0) { return false }
      }
      guard depth == 0 else { return false }
    }
    // What a comment hides from one reader it may show to another.
    let bytes = Array(text.utf8)
    return !bytes.contains(0x23)
      && !zip(bytes, bytes.dropFirst()).contains { pair in
        pair == (0x2f, 0x2a) || pair == (0x2a, 0x2f) || pair == (0x2d, 0x2d)
      }
  }

  /// `CURRENT_TIMESTAMP` with its digits, in whichever words the source says it; nil for everything else.
  static func clock(_ text: String) -> String? {
    var word = text.lowercased()
    while word.hasPrefix("("), word.hasSuffix(")"), word.count > 2, word.dropFirst().first != ")" {
      word = String(word.dropFirst().dropLast())
    }
    var digits = ""
    if let open = word.firstIndex(of: "("), word.hasSuffix(")") {
      digits = String(word[word.index(after: open)...].dropLast())
      word = String(word[..<open])
    }
    guard ["current_timestamp", "now", "localtime", "localtimestamp"].contains(word) else { return nil }
    if digits.isEmpty || digits == "0" { return "CURRENT_TIMESTAMP" }
    guard let count = Int(digits), (1...6).contains(count) else { return nil }
    return "CURRENT_TIMESTAMP(\(count))"
  }

  /// `b'0101'`.
  static func isBits(_ text: String) -> Bool {
    text.hasPrefix("b'") && text.hasSuffix("'") && text.utf8.count > 3
      && text.utf8.dropFirst(2).dropLast().allSatisfy { $0 == 0x30 || $0 == 0x31 }
  }

  static func isNumber(_ text: String) -> Bool {
    guard Double(text) != nil else { return false }
    return text.utf8.allSatisfy { (0x30...0x39).contains($0) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains($0) }
  }

  /// Whether the expression gives the same whenever and by whomever it is evaluated.
  static func isConstant(_ text: String) -> Bool {
    guard let tokens = SQLTokenizer.tokens(Array(text.utf8), SQLTokenizer.Dialect()) else { return false }
    for (index, token) in tokens.enumerated() {
      let isCall = index + 1 < tokens.count && tokens[index + 1].kind == .sign && tokens[index + 1].text == "("
      switch token.kind {
      case .sign where token.text.contains("@"): return false
      case .word where isCall: if !repeatable.contains(token.text.lowercased()) { return false }
      case .word: if changing.contains(token.text.lowercased()) { return false }
      default: break
      }
    }
    return true
  }

  private static let repeatable: Set<String> = [
    "abs", "ascii", "cast", "ceil", "char_length", "coalesce", "concat", "concat_ws", "convert", "floor", "greatest",
    "hex", "if", "ifnull", "in", "json_array", "json_compact", "json_extract", "json_object", "json_quote", "lcase",
    "least", "left", "length", "lower", "lpad", "ltrim", "md5", "mod", "nullif", "octet_length", "repeat", "replace",
    "reverse", "right", "rpad", "rtrim", "sha1", "sha2", "sign", "st_geomfromtext", "substr", "substring", "trim",
    "truncate", "ucase", "unhex", "upper",
  ]

  private static let changing: Set<String> = [
    "current_date", "current_time", "current_timestamp", "current_user", "current_role", "localtime", "localtimestamp",
    "now", "rand", "sysdate", "utc_date", "utc_time", "utc_timestamp", "uuid", "nextval",
  ]
}
