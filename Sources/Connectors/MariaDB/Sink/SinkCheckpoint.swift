import Change
import Flow
import MariaDBClient
import Pipeline
import SQLRendering

/// The row of a pipeline's sink in `_freshet_checkpoint`: where it is, and which writer may go on.
///
/// *Durability*: `ownership` and `store` are statements for the transaction of the data; the others make their own.
/// *Thread*: the connection's.
struct SinkCheckpoint {
  let connection: MariaDBConnection
  let pipeline: String
  let sink: String
  /// Quoted: `` `freshet`.`_freshet_checkpoint` ``.
  let table: String
  let quarantine: String
  /// A temporary table of the connection.
  let aside: String
  private let database: String

  /// Seconds for which another writer may keep the row locked before its connection is ended.
  private static let patience = 5
  /// Writers that a sink may have.
  private static let writerLimit = 16

  init(connection: MariaDBConnection, stateDatabase: String, pipeline: String, sink: String) throws(Failure) {
    self.connection = connection
    self.pipeline = pipeline
    self.sink = sink
    database = try SQLDialect.mariadb.quoted(stateDatabase)
    table = "\(database).`_freshet_checkpoint`"
    quarantine = "\(database).`_freshet_quarantine`"
    aside = "\(database).`_freshet_aside`"
  }

  private var definitions: [String] {
    let options = "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    return [
      "CREATE DATABASE IF NOT EXISTS \(database)",
      """
      CREATE TABLE IF NOT EXISTS \(table) (
        `pipeline` VARCHAR(255) NOT NULL, `sink` VARCHAR(255) NOT NULL, `epoch` BIGINT UNSIGNED NOT NULL,
        `group_number` BIGINT UNSIGNED NOT NULL DEFAULT 0, `position` LONGTEXT NULL, `token` LONGTEXT NULL,
        `watermark` BIGINT NULL, `updated_at` DATETIME(3) NOT NULL, PRIMARY KEY (`pipeline`, `sink`)) \(options)
      """,
      """
      CREATE TABLE IF NOT EXISTS \(quarantine) (
        `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, `pipeline` VARCHAR(255) NOT NULL,
        `sink` VARCHAR(255) NOT NULL, `namespace` VARCHAR(255) NOT NULL, `name` VARCHAR(255) NOT NULL,
        `operation` VARCHAR(16) NOT NULL, `key` LONGTEXT NOT NULL, `position` LONGTEXT NOT NULL,
        `reason` LONGTEXT NOT NULL, `row` LONGTEXT NOT NULL, `created_at` DATETIME(3) NOT NULL) \(options)
      """,
    ]
  }

  private static func literal(_ text: String) -> String { SQLDialect.mariadb.literal(text) }

  private var isMine: String {
    "`pipeline` = \(SinkCheckpoint.literal(pipeline)) AND `sink` = \(SinkCheckpoint.literal(sink))"
  }

  // MARK: Claiming

  struct Claim {
    var epoch: UInt64
    var groupNumber: UInt64
    var position: Position?
  }

  /// Makes this writer the only one that can commit.
  ///
  /// A writer that is stuck in its open transaction holds the row; after a while its connection is ended, which undoes
  /// what it has not committed.
  func claim() throws(Failure) -> Claim {
    for definition in definitions { try connection.execute(definition) }
    let usual = try connection.query("SELECT @@innodb_lock_wait_timeout").first?.first ?? nil
    try connection.execute("SET SESSION innodb_lock_wait_timeout = \(SinkCheckpoint.patience)")
    do throws(Failure) {
      try raiseEpoch()
    } catch {
      guard error.code == .conflict else { throw error }
      // Whoever keeps the row locked has begun a group under the epoch that stands in it.
      if let epoch = try storedEpoch() {
        for writer in 0..<SinkCheckpoint.writerLimit { try endWriter(writer, of: epoch) }
      }
      try raiseEpoch()
    }
    try connection.execute("SET SESSION innodb_lock_wait_timeout = \(usual ?? "50")")
    let rows = try connection.query(
      "SELECT `epoch`, `group_number`, `position`, `token` FROM \(table) WHERE \(isMine)")
    guard let row = rows.first, row.count == 4, let epoch = row[0].flatMap({ UInt64($0) }) else {
      throw Failure(.corruptState, "the checkpoint's row is gone", at: connection.place)
    }
    var position: Position?
    if let text = row[2], let token = row[3] { position = Position(text: text, token: token) }
    return Claim(epoch: epoch, groupNumber: row[1].flatMap { UInt64($0) } ?? 0, position: position)
  }

  private func raiseEpoch() throws(Failure) {
    try connection.execute(
      """
      INSERT INTO \(table) (`pipeline`, `sink`, `epoch`, `updated_at`)
      VALUES (\(SinkCheckpoint.literal(pipeline)), \(SinkCheckpoint.literal(sink)), 1, UTC_TIMESTAMP(3))
      ON DUPLICATE KEY UPDATE `epoch` = `epoch` + 1, `updated_at` = UTC_TIMESTAMP(3)
      """)
  }

  /// The epoch as it was last committed; nil: there is no row. Does not wait for whoever has it locked.
  private func storedEpoch() throws(Failure) -> UInt64? {
    (try connection.query("SELECT `epoch` FROM \(table) WHERE \(isMine)").first?.first ?? nil).flatMap { UInt64($0) }
  }

  /// The name of the lock that a writer's connection holds for as long as it lives, by which a later one finds it. Each
  /// epoch has its own: an older writer that is still connected is to learn at its next group that it is fenced, not before
  /// by a broken connection. Names may have 64 characters.
  private func lockName(_ writer: Int, of epoch: UInt64) -> String {
    "freshet.\(String(identity, radix: 16)).\(epoch).\(writer)"
  }

  /// A number that this sink has and others hardly do.
  var identity: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in "\(database)\u{0}\(pipeline)\u{0}\(sink)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }

  /// Ends the connection of an older writer, if it is there.
  func endWriter(_ writer: Int, of epoch: UInt64) throws(Failure) {
    let holder = try connection.query("SELECT IS_USED_LOCK('\(lockName(writer, of: epoch))')").first?.first ?? nil
    guard let id = holder.flatMap({ UInt64($0) }), id != connection.threadId else { return }
    do throws(Failure) {
      try connection.execute("KILL CONNECTION \(id)")
    } catch {
      // 1094: it has ended by itself meanwhile.
      guard error.cause.hasPrefix("1094 ") else { throw error }
    }
  }

  /// Marks a connection as one of the sink's writers in the epoch that was claimed.
  func mark(_ connection: MariaDBConnection, writer: Int, epoch: UInt64) throws(Failure) {
    let answer = try connection.query("SELECT GET_LOCK('\(lockName(writer, of: epoch))', 0)").first?.first ?? nil
    guard answer == "1" else {
      throw Failure(.busy, "the server gives no lock by which a later writer could find this one", at: connection.place)
    }
  }

  // MARK: Statements of a group

  /// A query with one row while the writer of this epoch owns the target; the row stays locked until the transaction ends.
  func ownership(_ epoch: UInt64) -> String {
    "SELECT 1 FROM \(table) WHERE \(isMine) AND `epoch` = \(epoch) FOR UPDATE"
  }

  /// Stores a group's checkpoint in the row that `ownership` has locked. The watermark stays when a restarted pipeline comes
  /// with an older one: what was promised stays promised.
  func store(_ checkpoint: Checkpoint, epoch: UInt64, groupNumber: UInt64) -> String {
    "UPDATE \(table) SET \(assignments(checkpoint, groupNumber)) WHERE \(isMine) AND `epoch` = \(epoch)"
  }

  /// The same without `ownership` before it: locks the row, and fails (1048) when another writer owns the target.
  func storeOrFail(_ checkpoint: Checkpoint, epoch: UInt64, groupNumber: UInt64) -> String {
    "UPDATE \(table) SET `epoch` = IF(`epoch` = \(epoch), `epoch`, NULL), \(assignments(checkpoint, groupNumber)) "
      + "WHERE \(isMine)"
  }

  private func assignments(_ checkpoint: Checkpoint, _ groupNumber: UInt64) -> String {
    // Without a promise there is none: not the least number that there is.
    let watermark = checkpoint.watermark == .distantPast ? "NULL" : "\(checkpoint.watermark.microseconds)"
    return """
      `group_number` = \(groupNumber), `position` = \(SinkCheckpoint.literal(checkpoint.position.text)), \
      `token` = \(SinkCheckpoint.literal(checkpoint.position.token)), \
      `watermark` = COALESCE(GREATEST(`watermark`, \(watermark)), `watermark`, \(watermark)), `updated_at` = UTC_TIMESTAMP(3)
      """
  }

  func fenced() -> Failure {
    Failure(
      .fenced, "another writer has taken over sink \"\(sink)\" of pipeline \"\(pipeline)\"", at: connection.place,
      hint: "this one must not go on; end it, or end the other and start this one again")
  }

  /// The statement that puts a row aside.
  func insertQuarantined(
    _ table: TableName, operation: Operation, key: String, position: String, reason: String, row: String
  )
    -> String
  {
    let values = [pipeline, sink, table.namespace, table.table, "\(operation)", key, position, reason, row]
    return """
      INSERT INTO \(quarantine) (`pipeline`, `sink`, `namespace`, `name`, `operation`, `key`, `position`, `reason`, `row`, \
      `created_at`) VALUES (\(values.map(SinkCheckpoint.literal).joined(separator: ", ")), UTC_TIMESTAMP(3))
      """
  }
}
