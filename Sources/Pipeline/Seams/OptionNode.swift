/// A value of a pipeline file with its place: what the YAML reader makes and the connectors read.
package struct OptionNode: Sendable {
  package struct Entry: Sendable {
    package var key: String
    package var keyPlace: Place
    package var value: OptionNode

    package init(key: String, keyPlace: Place, value: OptionNode) {
      self.key = key
      self.keyPlace = keyPlace
      self.value = value
    }
  }

  package enum Content: Sendable {
    /// Text as written, after `${…}` was replaced. `isPlain`: it had no quotes, so it may be a number or a boolean.
    case scalar(String, isPlain: Bool)
    case list([OptionNode])
    case map([Entry])
    /// Nothing was written.
    case empty
  }

  package var content: Content
  package var place: Place
  /// Whether the value holds something that came from `${…}`: it is never printed.
  package var isSecret: Bool

  package init(_ content: Content, at place: Place, isSecret: Bool = false) {
    self.content = content
    self.place = place
    self.isSecret = isSecret
  }
}

/// A place in a pipeline file, printed as `file:line:column`, both counted from 1. Line 0 stands for something that has
/// no lines, such as a flag of the command line, and prints as its name alone; column 0 for a text of which no column
/// of the file can be told, because it has escapes or was folded from several lines, and prints as `file:line`.
///
/// The place of a text is that of its first character, behind a quote or a block's indentation: character `c` of its line
/// `l` stands `l - 1` lines further down and `c - 1` columns further on. Expressions count on it.
package struct Place: Hashable, Sendable, CustomStringConvertible {
  package var file: String
  package var line: Int
  package var column: Int

  package init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  package var description: String {
    if line == 0 { return file }
    return column == 0 ? "\(file):\(line)" : "\(file):\(line):\(column)"
  }
}
