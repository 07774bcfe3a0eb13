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
/// Ordering: each `send` is followed by `receive` until an answer has no more behind it, or one fails. One more `send` may
/// come before that, so that the server never waits: it is carried out whatever becomes of the one before it. A server runs
/// the statements of one text in order and ends at the first that fails.
extension MariaDBConnection {
  /// Whether the server takes many rows for one prepared statement (COM_STMT_BULK_EXECUTE). MySQL does not.
  package var hasBulkExecution: Bool { state != .closed && freshet_mysql_has_bulk(handle) != 0 }

  package func send(text: UnsafeRawBufferPointer) throws(MariaDBError) {
    try requireIdle(orOneAhead: true)
    let bytes = text.assumingMemoryBound(to: CChar.self)
    guard mysql_send_query(handle, bytes.baseAddress, UInt(bytes.count)) == 0 else { throw lastError() }
    expectAnswer()
  }

  /// Sends rows for a prepared statement.
  /// - Parameter payload: statement id, flags, types and rows (mariadb.com/kb/en/com_stmt_bulk_execute).
  package func send(bulk payload: UnsafeRawBufferPointer) throws(MariaDBError) {
    try requireIdle(orOneAhead: true)
    let result = freshet_mysql_command(
      handle, Int32(COM_STMT_BULK_EXECUTE.rawValue), payload.baseAddress, payload.count, 0)
    guard result == 0 else { throw lastError() }
    expectAnswer()
  }

  private func expectAnswer() {
    dueAnswers.append(freshet_mysql_packet_number(handle))
    state = .streaming
  }

  /// Reads the answer to the oldest of what was sent.
  package func receive() throws(MariaDBError) -> MariaDBAnswer {
    guard !dueAnswers.isEmpty, !isInsideAnswer else {
      throw MariaDBError(number: 2014, sqlState: "HY000", message: "no answer is on its way")
    }
    freshet_mysql_expect_packet(handle, dueAnswers.removeFirst())
    let failed = mysql_read_query_result(handle) != 0
    return try answer(failed)
  }

  /// Reads the answer to the next statement of a text.
  package func receiveNext() throws(MariaDBError) -> MariaDBAnswer {
    let failed = mysql_next_result(handle) != 0
    return try answer(failed)
  }

  /// How many rows of the many that were just inserted were there already; nil when the server did not count them, as for
  /// one row. Taken from what it says: `Records: 1000  Duplicates: 3  Warnings: 0`, in the language that it speaks.
  package var duplicates: UInt64? {
    guard let text = mysql_info(handle) else { return nil }
    let numbers = String(cString: text).split { !$0.isASCII || !$0.isNumber }.compactMap { UInt64($0) }
    return numbers.count == 3 ? numbers[1] : nil
  }

  private func answer(_ failed: Bool) throws(MariaDBError) -> MariaDBAnswer {
    isInsideAnswer = false
    state = dueAnswers.isEmpty ? .ready : .streaming
    guard !failed else { throw lastError() }
    var rows: UInt64 = 0
    // Taken before the rows are stored: what the library then tells as affected is their count.
    let affected = mysql_affected_rows(handle)
    if let result = mysql_store_result(handle) {
      rows = UInt64(mysql_num_rows(result))
      mysql_free_result(result)
    } else if mysql_errno(handle) != 0 {
      throw lastError()
    }
    isInsideAnswer = mysql_more_results(handle) != 0
    if isInsideAnswer { state = .streaming }
    return MariaDBAnswer(
      affectedRows: affected == UInt64.max ? 0 : UInt64(affected), resultRows: rows,
      warnings: UInt32(freshet_mysql_warnings(handle)), hasMore: isInsideAnswer)
  }

  func requireIdle(orOneAhead: Bool = false) throws(MariaDBError) {
    guard state == .ready || (orOneAhead && state == .streaming && dueAnswers.count == 1 && !isInsideAnswer) else {
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
