internal import Change
internal import MariaDBClient

/// Keeps tables without transactions from changing while a snapshot reads them.
///
/// A view shows their rows as they are when they are read, not as they were at its place in the log. Writers of these
/// tables wait until `end`; those of others do not.
struct TableLock {
  let tables: Set<TableName>
  private let connection: MariaDBConnection?

  /// Locks what of the wanted tables has no transactions; to be taken before the views are opened.
  init(
    _ server: LogServer, _ url: MariaDBURL, _ options: MariaDBSourceOptions, isWanted: (TableName) -> Bool
  ) throws(Failure) {
    let names = try CatalogReader(connection: server.connection).withoutTransactions(isWanted)
    tables = names
    guard let first = names.min() else {
      connection = nil
      return
    }
    guard server.facts.isMariaDB else { throw TableLock.refusal(first, server) }
    let connection = try server.further(url, options)
    let list = names.sorted().map { "\(TableLock.quoted($0)) READ" }.joined(separator: ", ")
    do throws(Failure) {
      try connection.execute("SET SESSION lock_wait_timeout=5, wait_timeout=31536000")
      try connection.execute("LOCK TABLES \(list)")
    } catch {
      connection.close()
      guard error.code == .permission || error.code == .authentication else { throw error }
      throw TableLock.refusal(first, server)
    }
    self.connection = connection
  }

  /// - Throws: `.busy` when a table without transactions has come since the lock was taken.
  func requireAll(_ server: LogServer, isWanted: (TableName) -> Bool) throws(Failure) {
    let names = try CatalogReader(connection: server.connection).withoutTransactions(isWanted)
    guard let name = names.subtracting(tables).min() else { return }
    throw Failure(
      .busy, "table \"\(name)\", which has no transactions, was made while a snapshot began",
      at: server.connection.place)
  }

  func end() { connection?.close() }

  private static func quoted(_ name: TableName) -> String {
    SQLText.identifier(name.namespace) + "." + SQLText.identifier(name.table)
  }

  private static func refusal(_ name: TableName, _ server: LogServer) -> Failure {
    let grant = server.facts.isMariaDB ? "GRANT LOCK TABLES ON \(quoted(name)) TO the pipeline's user, or " : ""
    return Failure(
      .serverSetting, "table \"\(name)\" has no transactions: without a lock no consistent snapshot of it can be taken",
      at: server.connection.place,
      hint: "\(grant)ALTER TABLE \(quoted(name)) ENGINE=InnoDB, or add \"!\(name)\" to `tables`")
  }
}
