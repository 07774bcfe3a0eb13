import Change
import Logging
import Pipeline
import SQLRendering
import SQLiteDatabase

/// Mirrors tables into one SQLite file: after each commit the file holds a state that the source has had, and where it was.
/// In the other modes it holds what they make of it (`TargetMode`).
///
/// *Durability*: a group and its checkpoint are one SQLite transaction; `synchronous: full` makes it survive a power cut.
/// *Ordering*: the changes of a group are reduced to the net change per key, or, where the target cascades, applied one by
/// one. *Fencing*: `open` raises the epoch of the checkpoint row; a commit changes that row only under its own epoch.
/// *Memory*: batches wait by reference until the commit; beyond `applyLimit` they are written into the open transaction.
final class SQLiteSink: Sink {
  let settings: SQLiteSettings
  let context: ConnectorContext
  let segment = Segment()
  var connection: SQLiteConnection?
  var epoch: Int64 = 0
  var tables: [TableName: SQLiteTable] = [:]
  var tableOrder: [SQLiteTable] = []
  var outcomes: [TableName: Outcome] = [:]
  /// Whether deletes or updates of one row reach others at the target, so that every change must be applied as it came.
  var cascades = false
  var references = ReferenceState()
  var store: SQLiteTable.Prepared?
  var ownership: SQLiteTable.Prepared?
  var claimedTargets: [String: TableName] = [:]
  /// Makes of each batch what the mode keeps of it; nil for a mirror, which takes batches as they are.
  var reshaper: BatchReshaper?

  init(settings: SQLiteSettings, context: ConnectorContext) {
    self.settings = settings
    self.context = context
  }

  var traits: SinkTraits { SinkTraits(groupBytes: min(32 << 20, max(1 << 20, context.memoryLimit / 4))) }

  /// Bytes of held batches and net changes beyond which they are applied before the group ends.
  var applyLimit: Int { max(1 << 20, context.memoryLimit / 2) }

  func open() async throws -> Position? {
    do throws(SQLiteFailure) {
      let connection = try SQLiteConnection(
        path: settings.path, busyTimeoutMilliseconds: settings.busyTimeoutMilliseconds)
      for statement in settings.openingStatements(memoryLimit: context.memoryLimit) {
        try connection.execute(statement)
      }
      let table = CheckpointTable(connection: connection, pipeline: context.pipeline, sink: context.name)
      let claimed = try table.claim()
      if settings.mode.kind != .mirror {
        reshaper = BatchReshaper(mode: settings.mode, sequence: try table.readSequence())
      }
      let store = try table.prepareStore()
      try store.bind(7, claimed.epoch)
      self.store = SQLiteTable.Prepared(store)
      ownership = SQLiteTable.Prepared(try table.prepareOwnership(epoch: claimed.epoch))
      self.connection = connection
      epoch = claimed.epoch
      references.unchecked = try table.readUnchecked()
      references.isEnforced = settings.foreignKeys
      cascades = settings.foreignKeys ? try connection.hasCascades() : false
      return claimed.position
    } catch {
      throw error.failure(at: settings.path)
    }
  }

  func write(_ batch: Batch, parts: Range<Int>) async throws {
    do {
      if let first = batch.transactions[parts].first {
        try await startGroup(isSnapshot: first.isSnapshot, at: batch.position)
      }
      guard let reshaper else { return try take(batch, parts: parts) }
      let (reshaped, origin) = try reshaper.reshape(batch, parts: parts)
      try take(reshaped, parts: reshaped.transactions.indices, from: origin)
    } catch {
      throw rollBack(after: error)
    }
  }

  func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    try commitGroup(checkpoint)
    references.hasGroup = false
    defer { outcomes = [:] }
    return Receipt(outcomes: outcomes)
  }

  /// A function of its own: inside the async one, Swift 6.3's optimizer stores a string where the thrown error belongs, and the compiler stops.
  private func commitGroup(_ checkpoint: Checkpoint) throws {
    do {
      try begin()
      try applyAll()
      try storeCheckpoint(checkpoint)
      Failpoint.hit("sqlite.before_commit")
      try opened().execute("COMMIT")
      Failpoint.hit("sqlite.after_commit")
    } catch {
      throw rollBack(after: error)
    }
  }

  func close() async {
    tables = [:]
    tableOrder = []
    segment.removeAll()
    store = nil
    ownership = nil
    connection = nil
  }

  // MARK: The transaction

  func opened() throws(Failure) -> SQLiteConnection {
    guard let connection else { throw Failure(.internal, "the sink is used before it was opened", at: settings.path) }
    return connection
  }

  /// Begins the group's transaction unless it is open, as the owner of the target: from here on no other writer can claim it.
  func begin() throws {
    let connection = try opened()
    guard !connection.isInTransaction else { return }
    try connection.execute("BEGIN IMMEDIATE")
    try requireOwnership()
    // References may be broken while a group is applied, as long as its end is whole. Falls back with each commit.
    if settings.foreignKeys { try connection.execute("PRAGMA defer_foreign_keys = ON") }
  }

  /// Fails when another writer has claimed the target. Asked before anything is applied: what this writer still holds may
  /// contradict what the other one has written.
  private func requireOwnership() throws {
    guard let ownership else { throw Failure(.internal, "the sink is used before it was opened", at: settings.path) }
    let isOwner = try ownership.statement.step()
    ownership.statement.reset()
    guard isOwner else { throw fenced }
  }

  private var fenced: Failure {
    Failure(
      .fenced, "another writer has taken over sink \"\(context.name)\" of pipeline \"\(context.pipeline)\"",
      at: settings.path, hint: "this one must not go on; end it, or end the other and start this one again")
  }

  private func storeCheckpoint(_ checkpoint: Checkpoint) throws {
    let connection = try opened()
    // Without its transaction the checkpoint would be durable at once, and cover changes that are gone.
    guard connection.isInTransaction else {
      throw Failure(.targetShape, "the target ended the group's transaction before its commit", at: settings.path)
    }
    guard let store else { throw Failure(.internal, "the sink is used before it was opened", at: settings.path) }
    try store.statement.bind(1, checkpoint.position.text)
    try store.statement.bind(2, checkpoint.position.token)
    // Without a promise there is none: not the least number that there is.
    if checkpoint.watermark == .distantPast {
      try store.statement.bindNull(3)
    } else {
      try store.statement.bind(3, checkpoint.watermark.microseconds)
    }
    try store.statement.bind(4, CheckpointTable.now())
    try store.statement.run()
    guard connection.changes == 1 else { throw fenced }
    guard let reshaper else { return }
    try CheckpointTable(connection: connection, pipeline: context.pipeline, sink: context.name)
      .storeSequence(reshaper.sequence)
  }

  /// Undoes the group and returns what a person must know.
  private func rollBack(after error: any Error) -> any Error {
    if let connection, connection.isInTransaction {
      do throws(SQLiteFailure) {
        try connection.execute("ROLLBACK")
      } catch {
        // The first failure is the one to tell; SQLite undoes an open transaction when the file is closed.
        context.logger.warning(
          "rolling back failed", metadata: ["sink": "\(context.name)", "cause": "\(error.message)"])
      }
    }
    guard let refused = error as? SQLiteFailure else { return error }
    if refused.extendedCode == SQLiteCode.foreignKey {
      return Failure(
        .badValue, "the group breaks a foreign key that the target declares", at: settings.path,
        hint: "capture the referenced tables too, or set `foreign_keys: false`", cause: refused.message)
    }
    return refused.failure(at: settings.path)
  }
}

/// Result codes that decide what happens next (sqlite.org/rescode.html).
enum SQLiteCode {
  static let tooBig: Int32 = 18
  static let constraint: Int32 = 19
  static let mismatch: Int32 = 20
  static let foreignKey: Int32 = 787
  static let primaryKey: Int32 = 1555
  static let unique: Int32 = 2067
  static let rowNumber: Int32 = 2579
}

extension SQLiteFailure {
  /// Whether a row with these values is already there.
  var isUniqueConflict: Bool {
    [SQLiteCode.primaryKey, SQLiteCode.unique, SQLiteCode.rowNumber].contains(extendedCode)
  }

  /// Whether the row is to blame, and not the file, the disk or another program.
  var isAboutTheRow: Bool { [SQLiteCode.tooBig, SQLiteCode.constraint, SQLiteCode.mismatch].contains(code) }
}

extension SQLiteConnection {
  /// Whether any foreign key of the database acts on other rows, or refuses at once what it could defer.
  func hasCascades() throws(SQLiteFailure) -> Bool {
    try SQLiteStatement(
      self,
      """
      SELECT 1 FROM sqlite_schema s, pragma_foreign_key_list(s.name) f
      WHERE s.type = 'table' AND (f.on_delete <> 'NO ACTION' OR f.on_update <> 'NO ACTION') LIMIT 1
      """, persistent: false
    ).step()
  }
}
