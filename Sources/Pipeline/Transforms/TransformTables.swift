import Change

/// Which tables a block of `transforms:` is about: globs as in a source's `tables`, over the names that the tables have
/// behind the transforms before it.
struct TransformTables: Sendable {
  /// Every pattern as written, for messages.
  let text: String
  /// Whether each pattern names one table: then the block's columns must be there.
  let isExact: Bool
  private let filter: TableFilter

  /// - Parameter block: has the option `table`.
  init(_ block: OptionBlock) {
    let written = block.strings("table").map(\.text)
    let patterns = written.isEmpty ? [block.string("table") ?? "*"] : written
    filter = TableFilter(patterns)
    text = patterns.joined(separator: ", ")
    isExact = patterns.allSatisfy { !$0.contains("*") && !$0.contains("?") && !$0.hasPrefix("!") }
  }

  func includes(_ table: TableName) -> Bool { filter.includes(table) }
}
