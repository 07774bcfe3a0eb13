import Change
import Logging
import Pipeline
import SQLRendering
import SQLiteDatabase

/// What the sink knows of the foreign keys that the target declares.
struct ReferenceState {
  /// Whether SQLite enforces them and carries out their actions.
  var isEnforced = false
  /// Whether rows are stored that were not looked at.
  var unchecked = CheckpointTable.Unchecked.no
  /// Whether something was written since the last commit.
  var hasGroup = false
  /// Whether this sink was given rows of a snapshot, so that the next group of the log is behind it.
  var isSnapshotHere = false
}

extension SQLiteSink {
  /// Chooses for the group whether foreign keys are enforced; to be called before its transaction begins.
  ///
  /// A snapshot brings its tables in any order, so its references are whole at its end only. Its groups are stored without
  /// a look at them, and looked at all together when the first group of the log comes.
  func startGroup(isSnapshot: Bool, at position: Position) async throws {
    guard settings.foreignKeys, !references.hasGroup else { return }
    references.hasGroup = true
    guard isSnapshot else {
      // Another source may read its tables still.
      if references.unchecked == .duringSnapshot, try await context.isInsideSnapshot(position) == true {
        if references.isEnforced { try enforceReferences(false) }
        return
      }
      return try checkReferences()
    }
    guard try references.unchecked == .duringSnapshot || opened().declaresReferences() else { return }
    if references.isEnforced { try enforceReferences(false) }
    if references.unchecked != .duringSnapshot { try store(.duringSnapshot) }
    references.isSnapshotHere = true
  }

  private func enforceReferences(_ isEnforced: Bool) throws {
    let connection = try opened()
    // Within a transaction SQLite would pass over it without a word.
    guard !connection.isInTransaction else {
      throw Failure(.internal, "a group began before its foreign keys were chosen", at: settings.path)
    }
    try connection.execute("PRAGMA foreign_keys = \(isEnforced ? "ON" : "OFF")")
    references.isEnforced = isEnforced
    cascades = isEnforced ? try connection.hasCascades() : false
  }

  /// Notes in the group's transaction what is to be looked at.
  private func store(_ unchecked: CheckpointTable.Unchecked) throws {
    try begin()
    try CheckpointTable(connection: opened(), pipeline: context.pipeline, sink: context.name).storeUnchecked(unchecked)
    references.unchecked = unchecked
  }

  private func checkReferences() throws {
    if references.unchecked == .no { return }
    if references.unchecked == .duringSnapshot, references.isSnapshotHere {
      // By itself, so that it is known after a failure, too.
      try store(.afterSnapshot)
      try opened().execute("COMMIT")
    }
    if let broken = try brokenReference() {
      // The log's changes before a snapshot that is taken up again: what is missing may still come.
      guard references.unchecked == .afterSnapshot else { return try postponeCheck(broken) }
      throw Failure(
        .badValue, "\(broken), and the snapshot is complete", at: settings.path,
        hint: "capture the referenced tables too, or set `foreign_keys: false`")
    }
    if !references.isEnforced { try enforceReferences(true) }
    try store(.no)
  }

  private func postponeCheck(_ broken: String) throws {
    if references.isEnforced { try enforceReferences(false) }
    context.logger.warning(
      "foreign keys are not enforced until the snapshot is complete",
      metadata: ["sink": "\(context.name)", "reason": "\(broken)"])
  }

  private func brokenReference() throws -> String? {
    let check = try SQLiteStatement(
      opened(),
      """
      SELECT c."table", c."parent" FROM pragma_foreign_key_check c JOIN "_freshet_table" t ON t."target" = c."table"
      WHERE t."pipeline" = ?1 AND t."sink" = ?2 LIMIT 1
      """, persistent: false)
    try check.bind(1, context.pipeline)
    try check.bind(2, context.name)
    guard try check.step() else { return nil }
    return "a row of \"\(check.string(0) ?? "")\" references a row of \"\(check.string(1) ?? "")\" that is not there"
  }

  // MARK: Whole tables

  /// Fails when emptying or dropping a table would reach rows of others by their foreign keys: at the source neither
  /// TRUNCATE nor DROP TABLE does.
  func refuseCascade(from target: String, _ change: SchemaChange) throws {
    guard references.isEnforced else { return }
    let words = change.words
    // With a whole database, and in a list of tables, those that reference it are dropped as well.
    if change.kind == .drop, words.contains("DATABASE") || words.contains("SCHEMA") { return }
    for (child, columns) in try opened().actingReferences(to: target) {
      if change.kind == .drop, words.names(child) { continue }
      let condition = try columns.map { "\(try SQLDialect.sqlite.quoted($0)) IS NOT NULL" }.joined(separator: " AND ")
      let rows = try SQLiteStatement(
        opened(), "SELECT 1 FROM \(SQLDialect.sqlite.quoted(child)) WHERE \(condition) LIMIT 1", persistent: false)
      guard try rows.step() else { continue }
      throw Failure(
        .schemaChange, "rows of \"\(child)\" at the target would be deleted or changed with those of \"\(target)\"",
        at: "table \"\(change.table)\"",
        hint: "drop the foreign key of \"\(child)\" at the target, or set `foreign_keys: false`")
    }
  }
}

extension SQLiteConnection {
  /// Whether any table declares a foreign key.
  func declaresReferences() throws(SQLiteFailure) -> Bool {
    try SQLiteStatement(
      self, "SELECT 1 FROM sqlite_schema s, pragma_foreign_key_list(s.name) f WHERE s.type = 'table' LIMIT 1",
      persistent: false
    ).step()
  }

  /// The other tables whose rows a deletion from `table` would delete or change, with the columns of each foreign key.
  func actingReferences(to table: String) throws(SQLiteFailure) -> [(child: String, columns: [String])] {
    let statement = try SQLiteStatement(
      self,
      """
      SELECT s.name, f.id, f."from" FROM sqlite_schema s, pragma_foreign_key_list(s.name) f
      WHERE s.type = 'table' AND lower(f."table") = lower(?1) AND lower(s.name) <> lower(?1)
        AND f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT') ORDER BY s.name, f.id, f.seq
      """, persistent: false)
    try statement.bind(1, table)
    var found: [(child: String, columns: [String])] = []
    var last: (child: String, id: Int64)?
    while try statement.step() {
      let (child, id) = (statement.string(0) ?? "", statement.int64(1))
      if last?.child != child || last?.id != id { found.append((child, [])) }
      last = (child, id)
      found[found.count - 1].columns.append(statement.string(2) ?? "")
    }
    return found
  }
}
