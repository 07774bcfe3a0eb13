import YAMLEvents

/// Finds where the content of a scalar begins in a file's text: behind a quote, or behind the indentation of a block.
struct ContentPlaces {
  private let lines: [ArraySlice<UInt8>]
  /// The line that was looked at last: many scalars may stand in one.
  private var known: (line: Int, characters: [Unicode.Scalar]) = (0, [])

  init(_ text: [UInt8]) {
    lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  }

  /// The place of a scalar's first character; nil where its characters do not stand in the file as they are in `text`, line
  /// under line: it has escapes, or was folded from several lines.
  mutating func place(of text: String, isPlain: Bool, _ event: YAMLEvent) -> YAMLPlace? {
    guard event.place.line != event.end.line else { return inLine(text, isPlain: isPlain, event.end) }
    return inBlock(text, behind: event.place.line)
  }

  private mutating func inLine(_ text: String, isPlain: Bool, _ end: YAMLPlace) -> YAMLPlace? {
    let characters = characters(ofLine: end.line)
    let last = end.column - 1 - (isPlain ? 0 : 1)
    let first = last - text.unicodeScalars.count
    guard first >= 0, last <= characters.count, characters[first..<last].elementsEqual(text.unicodeScalars) else {
      return nil
    }
    return YAMLPlace(line: end.line, column: first + 1)
  }

  /// - Parameter header: the line with `|` or `>`.
  private mutating func inBlock(_ text: String, behind header: Int) -> YAMLPlace? {
    var indentation: Int?
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() where !line.isEmpty
    {
      let characters = characters(ofLine: header + 1 + index)
      let before = characters.count - line.unicodeScalars.count
      guard before > 0, indentation ?? before == before, characters[..<before].allSatisfy({ $0 == " " }),
        characters[before...].elementsEqual(line.unicodeScalars)
      else { return nil }
      indentation = before
    }
    return indentation.map { YAMLPlace(line: header + 1, column: $0 + 1) }
  }

  private mutating func characters(ofLine number: Int) -> [Unicode.Scalar] {
    guard number != known.line else { return known.characters }
    guard lines.indices.contains(number - 1) else { return [] }
    var characters = Array(String(decoding: lines[number - 1], as: UTF8.self).unicodeScalars)
    if characters.last == "\r" { characters.removeLast() }
    known = (number, characters)
    return characters
  }
}
