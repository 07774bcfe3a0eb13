import CMariaDB
package import Change

/// Statements with small results: settings, schemas, positions. Rows of tables go through `streamRows`.
extension MariaDBConnection {
  /// Runs one statement, passes over its results, and returns how many rows it changed.
  @discardableResult
  package func execute(_ sql: String) throws(Failure) -> UInt64 {
    try send(sql)
    let changed = mysql_affected_rows(handle)
    try discardResults()
    return changed == UInt64.max ? 0 : UInt64(changed)
  }

  /// All rows of the first result, with bytes as the server sent them; nil is NULL.
  package func queryBytes(_ sql: String) throws(Failure) -> [[[UInt8]?]] {
    try send(sql)
    guard let result = mysql_store_result(handle) else {
      if mysql_errno(handle) != 0 { throw lastFailure("cannot read a result") }
      try discardRest()
      return []
    }
    var rows: [[[UInt8]?]] = []
    let columns = Int(mysql_num_fields(result))
    while let row = mysql_fetch_row(result), let lengths = mysql_fetch_lengths(result) {
      rows.append(
        (0..<columns).map { column in
          row[column].map { Array(UnsafeRawBufferPointer(start: $0, count: Int(lengths[column]))) }
        })
    }
    mysql_free_result(result)
    try discardRest()
    return rows
  }

  /// All rows of the first result as text; a value that is not UTF-8 is a failure.
  package func query(_ sql: String) throws(Failure) -> [[String?]] {
    var rows: [[String?]] = []
    for row in try queryBytes(sql) {
      var texts: [String?] = []
      for value in row {
        guard let value else {
          texts.append(nil)
          continue
        }
        guard let text = String(validating: value, as: UTF8.self) else {
          throw Failure(.badValue, "a query's result holds a value that is not UTF-8", at: place)
        }
        texts.append(text)
      }
      rows.append(texts)
    }
    return rows
  }

  private func send(_ sql: String) throws(Failure) {
    try requireReady("cannot run a statement")
    var sql = sql
    let result = sql.withUTF8 { text in
      text.withMemoryRebound(to: CChar.self) { mysql_real_query(handle, $0.baseAddress, UInt($0.count)) }
    }
    guard result == 0 else { throw lastFailure("a statement failed") }
  }

  private func discardResults() throws(Failure) {
    if let result = mysql_store_result(handle) {
      mysql_free_result(result)
    } else if mysql_errno(handle) != 0 {
      throw lastFailure("cannot read a result")
    }
    try discardRest()
  }

  private func discardRest() throws(Failure) {
    while true {
      let next = mysql_next_result(handle)
      if next < 0 { return }
      guard next == 0 else { throw lastFailure("a statement failed") }
      if let result = mysql_store_result(handle) { mysql_free_result(result) }
    }
  }
}
