import CMariaDB

/// What a server says to one statement.
package struct MariaDBAnswer: Sendable {
  /// Rows changed; on a connection that `countsFoundRows`, rows found.
  package var affectedRows: UInt64
  /// Rows of the result; 0 where there is none.
  package var resultRows: UInt64
  package var warnings: UInt32
  /// The answer to the next statement of the same text is to be received.
  package var hasMore: Bool
}

/// Statements as bytes, sent and answered in two steps, so that the next one can be written while the server works.
///
/// Ordering: each `send` is followed by `receive` until an answer has no more behind it, or one fails. A server runs the
/// statements of one text in order and ends at the first that fails.
extension MariaDBConnection {
  /// Whether the server takes many rows for one prepared statement (COM_STMT_BULK_EXECUTE). MySQL does not.
  package var hasBulkExecution: Bool { state != .closed && freshet_mysql_has_bulk(handle) != 0 }

  package func send(text: UnsafeRawBufferPointer) throws(MariaDBError) {
    try requireIdle()
    let bytes = text.assumingMemoryBound(to: CChar.self)
    guard mysql_send_query(handle, bytes.baseAddress, UInt(bytes.count)) == 0 else { throw lastError() }
    state = .streaming
  }

  /// Sends rows for a prepared statement.
  /// - Parameter payload: statement id, flags, types and rows (mariadb.com/kb/en/com_stmt_bulk_execute).
  package func send(bulk payload: UnsafeRawBufferPointer) throws(MariaDBError) {
    try requireIdle()
    let result = freshet_mysql_command(
      handle, Int32(COM_STMT_BULK_EXECUTE.rawValue), payload.baseAddress, payload.count, 0)
    guard result == 0 else { throw lastError() }
    state = .streaming
  }

  /// Reads the answer to the first statement that was sent.
  package func receive() throws(MariaDBError) -> MariaDBAnswer {
    let failed = mysql_read_query_result(handle) != 0
    return try answer(failed)
  }

  /// Reads the answer to the next statement of a text.
  package func receiveNext() throws(MariaDBError) -> MariaDBAnswer {
    let failed = mysql_next_result(handle) != 0
    return try answer(failed)
  }

  private func answer(_ failed: Bool) throws(MariaDBError) -> MariaDBAnswer {
    guard !failed else {
      state = .ready
      throw lastError()
    }
    var rows: UInt64 = 0
    // Taken before the rows are stored: what the library then tells as affected is their count.
    let affected = mysql_affected_rows(handle)
    if let result = mysql_store_result(handle) {
      rows = UInt64(mysql_num_rows(result))
      mysql_free_result(result)
    } else if mysql_errno(handle) != 0 {
      state = .ready
      throw lastError()
    }
    let hasMore = mysql_more_results(handle) != 0
    if !hasMore { state = .ready }
    return MariaDBAnswer(
      affectedRows: affected == UInt64.max ? 0 : UInt64(affected), resultRows: rows,
      warnings: UInt32(freshet_mysql_warnings(handle)), hasMore: hasMore)
  }

  func requireIdle() throws(MariaDBError) {
    guard state == .ready else {
      throw MariaDBError(
        number: 2014, sqlState: "HY000", message: "the connection is closed or has an answer on its way")
    }
  }

  func lastError() -> MariaDBError {
    MariaDBError(
      number: mysql_errno(handle), sqlState: String(cString: mysql_sqlstate(handle)),
      message: String(cString: mysql_error(handle)))
  }
}

extension MariaDBError: Error {
  /// Whether the values of a row are to blame, and not the server, the connection or another transaction.
  package var isAboutTheRow: Bool {
    switch number {
    case 1048, 1062, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1411, 1416, 1451, 1452, 1525, 1557, 1586, 1690,
      1761, 1762, 3140, 4025, 4078, 4079, 4162:
      true
    default: false
    }
  }

  /// Whether a row with these values of a unique key is already there.
  package var isUniqueConflict: Bool { number == 1062 || number == 1586 }
}
