/// Where something stands in an expression's text: both count from 1, `column` in characters (Unicode scalars).
package struct SourcePlace: Hashable, Sendable, CustomStringConvertible {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package var description: String { "\(line):\(column)" }
}
