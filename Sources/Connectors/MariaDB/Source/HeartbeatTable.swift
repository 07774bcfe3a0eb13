internal import Change
internal import Flow
internal import MariaDBClient

/// A row of the source's own that it updates with the server's clock: the log then tells the time in microseconds.
struct HeartbeatTable: Sendable {
  let name: TableName
  /// In nanoseconds.
  let interval: UInt64

  private var quoted: String { SQLText.identifier(name.namespace) + "." + SQLText.identifier(name.table) }

  /// Makes the table, and its database, where they are missing, and writes its row.
  func prepare(_ connection: MariaDBConnection) throws(Failure) {
    do throws(Failure) {
      try connection.execute("SET time_zone='+00:00'")
      if try !hasTable(connection) {
        if try !hasDatabase(connection) {
          try connection.execute("CREATE DATABASE \(SQLText.identifier(name.namespace))")
        }
        try connection.execute(definition(of: name.table))
      }
      try connection.execute(update)
    } catch {
      throw explained(error)
    }
  }

  /// Asks the server whether the user may do what `prepare` and `beat` do; makes and writes nothing.
  ///
  /// A server looks at the privileges for a statement when it is prepared; MySQL does so for a definition only when it runs.
  /// - Throws: `.permission` with the statements that mend it.
  func check(_ connection: MariaDBConnection) throws(Failure) {
    do throws(Failure) {
      let isThere = try hasTable(connection)
      if !isThere {
        try prepareOnly(definition(of: name.table), connection)
        // Who may make a table of any name in a database may make the database, too.
        if try !hasDatabase(connection) { try prepareOnly(definition(of: "\(name.table)_any"), connection) }
      }
      for statement in ["SELECT at FROM \(quoted)", update] {
        do throws(Failure) { try prepareOnly(statement, connection) } catch {
          // Privileges are looked at first: it is missing, and nothing else is.
          guard !isThere, error.code == .targetShape else { throw error }
        }
      }
    } catch {
      throw explained(error)
    }
  }

  private func prepareOnly(_ statement: String, _ connection: MariaDBConnection) throws(Failure) {
    try connection.execute("SET @freshet_heartbeat = \(SQLText.literal(statement))")
    try connection.execute("PREPARE freshet_heartbeat FROM @freshet_heartbeat")
    try connection.execute("DEALLOCATE PREPARE freshet_heartbeat")
  }

  /// Whether the table is there, as far as the user may see it.
  private func hasTable(_ connection: MariaDBConnection) throws(Failure) -> Bool {
    try !connection.query(
      "SELECT 1 FROM information_schema.tables WHERE table_schema = \(SQLText.literal(name.namespace)) "
        + "AND table_name = \(SQLText.literal(name.table))"
    ).isEmpty
  }

  private func hasDatabase(_ connection: MariaDBConnection) throws(Failure) -> Bool {
    try !connection.query(
      "SELECT 1 FROM information_schema.schemata WHERE schema_name = \(SQLText.literal(name.namespace))"
    ).isEmpty
  }

  private func definition(of table: String) -> String {
    "CREATE TABLE IF NOT EXISTS \(SQLText.identifier(name.namespace)).\(SQLText.identifier(table)) "
      + "(id TINYINT NOT NULL PRIMARY KEY, at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))"
  }

  /// Needs SELECT, too: MariaDB asks for it for a column that ON DUPLICATE KEY UPDATE sets.
  private var update: String {
    "INSERT INTO \(quoted) (id, at) VALUES (1, NOW(6)) ON DUPLICATE KEY UPDATE at = NOW(6)"
  }

  /// Updates the row until the task is cancelled, on the connection's own thread.
  func beat(_ connection: MariaDBConnection) async throws {
    while !Task.isCancelled {
      do throws(Failure) {
        try connection.execute(update)
      } catch {
        throw explained(error)
      }
      try await Task.sleep(nanoseconds: interval)
    }
  }

  private func explained(_ failure: Failure) -> Failure {
    var failure = failure
    if failure.code == .permission {
      failure.message = "the user may not make, or write, the heartbeat table \"\(name)\""
      failure.hint =
        "CREATE DATABASE IF NOT EXISTS \(SQLText.identifier(name.namespace)); "
        + "GRANT CREATE, SELECT, INSERT, UPDATE ON \(quoted) TO the pipeline's user"
    }
    return failure.at("heartbeat_table \"\(name)\"")
  }
}

/// Takes the heartbeat table's rows out of batches, gives their time to their transactions, and keeps commit times in
/// order.
struct HeartbeatFilter {
  let table: TableName?
  private var latest = EventTime.distantPast

  init(table: TableName?) { self.table = table }

  mutating func refine(_ batch: Batch) -> Batch {
    let own = batch.schemas.map { $0.name == table }
    let hasOwn = own.contains(true)
    guard hasOwn || (batch.transactions.first.map { $0.commitTime < latest } ?? false) else {
      latest = max(latest, batch.transactions.last?.commitTime ?? latest)
      return batch
    }
    var changes: [RowChange] = []
    changes.reserveCapacity(batch.changes.count)
    var parts: [TransactionPart] = []
    for var part in batch.transactions {
      let first = changes.count
      for change in batch.changes[part.range] {
        if hasOwn, change.operation != .schema, own[Int(change.schema)] {
          if let time = beat(batch, change) { part.commitTime = max(part.commitTime, time) }
        } else if hasOwn, change.operation == .schema, batch.schemaChanges[Int(change.row)].table == table {
          continue
        } else {
          changes.append(change)
        }
      }
      part.first = Int32(first)
      part.count = Int32(changes.count - first)
      latest = max(latest, part.commitTime)
      part.commitTime = latest
      parts.append(part)
    }
    return Batch(
      arena: batch.arena, cells: batch.cells, changes: changes, transactions: parts, schemas: batch.schemas,
      schemaChanges: batch.schemaChanges, position: batch.position, logBytes: batch.logBytes, readAt: batch.readAt)
  }

  private func beat(_ batch: Batch, _ change: RowChange) -> EventTime? {
    guard change.hasAfter,
      let column = batch.schemas[Int(change.schema)].columns.firstIndex(where: { $0.name.lowercased() == "at" })
    else { return nil }
    let cell = batch.cells[Int(change.after) + column]
    return cell.tag == .timestampZoned ? EventTime(microseconds: cell.int) : nil
  }
}
