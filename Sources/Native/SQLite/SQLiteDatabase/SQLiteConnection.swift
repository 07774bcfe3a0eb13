import CSQLite
import Glibc

/// An open SQLite database.
///
/// Thread: used by one thread at a time, without SQLite's own mutexes; `interrupt` alone may be called from any thread
/// while the connection is alive. Statements hold the connection, so it closes after the last of them.
package final class SQLiteConnection: @unchecked Sendable {
  // Sendable: the handle never changes, and handing the connection to another thread is the owner's decision; SQLite
  // in multi-thread mode allows any one thread at a time.
  let handle: OpaquePointer
  package let path: String
  private var busyTimeoutMilliseconds: Int32

  package struct OpenMode: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let readOnly = OpenMode(rawValue: SQLITE_OPEN_READONLY)
    package static let readWrite = OpenMode(rawValue: SQLITE_OPEN_READWRITE)
    package static let create = OpenMode(rawValue: SQLITE_OPEN_CREATE)
    /// The path is a `file:` URI with parameters.
    package static let uri = OpenMode(rawValue: SQLITE_OPEN_URI)
    /// A symbolic link is refused.
    package static let noFollow = OpenMode(rawValue: SQLITE_OPEN_NOFOLLOW)
  }

  /// Opens the database at `path`; a file is created only with `.create`. `:memory:` is a private database in memory.
  ///
  /// - Parameter busyTimeoutMilliseconds: how long a statement waits for another program's lock.
  package init(
    path: String, mode: OpenMode = [.readWrite, .create], busyTimeoutMilliseconds: Int32 = 5000
  ) throws(SQLiteFailure) {
    guard !path.utf8.contains(0) else {
      throw SQLiteFailure(code: SQLITE_CANTOPEN, extendedCode: SQLITE_CANTOPEN, message: "the path holds a NUL byte")
    }
    var opened: OpaquePointer?
    let flags = mode.rawValue | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    let result = sqlite3_open_v2(path, &opened, flags, nil)
    guard result == SQLITE_OK, let opened else {
      // A handle may come back with an error: it carries the message and must be closed.
      let failure = Self.failure(opened, result)
      sqlite3_close_v2(opened)
      throw failure
    }
    handle = opened
    self.path = path
    self.busyTimeoutMilliseconds = busyTimeoutMilliseconds
    // The connection outlives its handler: `deinit` closes the handle, and nothing calls the handler after that.
    sqlite3_busy_handler(opened, SQLiteConnection.waitForLock, Unmanaged.passUnretained(self).toOpaque())
    // Strings in double quotes are a mistake in a name, never a text; a damaged schema must not run code.
    _ = freshet_sqlite3_config_int(opened, SQLITE_DBCONFIG_DQS_DML, 0)
    _ = freshet_sqlite3_config_int(opened, SQLITE_DBCONFIG_DQS_DDL, 0)
    _ = freshet_sqlite3_config_int(opened, SQLITE_DBCONFIG_DEFENSIVE, 1)
  }

  // `close_v2` waits for statements that are still there, and those hold this object anyway.
  deinit { sqlite3_close_v2(handle) }

  /// Runs every statement of `sql`; rows are passed over.
  package func execute(_ sql: String) throws(SQLiteFailure) {
    let result = sqlite3_exec(handle, sql, nil, nil, nil)
    guard result == SQLITE_OK else { throw Self.failure(handle, result, sql) }
  }

  /// Whether a transaction is open on this connection.
  package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  package enum TransactionState: Int32, Sendable { case none, read, write }

  /// Which lock the open transaction has: a deferred one takes it with its first statement.
  package var transactionState: TransactionState {
    TransactionState(rawValue: sqlite3_txn_state(handle, nil)) ?? .none
  }

  /// Rows that the last INSERT, UPDATE or DELETE changed itself, without triggers and cascades.
  package var changes: Int64 { sqlite3_changes64(handle) }
  package var totalChanges: Int64 { sqlite3_total_changes64(handle) }
  package var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

  /// Makes the running statement fail with SQLITE_INTERRUPT. Thread: any.
  package func interrupt() { sqlite3_interrupt(handle) }

  package func setBusyTimeout(milliseconds: Int32) { busyTimeoutMilliseconds = milliseconds }

  /// Waits a little for another program's lock; gives up when the time is over, or when the calling task is cancelled.
  private static let waitForLock: @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int32 = { connection, attempt in
    guard let connection, !Task.isCancelled else { return 0 }
    let timeout = Unmanaged<SQLiteConnection>.fromOpaque(connection).takeUnretainedValue().busyTimeoutMilliseconds
    // The waits are 1, 2, 3 … 20, 20, 20 … milliseconds.
    let growing = min(attempt, 20)
    let waited = growing * (growing + 1) / 2 + (attempt - growing) * 20
    guard waited < timeout else { return 0 }
    usleep(UInt32(min(attempt + 1, 20)) * 1000)
    return 1
  }

  /// The most recent failure of this connection, as it stands.
  package func lastFailure(sql: String = "") -> SQLiteFailure {
    Self.failure(handle, sqlite3_extended_errcode(handle), sql)
  }

  /// The version of the library that runs, as `3.40.1`.
  package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

  static func failure(_ handle: OpaquePointer?, _ result: Int32, _ sql: String = "") -> SQLiteFailure {
    let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(result))
    return SQLiteFailure(code: result & 0xff, extendedCode: result, message: message, sql: sql)
  }
}
