import CSQLite

/// A prepared statement, to be bound, stepped and reset again and again without an allocation of ours.
///
/// Thread: that of its connection, which it keeps open.
package struct SQLiteStatement: ~Copyable, @unchecked Sendable {
  // Sendable: unique owner of the handle; it moves together with the right to use the connection.
  let handle: OpaquePointer
  package let connection: SQLiteConnection

  /// Prepares the first and only statement of `sql`; text after it is an error.
  ///
  /// - Parameter persistent: SQLite keeps memory for statements that live long out of its small-block pool.
  package init(_ connection: SQLiteConnection, _ sql: String, persistent: Bool = true) throws(SQLiteFailure) {
    var prepared: OpaquePointer?
    var result = SQLITE_OK
    var isRestEmpty = true
    var copy = sql
    copy.withUTF8 { text in
      guard let base = text.baseAddress, text.count < Int(Int32.max) else {
        result = text.isEmpty ? SQLITE_MISUSE : SQLITE_TOOBIG
        return
      }
      base.withMemoryRebound(to: CChar.self, capacity: text.count) { start in
        var tail: UnsafePointer<CChar>?
        let flags = persistent ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        result = sqlite3_prepare_v3(connection.handle, start, Int32(text.count), flags, &prepared, &tail)
        let used = tail.map { $0 - start } ?? text.count
        isRestEmpty = text[used...].allSatisfy { $0 == 0x20 || $0 == 0x0a || $0 == 0x0d || $0 == 0x09 || $0 == 0x3b }
      }
    }
    guard result == SQLITE_OK else { throw SQLiteConnection.failure(connection.handle, result, sql) }
    guard let prepared, isRestEmpty else {
      sqlite3_finalize(prepared)
      throw SQLiteFailure(
        code: SQLITE_MISUSE, extendedCode: SQLITE_MISUSE, message: "expected exactly one statement", sql: sql)
    }
    handle = prepared
    self.connection = connection
  }

  // The result of finalize repeats the last step's, which was thrown there.
  deinit { sqlite3_finalize(handle) }

  package var parameterCount: Int { Int(sqlite3_bind_parameter_count(handle)) }
  package var columnCount: Int { Int(sqlite3_column_count(handle)) }
  package var sql: String { String(cString: sqlite3_sql(handle)) }
  /// Whether it cannot change the database.
  package var isReadOnly: Bool { sqlite3_stmt_readonly(handle) != 0 }

  /// The name of a result column, from 0.
  package func columnName(_ index: Int) -> String {
    sqlite3_column_name(handle, Int32(clamping: index)).map { String(cString: $0) } ?? ""
  }

  /// Runs to the next row: true when there is one, false at the end. After an error the statement is reset.
  package borrowing func step() throws(SQLiteFailure) -> Bool {
    let result = sqlite3_step(handle)
    if result == SQLITE_ROW { return true }
    if result == SQLITE_DONE { return false }
    let failure = SQLiteConnection.failure(connection.handle, result, sql)
    sqlite3_reset(handle)
    throw failure
  }

  /// Runs a statement that gives no rows, and resets it for the next.
  package borrowing func run() throws(SQLiteFailure) {
    _ = try step()
    reset()
  }

  /// Ends the run; bindings stay until they are replaced. Bytes that were bound may then go.
  // The result repeats the last step's, which was thrown there.
  package borrowing func reset() { sqlite3_reset(handle) }

  /// Sets every parameter to NULL.
  package borrowing func clearBindings() { sqlite3_clear_bindings(handle) }
}
