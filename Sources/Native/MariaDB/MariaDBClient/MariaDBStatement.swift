import CMariaDB
import Change

/// A statement that the server has parsed, for rows in the protocol's binary form.
///
/// Thread: the connection's, also for its end. The connection may be closed first.
package final class MariaDBStatement {
  /// By which the server knows it.
  package let id: UInt32
  package let parameterCount: Int
  private let handle: UnsafeMutablePointer<MYSQL_STMT>
  // The library forgets a closed connection in its statements, so that closing them later touches only their own memory.
  private let connection: MariaDBConnection

  package init(_ connection: MariaDBConnection, _ sql: String) throws(MariaDBError) {
    try connection.requireIdle()
    guard let handle = mysql_stmt_init(connection.handle) else { throw connection.lastError() }
    var sql = sql
    let result = sql.withUTF8 { text in
      text.withMemoryRebound(to: CChar.self) { mysql_stmt_prepare(handle, $0.baseAddress, UInt($0.count)) }
    }
    guard result == 0 else {
      let error = MariaDBError(
        number: mysql_stmt_errno(handle), sqlState: String(cString: mysql_stmt_sqlstate(handle)),
        message: String(cString: mysql_stmt_error(handle)))
      mysql_stmt_close(handle)
      throw error
    }
    self.handle = handle
    self.connection = connection
    id = UInt32(truncatingIfNeeded: freshet_mysql_statement_id(handle))
    parameterCount = Int(mysql_stmt_param_count(handle))
  }

  deinit { mysql_stmt_close(handle) }
}
