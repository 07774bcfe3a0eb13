/// Aligned columns of text.
package enum TextTable {
  /// Each row on a line, two spaces between the columns, nothing behind the last. Control characters, which a name from a
  /// server may hold, are replaced: they would reach the terminal.
  ///
  /// - Parameter width: characters that fit in a line of the terminal; the last column is wrapped to it where at least 24
  ///   are left for it. nil: no line is wrapped.
  package static func text(header: [String], _ rows: [[String]], width: Int? = nil) -> String {
    let all = ([header] + rows).map { $0.map(printable) }
    let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    let indent = widths.dropLast().reduce(2) { $0 + $1 + 2 }
    let room = width.map { $0 - indent } ?? Int.max
    return all.map { row in
      let cells = row.dropLast().enumerated().map { index, cell in
        cell + String(repeating: " ", count: widths[index] - cell.count) + "  "
      }
      let last = room < 24 ? [row.last ?? ""] : lines(of: row.last ?? "", width: room)
      let text = last.joined(separator: "\n" + String(repeating: " ", count: indent))
      var line = "  " + cells.joined() + text
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  /// The text cut between words into lines of at most `width` characters; a longer word has a line of its own.
  private static func lines(of text: String, width: Int) -> [String] {
    guard text.count > width else { return [text] }
    var lines = [""]
    for word in text.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if last.count + 1 + word.count <= width {
        lines[lines.count - 1] += " \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }

  /// The text without characters that steer a terminal.
  package static func printable(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let category = scalar.properties.generalCategory
      result.append(category == .control || category == .format ? "\u{fffd}" : scalar)
    }
    return String(result)
  }
}
