/// The words and names of a DDL statement of MariaDB or MySQL: enough to tell a renamed column from a dropped and an added
/// one, which the difference of two schemas cannot. Not a grammar; texts and comments are left out.
public struct StatementWords: Sendable {
  private struct Word {
    var text: String
    var isQuoted: Bool
  }

  private let words: [Word]

  public init(_ statement: String) { words = StatementWords.split(statement) }

  public var isEmpty: Bool { words.isEmpty }

  /// Whether the unquoted word occurs.
  public func contains(_ keyword: String) -> Bool { words.indices.contains { isKeyword($0, keyword) } }

  /// Whether the word, or the quoted name, occurs.
  public func names(_ name: String) -> Bool { words.contains { $0.text.lowercased() == name.lowercased() } }

  /// Whether a default other than NULL is declared somewhere.
  public var declaresDefault: Bool {
    words.indices.contains { isKeyword($0, "DEFAULT") && !isKeyword($0 + 1, "NULL") }
  }

  /// Pairs of names behind `CHANGE [COLUMN]` and `RENAME COLUMN … TO`, in order.
  public var renamedColumns: [(old: String, new: String)] {
    var pairs: [(old: String, new: String)] = []
    for index in words.indices {
      if isKeyword(index, "CHANGE") {
        let first = skip(["COLUMN", "IF", "EXISTS"], from: index + 1)
        if first + 1 < words.count { pairs.append((words[first].text, words[first + 1].text)) }
      } else if isKeyword(index, "RENAME"), isKeyword(index + 1, "COLUMN") {
        let first = skip(["IF", "EXISTS"], from: index + 2)
        if isKeyword(first + 1, "TO"), first + 2 < words.count {
          pairs.append((words[first].text, words[first + 2].text))
        }
      }
    }
    return pairs
  }

  /// Whether the column is dropped and added again under its name in the one statement.
  public func replaces(column: String) -> Bool {
    hasAction("DROP", ["COLUMN", "IF", "EXISTS"], column)
      && hasAction("ADD", ["COLUMN", "IF", "NOT", "EXISTS"], column)
  }

  private func hasAction(_ action: String, _ fillers: [String], _ column: String) -> Bool {
    words.indices.contains { index in
      guard isKeyword(index, action) else { return false }
      let name = skip(fillers, from: index + 1)
      return name < words.count && words[name].text.lowercased() == column.lowercased()
    }
  }

  private func isKeyword(_ index: Int, _ keyword: String) -> Bool {
    index < words.count && !words[index].isQuoted && words[index].text.uppercased() == keyword
  }

  private func skip(_ fillers: [String], from start: Int) -> Int {
    var index = start
    while fillers.contains(where: { isKeyword(index, $0) }) { index += 1 }
    return index
  }

  private static func split(_ statement: String) -> [Word] {
    let scalars = Array(statement.unicodeScalars)
    var words: [Word] = []
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      if scalar == "`" || scalar == "\"" {
        words.append(Word(text: quoted(scalars, &index, escapes: false), isQuoted: true))
      } else if scalar == "'" {
        _ = quoted(scalars, &index, escapes: true)
      } else if let end = endOfComment(scalars, index) {
        index = end
      } else if isNamePart(scalar) {
        let start = index
        while index < scalars.count, isNamePart(scalars[index]) { index += 1 }
        words.append(Word(text: text(scalars[start..<index]), isQuoted: false))
      } else {
        index += 1
      }
    }
    return words
  }

  private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_" || scalar == "$"
      || scalar.value >= 0x80
  }

  private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }

  /// Reads up to the closing mark; a doubled mark stands for itself.
  private static func quoted(_ scalars: [Unicode.Scalar], _ index: inout Int, escapes: Bool) -> String {
    let mark = scalars[index]
    var result = ""
    index += 1
    while index < scalars.count {
      if escapes, scalars[index] == "\\" {
        index += 2
        continue
      }
      if scalars[index] == mark {
        index += 1
        guard index < scalars.count, scalars[index] == mark else { return result }
      }
      result.unicodeScalars.append(scalars[index])
      index += 1
    }
    return result
  }

  /// Where the comment that begins at `index` ends; nil when none begins. Of an executable comment only its mark is skipped.
  private static func endOfComment(_ scalars: [Unicode.Scalar], _ index: Int) -> Int? {
    let next: Unicode.Scalar? = index + 1 < scalars.count ? scalars[index + 1] : nil
    if scalars[index] == "#" || (scalars[index] == "-" && next == "-") {
      return scalars[index...].firstIndex(of: "\n") ?? scalars.count
    }
    guard scalars[index] == "/", next == "*" else { return nil }
    let third = index + 2 < scalars.count ? scalars[index + 2] : " "
    if third == "!" || third == "M" {
      return scalars[(index + 2)...].firstIndex { $0 != "!" && $0 != "M" && !("0"..."9").contains($0) } ?? scalars.count
    }
    var end = index + 2
    while end + 1 < scalars.count, scalars[end] != "*" || scalars[end + 1] != "/" { end += 1 }
    return min(end + 2, scalars.count)
  }
}
