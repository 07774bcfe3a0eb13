import CSQLite

/// Parameters are numbered from 1. Nothing is copied or allocated here.
extension SQLiteStatement {
  package borrowing func bind(_ parameter: Int, _ value: Int64) throws(SQLiteFailure) {
    try check(sqlite3_bind_int64(handle, Int32(truncatingIfNeeded: parameter), value))
  }

  /// SQLite stores a NaN as NULL; the caller refuses it before.
  package borrowing func bind(_ parameter: Int, _ value: Double) throws(SQLiteFailure) {
    try check(sqlite3_bind_double(handle, Int32(truncatingIfNeeded: parameter), value))
  }

  package borrowing func bindNull(_ parameter: Int) throws(SQLiteFailure) {
    try check(sqlite3_bind_null(handle, Int32(truncatingIfNeeded: parameter)))
  }

  /// Binds UTF-8 bytes where they are: they must stay there, unchanged, until the statement was stepped and reset.
  package borrowing func bindText(_ parameter: Int, _ bytes: UnsafeRawBufferPointer) throws(SQLiteFailure) {
    try check(
      freshet_sqlite3_bind_text_static(
        handle, Int32(truncatingIfNeeded: parameter), bytes.baseAddress, UInt64(bytes.count)))
  }

  /// Binds bytes where they are: they must stay there, unchanged, until the statement was stepped and reset.
  package borrowing func bindBlob(_ parameter: Int, _ bytes: UnsafeRawBufferPointer) throws(SQLiteFailure) {
    try check(
      freshet_sqlite3_bind_blob_static(
        handle, Int32(truncatingIfNeeded: parameter), bytes.baseAddress, UInt64(bytes.count)))
  }

  /// Binds a copy of `text`; for the few values that are not in a batch.
  package borrowing func bind(_ parameter: Int, _ text: String) throws(SQLiteFailure) {
    var text = text
    let result = text.withUTF8 {
      let bytes = UnsafeRawBufferPointer($0)
      return freshet_sqlite3_bind_text_copy(
        handle, Int32(truncatingIfNeeded: parameter), bytes.baseAddress, UInt64(bytes.count))
    }
    try check(result)
  }

  private borrowing func check(_ result: Int32) throws(SQLiteFailure) {
    if result != SQLITE_OK { throw SQLiteConnection.failure(connection.handle, result, sql) }
  }
}
