internal import Change
internal import Logging
internal import MariaDBClient
internal import Pipeline

extension TargetTables {
  /// Where the checkpoint table says that the sink is.
  struct Standing {
    var epoch: Int64
    /// nil: there is no checkpoint yet.
    var token: String?
  }

  func stateTable(_ name: String) throws(Failure) -> String {
    "\(try TargetText.name(settings.stateDatabase)).\(try TargetText.name(name))"
  }

  /// `` `pipeline` = … AND `sink` = … ``.
  var isOurs: String {
    "`pipeline` = \(TargetText.literal(context.pipeline)) AND `sink` = \(TargetText.literal(context.name))"
  }

  /// Makes the sink's own tables about shapes, once a connection, and forgets what a sink without a checkpoint has left: it
  /// is not what the source holds now. Indexes that wait are kept with the tables that wait for them.
  func prepare() throws(Failure) {
    guard !isPrepared else { return }
    try guarded { () throws(Failure) in
      for definition in try definitions() { try connection.execute(definition) }
      startsAnew = try standing().token == nil
      if startsAnew {
        for name in ["_freshet_table", "_freshet_schema_change"] {
          try connection.execute("DELETE FROM \(stateTable(name)) WHERE \(isOurs)")
        }
      }
    }
    isPrepared = true
  }

  private func definitions() throws(Failure) -> [String] {
    let owner = "`pipeline` VARCHAR(255) NOT NULL, `sink` VARCHAR(255) NOT NULL"
    let options = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
    return [
      """
      CREATE TABLE IF NOT EXISTS \(try stateTable("_freshet_table")) (
        `target_database` VARCHAR(64) NOT NULL, `target_table` VARCHAR(64) NOT NULL, \(owner),
        `namespace` VARCHAR(255) NOT NULL, `name` VARCHAR(255) NOT NULL,
        PRIMARY KEY (`target_database`, `target_table`)) \(options)
      """,
      """
      CREATE TABLE IF NOT EXISTS \(try stateTable("_freshet_made")) (
        `target_database` VARCHAR(64) NOT NULL, `target_table` VARCHAR(64) NOT NULL, \(owner),
        PRIMARY KEY (`target_database`, `target_table`)) \(options)
      """,
      """
      CREATE TABLE IF NOT EXISTS \(try stateTable("_freshet_index")) (
        `target_database` VARCHAR(64) NOT NULL, `target_table` VARCHAR(64) NOT NULL, `name` VARCHAR(64) NOT NULL,
        \(owner), `definition` TEXT NOT NULL, PRIMARY KEY (`target_database`, `target_table`, `name`)) \(options)
      """,
      """
      CREATE TABLE IF NOT EXISTS \(try stateTable("_freshet_schema_change")) (
        \(owner), `ordinal` INT NOT NULL, `token` LONGTEXT NULL, `change` LONGTEXT NOT NULL, `shape` LONGTEXT NOT NULL,
        `statement` LONGTEXT NOT NULL, `follow_up` LONGTEXT NOT NULL, `is_done` TINYINT(1) NOT NULL,
        `updated_at` TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), PRIMARY KEY (`pipeline`, `sink`, `ordinal`)) \(options)
      """,
    ]
  }

  func standing() throws(Failure) -> Standing {
    let rows = try connection.query(
      "SELECT `epoch`, `token` FROM \(stateTable("_freshet_checkpoint")) WHERE \(isOurs)")
    guard let row = rows.first, let epoch = row[0].flatMap({ Int64($0) }) else {
      throw Failure(
        .corruptState, "the checkpoint table has no row of this sink", at: connection.place,
        hint: "somebody deleted it while the sink ran; start again")
    }
    return Standing(epoch: epoch, token: row[1])
  }

  /// Runs definitions as the one writer that may: under the sink's lock, and only while the epoch is this writer's.
  ///
  /// A server goes on with a definition whose client is gone, and the lock with it: whoever comes next waits for its end.
  func guarded<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    if isGuarding { return try body() }
    try takeLock()
    let result: Result
    do throws(Failure) {
      result = try body()
    } catch {
      freeLock()
      throw error
    }
    freeLock()
    return result
  }

  /// - Throws: `.busy` when another writer has the lock, `.fenced` when another one has taken over.
  func takeLock() throws(Failure) {
    let answer = try connection.query(
      "SELECT GET_LOCK(\(TargetText.literal(lockName)), \(settings.lockWaitSeconds))"
    ).first?.first
    guard answer == "1" else {
      throw Failure(
        .busy, "another writer of sink \"\(context.name)\" is changing the target's schema", at: connection.place,
        hint: "it goes on when that one has finished; SHOW PROCESSLIST at the target shows what it does")
    }
    isGuarding = true
    do throws(Failure) {
      guard try standing().epoch == epoch else { throw fenced }
    } catch {
      freeLock()
      throw error
    }
  }

  func freeLock() {
    isGuarding = false
    do throws(Failure) {
      _ = try connection.query("SELECT RELEASE_LOCK(\(TargetText.literal(lockName)))")
    } catch {
      // The server frees the lock with the connection, which the next statement finds broken.
      context.logger.debug("the lock of the sink was not freed", metadata: ["cause": "\(error.message)"])
    }
  }

  private var fenced: Failure {
    Failure(
      .fenced, "another writer has taken over sink \"\(context.name)\" of pipeline \"\(context.pipeline)\"",
      at: connection.place, hint: "this one must not go on; end it, or end the other and start this one again")
  }

  /// At most 64 characters, the same for every writer of the sink.
  private var lockName: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in "\(settings.stateDatabase)\0\(context.pipeline)\0\(context.name)".utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    return "freshet:" + String(hash, radix: 16)
  }
}
