import Change
import MariaDBClient
import SQLRendering

/// The number of the last transaction that a mode which counts them has stored, in `_freshet_sequence`.
///
/// *Durability*: `store` is a statement for the transaction of the data. *Thread*: the connection's.
struct SinkSequence {
  let connection: MariaDBConnection
  let pipeline: String
  let sink: String
  private let table: String

  init(connection: MariaDBConnection, stateDatabase: String, pipeline: String, sink: String) throws(Failure) {
    self.connection = connection
    self.pipeline = pipeline
    self.sink = sink
    table = "\(try SQLDialect.mariadb.quoted(stateDatabase)).`_freshet_sequence`"
  }

  /// What makes of each batch what the mode keeps of it; nil for a mirror.
  func reshaper(for mode: TargetMode) throws(Failure) -> BatchReshaper? {
    guard mode.kind != .mirror else { return nil }
    try connection.execute(
      """
      CREATE TABLE IF NOT EXISTS \(table) (
        `pipeline` VARCHAR(255) NOT NULL, `sink` VARCHAR(255) NOT NULL, `transactions` BIGINT UNSIGNED NOT NULL,
        PRIMARY KEY (`pipeline`, `sink`)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
      """)
    let rows = try connection.query(
      "SELECT `transactions` FROM \(table) WHERE `pipeline` = \(SQLDialect.mariadb.literal(pipeline)) "
        + "AND `sink` = \(SQLDialect.mariadb.literal(sink))")
    return BatchReshaper(mode: mode, sequence: (rows.first?.first ?? nil).flatMap { UInt64($0) } ?? 0)
  }

  func store(_ sequence: UInt64) -> String {
    """
    INSERT INTO \(table) (`pipeline`, `sink`, `transactions`) VALUES (\(SQLDialect.mariadb.literal(pipeline)), \
    \(SQLDialect.mariadb.literal(sink)), \(sequence)) ON DUPLICATE KEY UPDATE `transactions` = VALUES(`transactions`)
    """
  }
}
