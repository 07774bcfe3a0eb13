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

  package init(_ content: Content, at place: Place) {
    self.content = content
    self.place = place
  }
}

/// A place in a pipeline file, printed as `file:line:column`, both counted from 1.
package struct Place: Hashable, Sendable, CustomStringConvertible {
  package var file: String
  package var line: Int
  package var column: Int

  package init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  package var description: String { "\(file):\(line):\(column)" }
}
