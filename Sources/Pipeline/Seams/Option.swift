/// One option of a block in a pipeline file: what `freshet connectors`, `freshet schema` and the reader of the file all use.
package struct Option: Sendable {
  package indirect enum Kind: Sendable {
    case string
    /// A string that may hold credentials; never printed.
    case url
    case path
    case integer(ClosedRange<Int>)
    case boolean
    /// `250ms 5s 1m 2h`.
    case duration
    /// `64KiB 16MiB 1GiB`.
    case size
    case choice([String])
    case list(Kind)
    case block([Option])
    /// Any of several forms.
    case either([Kind])
    /// Whoever reads it checks it.
    case anything
  }

  package let name: String
  package let kind: Kind
  /// As it would be written in the file; nil: no default.
  package let defaultText: String?
  package let isRequired: Bool
  /// One sentence.
  package let summary: String

  package init(
    _ name: String, _ kind: Kind, default defaultText: String? = nil, isRequired: Bool = false, _ summary: String
  ) {
    self.name = name
    self.kind = kind
    self.defaultText = defaultText
    self.isRequired = isRequired
    self.summary = summary
  }
}
