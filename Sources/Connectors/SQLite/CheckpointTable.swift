import Change
import Glibc
import Pipeline
import SQLRendering
import SQLiteDatabase

/// The row of a pipeline's sink in `_freshet_checkpoint`: where it is, and which writer may go on.
///
/// *Durability*: `store` belongs into the transaction of the data; the others make their own.
struct CheckpointTable {
  static let name = "_freshet_checkpoint"
  let connection: SQLiteConnection
  let pipeline: String
  let sink: String

  static let definitions = [
    KeptColumns.definition,
    """
    CREATE TABLE IF NOT EXISTS "_freshet_unchecked" (
      "pipeline" TEXT NOT NULL, "sink" TEXT NOT NULL, "is_complete" INTEGER NOT NULL, PRIMARY KEY ("pipeline", "sink")) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS "_freshet_sequence" (
      "pipeline" TEXT NOT NULL, "sink" TEXT NOT NULL, "transactions" INTEGER NOT NULL,
      PRIMARY KEY ("pipeline", "sink")) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS "_freshet_checkpoint" (
      "pipeline" TEXT NOT NULL, "sink" TEXT NOT NULL, "epoch" INTEGER NOT NULL, "position" TEXT, "token" TEXT,
      "watermark" INTEGER, "updated_at" TEXT NOT NULL, PRIMARY KEY ("pipeline", "sink")) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS "_freshet_table" (
      "target" TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, "pipeline" TEXT NOT NULL, "sink" TEXT NOT NULL,
      "namespace" TEXT NOT NULL, "name" TEXT NOT NULL) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS "_freshet_quarantine" (
      "id" INTEGER PRIMARY KEY, "pipeline" TEXT NOT NULL, "sink" TEXT NOT NULL, "namespace" TEXT NOT NULL,
      "name" TEXT NOT NULL, "operation" TEXT NOT NULL, "key" TEXT NOT NULL, "position" TEXT NOT NULL,
      "reason" TEXT NOT NULL, "row" TEXT NOT NULL, "created_at" TEXT NOT NULL) STRICT
    """,
  ]

  /// Makes this writer the only one that can commit, and returns its epoch and the stored position.
  func claim() throws(SQLiteFailure) -> (epoch: Int64, position: Position?) {
    try connection.execute("BEGIN IMMEDIATE")
    do throws(SQLiteFailure) {
      for definition in CheckpointTable.definitions { try connection.execute(definition) }
      let next = try SQLiteStatement(
        connection,
        """
        INSERT INTO "_freshet_checkpoint" ("pipeline", "sink", "epoch", "updated_at") VALUES (?1, ?2, 1, ?3)
        ON CONFLICT ("pipeline", "sink") DO UPDATE SET "epoch" = "epoch" + 1, "updated_at" = excluded."updated_at"
        RETURNING "epoch", "position", "token"
        """, persistent: false)
      try next.bind(1, pipeline)
      try next.bind(2, sink)
      try next.bind(3, CheckpointTable.now())
      guard try next.step() else {
        throw SQLiteFailure(code: 2, extendedCode: 2, message: "no checkpoint row came back", sql: next.sql)
      }
      let epoch = next.int64(0)
      let position = CheckpointTable.position(next, text: 1, token: 2)
      // The statement must reach its end before the commit.
      _ = try next.step()
      next.reset()
      if position == nil { try forgetTables() }
      try connection.execute("COMMIT")
      return (epoch, position)
    } catch {
      try rollBack(after: error)
    }
  }

  /// A sink without a checkpoint owns nothing: what an earlier life of it has left is not what the source holds now.
  private func forgetTables() throws(SQLiteFailure) {
    try run(#"DELETE FROM "_freshet_table" WHERE "pipeline" = ?1 AND "sink" = ?2"#)
    try run(#"DELETE FROM "_freshet_unchecked" WHERE "pipeline" = ?1 AND "sink" = ?2"#)
    try connection.execute(
      #"DELETE FROM "_freshet_kept" WHERE "target" NOT IN (SELECT "target" FROM "_freshet_table")"#)
  }

  /// Runs a statement whose parameters are the pipeline and the sink.
  private func run(_ sql: String) throws(SQLiteFailure) {
    let statement = try SQLiteStatement(connection, sql, persistent: false)
    try statement.bind(1, pipeline)
    try statement.bind(2, sink)
    try statement.run()
  }

  // MARK: Foreign keys that no one has looked at

  /// Whether rows of a snapshot were stored whose foreign keys were not checked.
  func readUnchecked() throws(SQLiteFailure) -> Unchecked {
    let row = try SQLiteStatement(
      connection, #"SELECT "is_complete" FROM "_freshet_unchecked" WHERE "pipeline" = ?1 AND "sink" = ?2"#,
      persistent: false)
    try row.bind(1, pipeline)
    try row.bind(2, sink)
    guard try row.step() else { return .no }
    return row.int64(0) == 0 ? .duringSnapshot : .afterSnapshot
  }

  func storeUnchecked(_ unchecked: Unchecked) throws(SQLiteFailure) {
    switch unchecked {
    case .no: try run(#"DELETE FROM "_freshet_unchecked" WHERE "pipeline" = ?1 AND "sink" = ?2"#)
    case .duringSnapshot: try run(#"INSERT OR REPLACE INTO "_freshet_unchecked" VALUES (?1, ?2, 0)"#)
    case .afterSnapshot: try run(#"INSERT OR REPLACE INTO "_freshet_unchecked" VALUES (?1, ?2, 1)"#)
    }
  }

  enum Unchecked { case no, duringSnapshot, afterSnapshot }

  private func rollBack(after failure: SQLiteFailure) throws(SQLiteFailure) -> Never {
    if connection.isInTransaction {
      do throws(SQLiteFailure) {
        try connection.execute("ROLLBACK")
      } catch {
        // What went wrong first is what a person must know; SQLite undoes an open transaction when the file is closed.
        throw failure
      }
    }
    throw failure
  }

  /// The stored position without a claim; nil when there is no table, no row or no position.
  func read() throws(SQLiteFailure) -> Position? {
    let table = try SQLiteStatement(
      connection, "SELECT 1 FROM sqlite_schema WHERE name = '_freshet_checkpoint'", persistent: false)
    guard try table.step() else { return nil }
    let row = try SQLiteStatement(
      connection, #"SELECT "position", "token" FROM "_freshet_checkpoint" WHERE "pipeline" = ?1 AND "sink" = ?2"#,
      persistent: false)
    try row.bind(1, pipeline)
    try row.bind(2, sink)
    return try row.step() ? CheckpointTable.position(row, text: 0, token: 1) : nil
  }

  /// The number of the last transaction that a mode which counts them has stored; 0 before the first.
  func readSequence() throws(SQLiteFailure) -> UInt64 {
    let row = try SQLiteStatement(
      connection, #"SELECT "transactions" FROM "_freshet_sequence" WHERE "pipeline" = ?1 AND "sink" = ?2"#,
      persistent: false)
    try row.bind(1, pipeline)
    try row.bind(2, sink)
    return try row.step() ? UInt64(bitPattern: row.int64(0)) : 0
  }

  func storeSequence(_ sequence: UInt64) throws(SQLiteFailure) {
    let store = try SQLiteStatement(
      connection,
      """
      INSERT INTO "_freshet_sequence" ("pipeline", "sink", "transactions") VALUES (?1, ?2, ?3)
      ON CONFLICT ("pipeline", "sink") DO UPDATE SET "transactions" = excluded."transactions"
      """, persistent: false)
    try store.bind(1, pipeline)
    try store.bind(2, sink)
    try store.bind(3, Int64(bitPattern: sequence))
    try store.run()
  }

  private static func position(_ row: borrowing SQLiteStatement, text: Int, token: Int) -> Position? {
    guard let text = row.string(text), let token = row.string(token) else { return nil }
    return Position(text: text, token: token)
  }

  /// The statement that `store` binds: it changes one row, or none when another writer has claimed the target.
  /// The watermark stays when a restarted pipeline comes with an older one: what was promised stays promised.
  func prepareStore() throws(SQLiteFailure) -> SQLiteStatement {
    let statement = try SQLiteStatement(
      connection,
      """
      UPDATE "_freshet_checkpoint"
      SET "position" = ?1, "token" = ?2, "watermark" = coalesce(max("watermark", ?3), "watermark", ?3), "updated_at" = ?4
      WHERE "pipeline" = ?5 AND "sink" = ?6 AND "epoch" = ?7
      """)
    try statement.bind(5, pipeline)
    try statement.bind(6, sink)
    return statement
  }

  /// A statement that returns a row while the writer of this epoch owns the target.
  func prepareOwnership(epoch: Int64) throws(SQLiteFailure) -> SQLiteStatement {
    let statement = try SQLiteStatement(
      connection, #"SELECT 1 FROM "_freshet_checkpoint" WHERE "pipeline" = ?1 AND "sink" = ?2 AND "epoch" = ?3"#)
    try statement.bind(1, pipeline)
    try statement.bind(2, sink)
    try statement.bind(3, epoch)
    return statement
  }

  /// The time of day in Coordinated Universal Time, to the millisecond.
  static func now() -> String {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    return ValueText.string { text in
      text.writeTimestamp(CivilTime(microsecondsSinceEpoch: microseconds), fraction: 3)
      text.writeZone()
    }
  }
}
