import Change
import Logging

/// What a verb does when a table has not the column that the block names.
struct MissingColumns: Sendable {
  /// Stops: a name that is spelled wrong, or that the source has changed, would let through what is to be hidden. Otherwise
  /// it goes on, with a warning for each table and column.
  let stops: Bool
  /// Whether the block says so itself.
  private let isWritten: Bool

  static let option = Option(
    "missing", .choice(["stop", "warn"]),
    "What happens when a table does not have a column that is named: stop where \"table\" names tables, warn where it is a pattern."
  )

  /// - Parameter block: has the option `missing`.
  init(_ block: OptionBlock, _ tables: TransformTables) {
    isWritten = block.has("missing")
    stops = isWritten ? block.string("missing") == "stop" : tables.isExact
  }

  /// Whether some table at least must have a column that is named.
  var needsOne: Bool { !stops && !isWritten }
}

/// Finds the columns that a block names, and tells of those that are not there.
final class MissingColumnWarnings {
  private let verb: String
  private let missing: MissingColumns
  private let logger: Logger
  private var told: Set<String> = []
  private var found: Set<String> = []
  /// The names that a table did not have, with the columns of one such table.
  private var unfound: [(name: String, place: String, columns: [String])] = []

  init(verb: String, _ missing: MissingColumns, _ logger: Logger) {
    self.verb = verb
    self.missing = missing
    self.logger = logger
  }

  /// The index of the column; nil when it is missing and that may be.
  /// - Parameter place: of the name in the file.
  func column(_ name: String, of schema: TableSchema, at place: String) throws(Failure) -> Int? {
    if let index = schema.column(named: name) {
      finds(place)
      return index
    }
    try isMissing(name, of: schema.name, with: schema.columns.map(\.name), at: place)
    return nil
  }

  /// Notes that a table has what is named there.
  func finds(_ place: String) { found.insert(place) }

  /// - Parameter columns: the names that the table has.
  func isMissing(_ name: String, of table: TableName, with columns: [String], at place: String) throws(Failure) {
    guard !missing.stops else {
      throw failure(
        name, "table \"\(table)\" does not have", columns, at: place,
        hint: "correct the name, or set `missing: warn` when the table may be without it")
    }
    guard told.count < 1000, told.insert("\(table) \(name)").inserted else { return }
    unfound.append((name, place, columns))
    logger.warning(
      "a transform names a column that the table does not have",
      metadata: ["verb": "\(verb)", "table": "\(table)", "column": "\(name)", "place": "\(place)"])
  }

  /// Once all tables were looked at.
  /// - Throws: `.configuration` for a name that none of them had: it is spelled wrong.
  func checkNames() throws(Failure) {
    guard missing.needsOne, let column = unfound.first(where: { !found.contains($0.place) }) else { return }
    let columns = Set(unfound.flatMap(\.columns)).sorted()
    throw failure(
      column.name, "none of its tables has", columns, at: column.place,
      hint: "correct the name, or set `missing: warn` when it is still to come")
  }

  private func failure(
    _ name: String, _ where: String, _ columns: [String], at place: String, hint: String
  ) -> Failure {
    Failure(
      .configuration,
      "`\(verb)` names column \(NearestName.quoted(name)), which \(`where`)\(NearestName.suggestion(for: name, in: columns))",
      at: place, hint: hint)
  }
}
