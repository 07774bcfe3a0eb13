import CSQLite

extension SQLiteConnection {
  /// One blob or text value of one row, open in place while the closure of `withBlob` runs. Its size is fixed.
  package struct Blob {
    fileprivate let handle: OpaquePointer
    fileprivate let connection: SQLiteConnection

    package var byteCount: Int { Int(sqlite3_blob_bytes(handle)) }

    /// Fills `output` from `offset` on; reading past the end is an error.
    package func read(into output: UnsafeMutableRawBufferPointer, at offset: Int) throws(SQLiteFailure) {
      try check(
        sqlite3_blob_read(handle, output.baseAddress, Int32(clamping: output.count), Int32(clamping: offset)))
    }

    /// Writes `bytes` from `offset` on; writing past the end is an error.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SQLiteFailure) {
      try check(sqlite3_blob_write(handle, bytes.baseAddress, Int32(clamping: bytes.count), Int32(clamping: offset)))
    }

    private func check(_ result: Int32) throws(SQLiteFailure) {
      guard result == SQLITE_OK else { throw SQLiteConnection.failure(connection.handle, result) }
    }
  }

  /// Opens the value of `column` in the row with this rowid for the closure, which must not keep it.
  package func withBlob<Result>(
    schema: String = "main", table: String, column: String, row: Int64, writable: Bool = false,
    _ body: (Blob) throws(SQLiteFailure) -> Result
  ) throws(SQLiteFailure) -> Result {
    var blob: OpaquePointer?
    let result = sqlite3_blob_open(handle, schema, table, column, row, writable ? 1 : 0, &blob)
    guard result == SQLITE_OK, let blob else { throw Self.failure(handle, result) }
    let value: Result
    do throws(SQLiteFailure) {
      value = try body(Blob(handle: blob, connection: self))
    } catch {
      sqlite3_blob_close(blob)
      throw error
    }
    // Outside a transaction the close commits, and that can fail.
    let closed = sqlite3_blob_close(blob)
    guard closed == SQLITE_OK else { throw Self.failure(handle, closed) }
    return value
  }
}
