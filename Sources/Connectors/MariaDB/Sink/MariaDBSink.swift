import Change
import Logging
import MariaDBClient
import Pipeline
import SQLRendering

/// Mirrors tables into a MariaDB or MySQL server: after each commit the target holds a state that the source has had, and
/// where it was.
///
/// *Durability*: a group and its checkpoint are one transaction of the target, as durable as the server makes it.
/// *Ordering*: the changes of a group are reduced to the net change per key, or, where foreign keys act, applied one by
/// one. *Fencing*: `open` raises the epoch of the checkpoint row; a group begins by locking that row under its own epoch.
/// *Memory*: batches wait by reference until the commit; beyond `applyLimit` they are written into the open transaction.
/// *Cancellation*: cuts every connection, so that a wait for the server, a definition or somebody's lock ends.
final class MariaDBSink: Sink {
  let settings: MariaDBSinkSettings
  let context: ConnectorContext
  let segment = Segment()
  var writer: GroupWriter?
  /// The writers besides the first.
  var branches: [BranchWriter] = []
  var targets: TargetTables?
  private var live = LiveConnections()
  var checkpoints: SinkCheckpoint?
  var epoch: UInt64 = 0
  var groupNumber: UInt64 = 0
  var tables: [TableName: MirrorTable] = [:]
  var tableOrder: [MirrorTable] = []
  var outcomes: [TableName: Outcome] = [:]
  var isInTransaction = false
  /// Whether the open transaction's keys are shared among the writers.
  var isShared = false
  /// Whether the last transaction was a piece of a snapshot; nil: none has come.
  var isLoading: Bool?
  /// Whether the target looks at its foreign keys now, where `foreign_keys` says that it may.
  var checksReferences = true
  /// Whether indexes may wait for the end of a snapshot's load.
  var awaitsIndexes = true
  /// Rows that one statement marks of a table that has lost all of them.
  var emptyingRows: UInt64 = 500_000
  /// Entries up to which a group is sent as one text.
  var quickEntries = 128
  /// Entries from which on a group is worth the round trips of more than one writer.
  var sharedEntries = 2000
  private var hasFailed = false
  /// Makes of each batch what the mode keeps of it, and stores how many transactions it has numbered; nil for a mirror.
  var reshaper: BatchReshaper?
  var sequence: SinkSequence?
  /// Where the changes in hand come from, when they were reshaped.
  var origin: ChangeOrigin?

  init(settings: MariaDBSinkSettings, context: ConnectorContext) {
    self.settings = settings
    self.context = context
  }

  var traits: SinkTraits {
    SinkTraits(groupBytes: min(48 << 20, max(1 << 20, context.memoryLimit / 2)), separatesSchemaChanges: true)
  }

  /// Bytes of held batches and net changes beyond which they are applied before the group ends.
  var applyLimit: Int { max(1 << 20, context.memoryLimit / 2) }

  func open() async throws -> Position? {
    live = LiveConnections()
    let connection = live.adding(try settings.connect(.rows))
    return try await guarded(by: connection) {
      let checkpoints = try SinkCheckpoint(
        connection: connection, stateDatabase: settings.stateDatabase, pipeline: context.pipeline, sink: context.name)
      let claim = try checkpoints.claim()
      try resolveBranches(claim, checkpoints)
      let refusals = RowRefusals(policy: context.badRowPolicy, checkpoints: checkpoints, segment: segment)
      for number in 0..<max(1, settings.workers) {
        let connection = number == 0 ? connection : live.adding(try settings.connect(.rows))
        try checkpoints.mark(connection, writer: number, epoch: claim.epoch)
        let writer = try GroupWriter(connection: connection, refusals: refusals, number: number)
        if number == 0 { self.writer = writer } else { branches.append(BranchWriter(writer: writer)) }
      }
      self.checkpoints = checkpoints
      let sequence = try SinkSequence(
        connection: connection, stateDatabase: settings.stateDatabase, pipeline: context.pipeline, sink: context.name)
      reshaper = try sequence.reshaper(for: settings.mode)
      self.sequence = sequence
      epoch = claim.epoch
      groupNumber = claim.groupNumber
      // Definitions commit whatever a connection has open: they have one of their own.
      targets = try TargetTables(
        connection: live.adding(try settings.connect(.definitions)), settings: settings, context: context,
        epoch: Int64(clamping: claim.epoch), live: live)
      try await chooseReferences(at: claim.position)
      return claim.position
    }
  }

  /// Ends what a crash has left of a group that several writers applied.
  private func resolveBranches(_ claim: SinkCheckpoint.Claim, _ checkpoints: SinkCheckpoint) throws(Failure) {
    do throws(Failure) {
      try checkpoints.resolveBranches(claim)
    } catch {
      // MySQL asks for a privilege that a sink with one writer has no other need of.
      guard settings.workers <= 1, !checkpoints.connection.isMariaDB else { throw error }
      context.logger.warning(
        "cannot see whether an earlier run with several writers has left prepared transactions",
        metadata: ["sink": "\(context.name)", "cause": "\(error.cause)"])
    }
  }

  func write(_ batch: Batch, parts: Range<Int>) async throws {
    try await guarded(by: opened().connection) { try await takeReshaped(batch, parts: parts) }
  }

  func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    try await guarded(by: opened().connection) {
      try carryOutEmptyings()
      let isSnapshotComplete = try await completesSnapshot(at: checkpoint.position)
      // What is looked at behind the rows must be able to keep the checkpoint back.
      if try !isSnapshotComplete && commitQuickly(checkpoint) { return }
      try begin(sharing: heldEntries >= sharedEntries)
      try await applyAll()
      if isSnapshotComplete { try beginReferences() }
      try await onBranches { try $0.prepare() }
      if isShared { Failpoint.hit("mariadb.after_prepare") }
      try store(checkpoint)
      if isShared { Failpoint.hit("mariadb.before_branch_commit") }
      try await onBranches { try $0.commit() }
      isShared = false
    }
    if awaitsIndexes, isLoading == false { try await finishLoad() }
    defer { outcomes = [:] }
    return Receipt(outcomes: outcomes)
  }

  /// Makes the indexes that were left out while a snapshot was loaded.
  private func finishLoad() async throws {
    awaitsIndexes = false
    try await guarded(by: opened().connection) { try await targets?.finishLoad() }
  }

  func close() async {
    // A pipeline that ends with its snapshot has nothing behind the load.
    if isLoading == true, awaitsIndexes, !isInTransaction, !hasFailed, !Task.isCancelled {
      do {
        try await finishLoad()
      } catch {
        context.logger.error(
          "the indexes that wait for the end of the load were not made; the next run makes them",
          metadata: ["sink": "\(context.name)", "cause": "\(error)"])
      }
    }
    tables = [:]
    tableOrder = []
    segment.removeAll()
    targets = nil
    checkpoints = nil
    writer?.forget()
    writer?.connection.close()
    writer = nil
    for branch in branches { branch.close() }
    branches = []
  }

  /// Runs blocking work that a cancellation ends. A failure ends the connection, and with it what was not committed.
  private func guarded<Result>(
    by connection: MariaDBConnection, _ body: () async throws -> Result
  ) async throws -> Result {
    let live = live
    return try await withTaskCancellationHandler {
      do {
        return try await body()
      } catch {
        hasFailed = true
        await abandon()
        connection.close()
        // The cut connection is how the cancellation showed.
        try Task.checkCancellation()
        throw (error as? MariaDBError)?.failure("cannot write to the target", at: connection.place) ?? error
      }
    } onCancel: {
      live.cut()
    }
  }

  /// Undoes what is prepared of a group whose checkpoint was not stored. What cannot be reached is undone by the next `open`.
  func abandon() async {
    guard isShared, isInTransaction else { return }
    for branch in branches { branch.abandon() }
  }

  // MARK: The transaction

  func opened() throws(Failure) -> GroupWriter {
    guard let writer else { throw Failure(.internal, "the sink is used before it was opened") }
    return writer
  }

  func openedCheckpoints() throws(Failure) -> SinkCheckpoint {
    guard let checkpoints else { throw Failure(.internal, "the sink is used before it was opened") }
    return checkpoints
  }

  /// Begins the group's transaction unless it is open, as the owner of the target: from here on no other writer can claim it.
  /// - Parameter sharing: whether the group is worth more than one writer.
  func begin(sharing: Bool = true) throws {
    guard !isInTransaction else { return }
    let checkpoints = try openedCheckpoints()
    // Where the server gives the transaction up, a statement that was sent ahead must not be carried out for itself.
    let answers = try opened().runScript("SET autocommit=0;START TRANSACTION;\(checkpoints.ownership(epoch))")
    // Asked before anything is applied: what this writer still holds may contradict what another one has written.
    guard answers.count == 3, answers[2].resultRows == 1 else { throw checkpoints.fenced() }
    isInTransaction = true
    isShared = sharing && !branches.isEmpty
  }

  func store(_ checkpoint: Checkpoint) throws {
    let checkpoints = try openedCheckpoints()
    let writer = try opened()
    var script = checkpoints.store(checkpoint, epoch: epoch, groupNumber: groupNumber + 1)
    if let sequence = try sequenceStatement() { script += ";\(sequence)" }
    guard script.utf8.count < writer.packetLimit else {
      throw Failure(
        .limit, "the checkpoint is larger than what the target takes as one statement", at: writer.connection.place,
        hint: "raise max_allowed_packet there above \(script.utf8.count) bytes")
    }
    Failpoint.hit("mariadb.before_commit")
    // Whether it is committed is not known before the answer, and not when that is lost: then the branches stay prepared, and
    // the next `open` ends them by the checkpoint that it finds.
    isInTransaction = false
    // The row is locked since the group's beginning: the first statement finds it, or the second is not reached.
    let answers = try writer.runScript(script + ";COMMIT;SET autocommit=1")
    Failpoint.hit("mariadb.after_commit")
    groupNumber += 1
    guard answers.first?.affectedRows == 1 else { throw checkpoints.fenced() }
  }
}
