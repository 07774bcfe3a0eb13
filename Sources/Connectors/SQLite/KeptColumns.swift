import SQLRendering
import SQLiteDatabase

/// The columns of one target table that the source has dropped and the sink has kept, with the values that they had.
///
/// Noted so that a column which the source adds under such a name does not show the values of the one before it; a column
/// that a person has added at the target by hand is not noted, and its values stay.
struct KeptColumns {
  static let definition = """
    CREATE TABLE IF NOT EXISTS "_freshet_kept" (
      "target" TEXT NOT NULL COLLATE NOCASE, "column" TEXT NOT NULL COLLATE NOCASE, PRIMARY KEY ("target", "column")) STRICT
    """
  let connection: SQLiteConnection
  let target: String

  func add(_ column: String) throws(SQLiteFailure) {
    try run(#"INSERT OR IGNORE INTO "_freshet_kept" ("target", "column") VALUES (?1, ?2)"#, column)
  }

  /// Forgets a column, and tells whether it was noted.
  func remove(_ column: String) throws(SQLiteFailure) -> Bool {
    try run(#"DELETE FROM "_freshet_kept" WHERE "target" = ?1 AND "column" = ?2"#, column)
    return connection.changes > 0
  }

  func removeAll() throws(SQLiteFailure) {
    let statement = try SQLiteStatement(
      connection, #"DELETE FROM "_freshet_kept" WHERE "target" = ?1"#, persistent: false)
    try statement.bind(1, target)
    try statement.run()
  }

  /// Follows a table to its new name.
  func move(to newTarget: String) throws(SQLiteFailure) {
    try run(#"UPDATE OR REPLACE "_freshet_kept" SET "target" = ?2 WHERE "target" = ?1"#, newTarget)
  }

  private func run(_ sql: String, _ second: String) throws(SQLiteFailure) {
    let statement = try SQLiteStatement(connection, sql, persistent: false)
    try statement.bind(1, target)
    try statement.bind(2, second)
    try statement.run()
  }
}
