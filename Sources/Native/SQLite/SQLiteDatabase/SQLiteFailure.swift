import CSQLite
package import Change

/// What SQLite refused and why, in its own words. Holds the statement's text, never bound values.
package struct SQLiteFailure: Error, Hashable, Sendable {
  /// The primary result code, as in sqlite.org/rescode.html.
  package var code: Int32
  package var extendedCode: Int32
  package var message: String
  /// The statement's text, cut at 1000 characters; empty when none was involved.
  package var sql: String

  package init(code: Int32, extendedCode: Int32, message: String, sql: String = "") {
    self.code = code
    self.extendedCode = extendedCode
    self.message = message
    self.sql = String(sql.prefix(1000))
  }

  /// The same as a failure for a person, at the database's path.
  package func failure(at place: String) -> Failure {
    Failure(
      failureCode, code == SQLITE_CANTOPEN ? "SQLite: \(message)" : "SQLite refused a statement: \(message)",
      at: place, hint: hint,
      cause: sql.isEmpty ? "result code \(extendedCode)" : "result code \(extendedCode) in: \(sql)")
  }

  package var failureCode: Failure.Code {
    switch code {
    case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_INTERRUPT: .conflict
    case SQLITE_FULL: .diskFull
    case SQLITE_IOERR, SQLITE_PROTOCOL, SQLITE_NOLFS: .inputOutput
    case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT: .corruptState
    case SQLITE_CONSTRAINT, SQLITE_MISMATCH: .badValue
    case SQLITE_READONLY, SQLITE_PERM, SQLITE_CANTOPEN, SQLITE_AUTH: .permission
    case SQLITE_TOOBIG, SQLITE_NOMEM: .limit
    case SQLITE_SCHEMA, SQLITE_ERROR: .targetShape
    default: .internal
    }
  }

  private var hint: String {
    switch code {
    case SQLITE_BUSY, SQLITE_LOCKED: "another program holds a lock on the database file; end its transaction"
    case SQLITE_FULL: "make room on the disk, then start again; the database is unchanged"
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      "the file is not a sound SQLite database; check it with `PRAGMA integrity_check`"
    case SQLITE_CANTOPEN: "the directory must exist, and the file and its directory must be writable"
    case SQLITE_READONLY, SQLITE_PERM: "the file and its directory must be writable for this user"
    default: ""
    }
  }
}
