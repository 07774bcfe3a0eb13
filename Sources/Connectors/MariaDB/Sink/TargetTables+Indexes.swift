internal import Change
internal import Flow
internal import Logging
internal import MariaDBClient
internal import Pipeline

extension TargetTables {
  /// Notes the indexes that a table gets behind the load, before the table is made: a crash forgets none.
  func rememberIndexes(_ definition: TargetTableDefinition, _ target: TableName) throws(Failure) {
    let folded = server.folded(target)
    try forgetIndexes(of: folded)
    for index in definition.laterIndexes {
      let values = [
        folded.namespace, folded.table, index.name, context.pipeline, context.name,
        try definition.indexDefinition(index),
      ].map(TargetText.literal).joined(separator: ", ")
      try connection.execute(
        "REPLACE INTO \(stateTable("_freshet_index")) "
          + "(`target_database`, `target_table`, `name`, `pipeline`, `sink`, `definition`) VALUES (\(values))")
    }
  }

  /// Notes anew which indexes wait at a table that an earlier start of this sink made, before its first checkpoint: the
  /// source may have others now.
  func renewWaitingIndexes(_ schema: TableSchema, _ target: TableName) throws(Failure) {
    guard settings.indexes == .afterLoad, schema.indexes != nil, try isMade(target) else { return }
    let definition = TargetTableDefinition(
      schema: schema, server: server, sharesDialect: sharesDialect, includesIndexes: false)
    try guarded { () throws(Failure) in try rememberIndexes(definition, target) }
  }

  /// Makes the indexes that wait for the end of the snapshot's load, several tables at a time. Does nothing when none does.
  ///
  /// No transaction of the writer may be open: an index waits for whoever has touched its table. Again after a crash: what
  /// is there already is not made twice.
  func finishLoad() async throws {
    try prepare()
    startsAnew = false
    let waiting = try waitingTables()
    guard !waiting.isEmpty else { return }
    let (settings, live) = (settings, live)
    let width = max(1, min(settings.indexThreads, waiting.count))
    context.logger.info("making the indexes of \(waiting.count) tables", metadata: ["sink": "\(context.name)"])
    try takeLock()
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<width {
          let share = waiting.enumerated().filter { $0.offset % width == lane }.map(\.element)
          let thread = DedicatedThread(name: "indexes")
          group.addTask(executorPreference: thread) {
            defer { thread.stop() }
            let connection = live.adding(try settings.connect(.definitions))
            defer { connection.close() }
            for (target, indexes) in share { try TargetTables.make(indexes, at: target, connection) }
          }
        }
        try await group.waitForAll()
      }
      for (target, _) in waiting { try forgetIndexes(of: target) }
    } catch {
      freeLock()
      throw error
    }
    freeLock()
    forgetAll()
  }

  /// The indexes that one table waits for, at once. For a change of its schema, which counts on them.
  func makeWaitingIndexes(at target: TableName) throws(Failure) {
    let folded = server.folded(target)
    for (table, indexes) in try waitingTables() where table == folded {
      try TargetTables.make(indexes, at: table, connection)
      try forgetIndexes(of: table)
    }
  }

  private func forgetIndexes(of folded: TableName) throws(Failure) {
    try connection.execute("DELETE FROM \(stateTable("_freshet_index")) WHERE \(at(folded)) AND \(isOurs)")
  }

  typealias Waiting = (target: TableName, indexes: [(name: String, definition: String)])

  private func waitingTables() throws(Failure) -> [Waiting] {
    var tables: [Waiting] = []
    for row in try connection.query(
      "SELECT `target_database`, `target_table`, `name`, `definition` FROM \(stateTable("_freshet_index")) "
        + "WHERE \(isOurs) ORDER BY `target_database`, `target_table`, `name`")
    {
      guard let database = row[0], let table = row[1], let name = row[2], let definition = row[3] else { continue }
      let target = TableName(namespace: database, table: table)
      if tables.last?.target != target { tables.append((target, [])) }
      tables[tables.count - 1].indexes.append((name, definition))
    }
    return tables
  }

  /// One statement a table: its rows are read once for all of them.
  private static func make(
    _ indexes: [(name: String, definition: String)], at target: TableName, _ connection: MariaDBConnection
  ) throws(Failure) {
    for attempt in 1...3 {
      guard let shape = try TargetShape(connection, target) else { return }
      let missing = indexes.filter { !shape.indexNames.contains($0.name.lowercased()) }
      if missing.isEmpty { return }
      do throws(Failure) {
        return try add(missing.map(\.definition), to: target, connection)
      } catch {
        // 1061: a statement that a killed writer has left running has made it meanwhile.
        guard error.cause.hasPrefix("1061 "), attempt < 3 else { throw error }
      }
    }
  }

  private static func add(
    _ definitions: [String], to target: TableName, _ connection: MariaDBConnection
  ) throws(Failure) {
    // InnoDB makes one full-text index a statement.
    let fulltext = definitions.filter { $0.hasPrefix("FULLTEXT") }
    let others = definitions.filter { !$0.hasPrefix("FULLTEXT") }
    for group in (others.isEmpty ? [] : [others]) + fulltext.map({ [$0] }) {
      let statement =
        "ALTER TABLE \(try TargetText.name(target)) \(group.map { "ADD \($0)" }.joined(separator: ", "))"
      do throws(Failure) {
        try connection.execute(statement)
      } catch {
        guard [.internal, .targetShape, .badValue].contains(error.code) else { throw error }
        throw Failure(
          .targetShape, "the target refuses an index", at: "table \"\(target)\"",
          hint: "make it by hand, or set `indexes: none`: \(statement)", cause: error.cause)
      }
    }
  }
}
