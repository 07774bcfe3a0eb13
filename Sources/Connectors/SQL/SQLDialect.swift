package import Change

/// How one family of databases writes names and texts. The only place where a name becomes SQL.
package enum SQLDialect: Sendable {
  case sqlite
  /// MariaDB and MySQL, without `ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES`.
  case mariadb

  /// A name as the dialect quotes it, whatever it contains.
  /// - Throws: `.targetShape` for an empty name and one with a NUL, which no dialect can carry.
  package func quoted(_ name: String) throws(Failure) -> String {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw Failure(
        .targetShape, name.isEmpty ? "a name is empty" : "a name holds a NUL character",
        hint: "rename it at the source, or leave the table out")
    }
    let quote: Character = self == .sqlite ? "\"" : "`"
    return delimited(name, by: quote)
  }

  /// Names in a row, quoted, with a comma between them.
  package func quoted(_ names: [String]) throws(Failure) -> String {
    var text = ""
    for name in names {
      if !text.isEmpty { text += ", " }
      text += try quoted(name)
    }
    return text
  }

  /// A constant text.
  package func literal(_ text: String) -> String {
    switch self {
    case .sqlite:
      // A NUL would end the statement: the text is then written as the bytes that it is.
      text.utf8.contains(0) ? "CAST(\(literal(Array(text.utf8))) AS TEXT)" : delimited(text, by: "'")
    case .mariadb:
      text.utf8.contains(0) || text.utf8.contains(UInt8(ascii: "\\"))
        ? "CONVERT(\(literal(Array(text.utf8))) USING utf8mb4)" : delimited(text, by: "'")
    }
  }

  /// Constant bytes.
  package func literal(_ bytes: [UInt8]) -> String {
    var text = "x'"
    for byte in bytes {
      text.unicodeScalars.append(SQLDialect.digit(byte >> 4))
      text.unicodeScalars.append(SQLDialect.digit(byte & 15))
    }
    return text + "'"
  }

  private func delimited(_ text: String, by mark: Character) -> String {
    var result = String(mark)
    let scalar = mark.unicodeScalars[mark.unicodeScalars.startIndex]
    // By scalar, not by character: a combining mark behind a quote makes both one character.
    for next in text.unicodeScalars {
      if next == scalar { result.unicodeScalars.append(next) }
      result.unicodeScalars.append(next)
    }
    result.unicodeScalars.append(scalar)
    return result
  }

  private static func digit(_ value: UInt8) -> Unicode.Scalar {
    Unicode.Scalar(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
  }
}
