import Change
import Logging

/// Which tables a block of `transforms:` is about: globs as in a source's `tables`, over the names that the tables have
/// behind the transforms before it.
package struct TransformTables: Sendable {
  /// Every pattern as written, for messages.
  let text: String
  /// Whether each pattern names one table: then the block's columns must be there.
  let isExact: Bool
  private let patterns: [(text: String, place: Place)]
  private let filter: TableFilter

  /// For a block that says otherwise which tables it is about.
  static let all = TransformTables([])

  /// - Parameters:
  ///   - block: has the option `table`.
  ///   - problems: gets the names that no table can have.
  init(_ block: OptionBlock, _ problems: inout BlockProblems) {
    let written = block.strings("table")
    self.init(written.isEmpty ? [(block.string("table") ?? "*", block.location)] : written)
    for pattern in patterns where TransformTables.isName(pattern.text) && !pattern.text.contains(".") {
      problems.note(
        Failure(
          .configuration, "\(NearestName.quoted(pattern.text)) is the name of no table", at: pattern.place,
          hint: "name it with its schema, as schema.table, or write \"*.\(pattern.text)\""))
    }
  }

  private init(_ patterns: [(text: String, place: Place)]) {
    self.patterns = patterns
    filter = TableFilter(patterns.map(\.text))
    text = patterns.map(\.text).joined(separator: ", ")
    isExact = patterns.allSatisfy { TransformTables.isName($0.text) }
  }

  private static func isName(_ pattern: String) -> Bool {
    !pattern.contains("*") && !pattern.contains("?") && !pattern.hasPrefix("!")
  }

  func includes(_ table: TableName) -> Bool { filter.includes(table) }

  /// Whether the block names a table, and not all of them.
  var isNamed: Bool { patterns.contains { $0.text != "*" } }

  /// Compares what the block names with the tables that come to it.
  /// - Parameter areAll: whether no other tables can come.
  /// - Throws: `.configuration` for a name that none of them has: what the block is to hide or to leave out would pass.
  func check(_ tables: [TableName], areAll: Bool, _ logger: Logger) throws(Failure) {
    for pattern in patterns where !pattern.text.hasPrefix("!") {
      let single = TableFilter([pattern.text])
      if tables.contains(where: single.includes) { continue }
      let place = pattern.place.description
      guard areAll, TransformTables.isName(pattern.text) else {
        logger.warning(
          "no table is known that a transform is about", metadata: ["table": "\(pattern.text)", "place": "\(place)"])
        continue
      }
      let near = NearestName.suggestion(for: pattern.text, in: tables.map(\.description))
      throw Failure(
        .configuration, "no table \(NearestName.quoted(pattern.text)) comes to this transform\(near)", at: place,
        hint:
          "tables have the names here that the transforms before leave them; write one that is still to come as a pattern: \"\(pattern.text)*\""
      )
    }
  }
}
