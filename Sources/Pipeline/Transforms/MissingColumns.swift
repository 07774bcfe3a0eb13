import Change
import Logging

/// What a verb does when a table has not the column that the block names.
enum MissingColumns: String, CaseIterable, Sendable {
  /// Stops: a name that is spelled wrong, or that the source has changed, would let through what is to be hidden.
  case stop
  /// Goes on, with a warning for each table and column.
  case warn

  static let option = Option(
    "missing", .choice(allCases.map(\.rawValue)),
    "What happens when a table does not have a column that is named: stop where \"table\" names tables, warn where it is a pattern."
  )

  /// - Parameter block: has the options `table` and `missing`.
  init(_ block: OptionBlock) {
    self = block.string("missing").flatMap(MissingColumns.init) ?? (TransformTables(block).isExact ? .stop : .warn)
  }
}

/// Finds the columns that a block names, and tells of those that are not there.
final class MissingColumnWarnings {
  private let verb: String
  private let missing: MissingColumns
  private let tables: TransformTables
  private let logger: Logger
  private var told: Set<String> = []

  init(verb: String, _ missing: MissingColumns, _ tables: TransformTables, _ logger: Logger) {
    self.verb = verb
    self.missing = missing
    self.tables = tables
    self.logger = logger
  }

  /// The index of the column; nil when it is missing and that may be.
  func column(_ name: String, of schema: TableSchema) throws(Failure) -> Int? {
    if let index = schema.column(named: name) { return index }
    try isMissing(name, at: "table \"\(schema.name)\"")
    return nil
  }

  func isMissing(_ name: String, at place: String) throws(Failure) {
    guard missing == .warn else {
      throw Failure(
        .schemaMismatch, "`\(verb)` names column \"\(name)\", which the table does not have", at: place,
        hint: "correct the name, or set `missing: warn` when the table may be without it")
    }
    if told.count < 1000, told.insert("\(place) \(name)").inserted {
      logger.warning(
        "a transform names a column that the table does not have",
        metadata: ["verb": "\(verb)", "table": "\(place)", "column": "\(name)"])
    }
  }
}
