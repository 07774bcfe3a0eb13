internal import Change

/// A statement that changes rows.
enum DataStatement {
  /// The one table that INSERT, REPLACE, UPDATE or DELETE changes; nil: several, or it cannot be told.
  static func target(_ text: [UInt8], _ event: QueryEvent) -> TableName? {
    var words = SQLTokens(tokens: SQLTokenizer.firstTokens(256, text, event.dialect), bytes: text)
    words.skipSetStatement()
    let skipped: Set<String> = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "QUICK", "IGNORE"]
    let isInsert = words.accept("INSERT") || words.accept("REPLACE")
    let isUpdate = !isInsert && words.accept("UPDATE")
    let isDelete = !isInsert && !isUpdate && words.accept("DELETE")
    guard isInsert || isUpdate || isDelete else { return nil }
    while let word = words.current, word.kind == .word, skipped.contains(word.text.uppercased()) { words.index += 1 }
    if isInsert { _ = words.accept("INTO") }
    if isDelete { guard words.accept("FROM") else { return nil } }
    let name = words.tableName(event.database)
    // With several tables the one that changes is not told by its place.
    if isUpdate { return words.isWord("SET") ? name : nil }
    if isDelete {
      return words.isAtEnd || words.isWord("WHERE") || words.isWord("ORDER") || words.isWord("LIMIT") ? name : nil
    }
    return name
  }
}

extension XAIdentifier {
  /// In a statement: up to three parts, the first two as strings or hexadecimal, the third a number.
  static func read(_ words: inout SQLTokens) -> String {
    var parts: [[UInt8]] = [[], []]
    var format = 1
    for index in 0..<3 {
      if index == 2 {
        if let token = words.current, token.kind == .number { format = Int(token.text) ?? 1 }
        break
      }
      if words.accept("X"), let digits = words.string() {
        parts[index] = bytes(ofHex: digits)
      } else if let text = words.string() {
        parts[index] = Array(text.utf8)
      } else if let token = words.current, token.kind == .word, token.text.lowercased().hasPrefix("0x") {
        words.index += 1
        parts[index] = bytes(ofHex: String(token.text.dropFirst(2)))
      }
      guard words.acceptSign(",") else { break }
    }
    return "X'\(hex(parts[0]))',X'\(hex(parts[1]))',\(format)"
  }

  private static func bytes(ofHex text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var high: Int?
    for character in text {
      guard let digit = character.hexDigitValue else { return [] }
      if let first = high {
        bytes.append(UInt8(first << 4 | digit))
        high = nil
      } else {
        high = digit
      }
    }
    return bytes
  }
}
