/// Aligned columns of text.
package enum TextTable {
  /// Each row on a line, two spaces between the columns, nothing behind the last. Control characters, which a name from a
  /// server may hold, are replaced: they would reach the terminal.
  package static func text(header: [String], _ rows: [[String]]) -> String {
    let all = ([header] + rows).map { $0.map(printable) }
    let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      let cells = row.enumerated().map { index, cell in
        cell + String(repeating: " ", count: widths[index] - cell.count)
      }
      var line = "  " + cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
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
