import CSQLite

/// The columns of the row that `step` stands on, numbered from 0. They are gone with the next step or reset.
extension SQLiteStatement {
  package enum StorageClass: Int32, Sendable { case integer = 1, real, text, blob, null }

  package borrowing func storageClass(_ column: Int) -> StorageClass {
    StorageClass(rawValue: sqlite3_column_type(handle, Int32(truncatingIfNeeded: column))) ?? .null
  }

  package borrowing func isNull(_ column: Int) -> Bool { storageClass(column) == .null }

  package borrowing func int64(_ column: Int) -> Int64 {
    sqlite3_column_int64(handle, Int32(truncatingIfNeeded: column))
  }

  package borrowing func double(_ column: Int) -> Double {
    sqlite3_column_double(handle, Int32(truncatingIfNeeded: column))
  }

  /// Lends the UTF-8 bytes of a text; empty for NULL. Other storage classes are converted by SQLite.
  @inlinable package borrowing func withText<Result, Failed: Error>(
    _ column: Int, _ body: (UnsafeRawBufferPointer) throws(Failed) -> Result
  ) throws(Failed) -> Result {
    try body(textBytes(column))
  }

  /// Lends the bytes of a blob, or of a text as they are stored; empty for NULL.
  @inlinable package borrowing func withBlob<Result, Failed: Error>(
    _ column: Int, _ body: (UnsafeRawBufferPointer) throws(Failed) -> Result
  ) throws(Failed) -> Result {
    try body(blobBytes(column))
  }

  /// The text as a String, nil for NULL; for small results that are not per row.
  package borrowing func string(_ column: Int) -> String? {
    isNull(column) ? nil : withText(column) { String(decoding: $0, as: UTF8.self) }
  }

  // The order is SQLite's: the value first, then its size in that encoding.
  @usableFromInline borrowing func textBytes(_ column: Int) -> UnsafeRawBufferPointer {
    let text = sqlite3_column_text(handle, Int32(truncatingIfNeeded: column))
    let count = Int(sqlite3_column_bytes(handle, Int32(truncatingIfNeeded: column)))
    return UnsafeRawBufferPointer(start: text, count: text == nil ? 0 : count)
  }

  @usableFromInline borrowing func blobBytes(_ column: Int) -> UnsafeRawBufferPointer {
    let blob = sqlite3_column_blob(handle, Int32(truncatingIfNeeded: column))
    let count = Int(sqlite3_column_bytes(handle, Int32(truncatingIfNeeded: column)))
    return UnsafeRawBufferPointer(start: blob, count: blob == nil ? 0 : count)
  }
}
