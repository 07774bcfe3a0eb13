import Change
import Logging
import MariaDBClient
import Pipeline
import SQLRendering

extension MariaDBSink {
  /// Takes over the changes of some transactions.
  func take(_ batch: Batch, parts: Range<Int>) async throws {
    if let part = batch.transactions[parts].first {
      try await chooseReferences(for: batch, isSnapshot: part.isSnapshot)
    }
    var number = segment.add(batch, from: origin)
    var known = [MirrorTable?](repeating: nil, count: batch.schemas.count)
    for part in batch.transactions[parts] {
      isLoading = part.isSnapshot
      segment.source = part.source
      if part.isSnapshot { awaitsIndexes = true }
      for index in part.range {
        let change = batch.changes[index]
        if change.operation == .schema {
          let moment = TableMoment(of: index, part, in: batch)
          try await carryOut(batch.schemaChanges[Int(change.row)], at: moment)
          for index in known.indices { known[index] = nil }
          // What was held is applied, and its batches are gone: rows of the same batch may follow.
          number = segment.add(batch, from: origin)
          continue
        }
        let table: MirrorTable
        if let found = known[Int(change.schema)] {
          table = found
        } else {
          try carryOutEmptyings()
          table = try self.table(for: batch.schemas[Int(change.schema)])
          known[Int(change.schema)] = table
        }
        try take(change, batch, number, index, table)
      }
    }
    if heldBytes > applyLimit { try await applyAll() }
  }

  private var heldBytes: Int { tableOrder.reduce(segment.byteCount) { $0 + ($1.net?.byteCount ?? 0) } }

  @inline(__always)
  private func take(_ change: RowChange, _ batch: Batch, _ number: Int32, _ index: Int, _ table: MirrorTable) throws {
    guard let net = table.net else {
      try begin()
      return try opened().applyDirectly(ChangePlace(batch: batch, index: index), table)
    }
    switch try net.append(change, at: index, of: batch, number: number) {
    case .taken: break
    case .takenAndFull: try apply(table, net)
    case .applyDirectly:
      try apply(table, net)
      try requireAlone(table)
      try begin()
      let writer = try opened()
      try writer.applyDirectly(ChangePlace(batch: batch, index: index), table)
      try writer.flushDirect()
    }
  }

  /// Writes everything that is held into the open transaction.
  func applyAll() async throws {
    let writer = try opened()
    try writer.flushDirect()
    let held = tableOrder.filter { $0.net.map { !$0.isEmpty } ?? false }
    if !held.isEmpty {
      try begin()
      try await applyTogether(held, writer)
    }
    for table in tableOrder { count(table) }
    segment.removeAll()
  }

  /// Every writer applies its share of each table, at the same time.
  private func applyTogether(_ held: [MirrorTable], _ writer: GroupWriter) async throws {
    // Read by all writers, changed by none: the sink waits for their end before it goes on.
    nonisolated(unsafe) let shared = isShared ? held.filter(\.isShareable) : []
    let branch = try openedCheckpoints().branch(epoch: epoch, groupNumber: groupNumber + 1)
    let writers = branches.count + 1
    for table in held { table.net?.sortByKey() }
    try await onBranches {
      for table in shared { try $0.apply(table, of: branch, shares: writers) }
    } meanwhile: {
      for table in held {
        guard let net = table.net else { continue }
        try writer.apply(table, net, shares: isShared && table.isShareable ? writers : 1)
      }
    }
    for table in held {
      guard let net = table.net else { continue }
      close(net, of: table)
    }
  }

  /// Counts what was applied, and makes room.
  private func close(_ net: NetChange, of table: MirrorTable) {
    let quarantined = branches.reduce(writer?.takeQuarantined(table) ?? 0) { $0 + $1.writer.takeQuarantined(table) }
    outcomes[table.schema.name, default: Outcome()] += table.outcome(of: net, quarantined: quarantined)
    net.removeAll()
  }

  /// Runs work of the branches on their threads, and some here meanwhile. Does nothing with them when the group is not shared.
  func onBranches(
    _ work: @escaping @Sendable (BranchWriter) throws -> Void, meanwhile: () throws -> Void = {}
  ) async throws {
    guard isShared else { return try meanwhile() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for branch in branches { group.addTask(executorPreference: branch.thread) { try work(branch) } }
      try meanwhile()
      try await group.waitForAll()
    }
  }

  /// Applies one table in the middle of a batch, one writer after the other.
  private func apply(_ table: MirrorTable, _ net: NetChange) throws {
    guard !net.isEmpty else { return }
    try begin()
    let writers = isShared && table.isShareable ? branches.count + 1 : 1
    if writers > 1 {
      let branch = try openedCheckpoints().branch(epoch: epoch, groupNumber: groupNumber + 1)
      for writer in branches { try writer.apply(table, of: branch, shares: writers) }
    }
    try opened().apply(table, net, shares: writers)
    close(net, of: table)
  }

  /// A change that no writer can carry out by itself, because the row and the key that it moves to belong to two of them.
  private func requireAlone(_ table: MirrorTable) throws(Failure) {
    guard isShared, table.isShareable else { return }
    throw Failure(
      .limit,
      "an update moves a row whose other values are not in the log to another key, and several writers share them",
      at: "table \"\(table.schema.name)\"",
      hint: "set `apply: { workers: 1 }`, or binlog_row_image = FULL at the source")
  }

  var heldEntries: Int { tableOrder.reduce(0) { $0 + ($1.net?.entries.count ?? 0) } }

  private func count(_ table: MirrorTable) {
    let direct = table.takeDirect()
    if direct.total > 0 { outcomes[table.schema.name, default: Outcome()] += direct }
  }

  // MARK: A small group

  /// Commits a small group as one text. False, with nothing done, when the group is not small, or when the server refuses a
  /// row: then it is applied step by step, which finds the row.
  func commitQuickly(_ checkpoint: Checkpoint) throws -> Bool {
    let writer = try opened()
    let checkpoints = try openedCheckpoints()
    guard !isInTransaction, settings.mode.kind != .history, writer.direct.isEmpty, heldEntries <= quickEntries
    else { return false }
    let held = tableOrder.filter { $0.net.map { !$0.isEmpty } ?? false }
    let script = SmallGroup(
      writer, store: checkpoints.storeOrFail(checkpoint, epoch: epoch, groupNumber: groupNumber + 1))
    for table in held {
      if let net = table.net, try !script.append(table, net) { return false }
    }
    if let sequence = try sequenceStatement() { script.append(sequence) }
    Failpoint.hit("mariadb.before_commit")
    switch try script.run() {
    case nil: return false
    case .fenced: throw checkpoints.fenced()
    case .refused:
      _ = try writer.runScript("ROLLBACK")
      return false
    case .applied: break
    }
    Failpoint.hit("mariadb.after_commit")
    groupNumber += 1
    for table in held {
      guard let net = table.net else { continue }
      close(net, of: table)
    }
    segment.removeAll()
    return true
  }

  // MARK: Tables and schemas

  /// The target's table for rows of this schema; made when it is missing, checked when it is there.
  func table(for schema: TableSchema) throws -> MirrorTable {
    if let known = tables[schema.name] {
      if known.schema === schema || known.schema.hasSameShape(as: schema) {
        try watchKeys(of: known)
        return known
      }
      if let net = known.net { try apply(known, net) }
      try opened().flushDirect()
      count(known)
      forget(schema.name)
    }
    guard let targets else { throw Failure(.internal, "the sink is used before it was opened") }
    let target = try targets.table(for: schema)
    // Rows that may trade unique values are written anew, which columns of the target's own would not survive.
    let needsOrder =
      (settings.foreignKeys && target.hasForeignKeys) || (target.hasOtherUniqueKeys && target.hasOtherColumns)
    let table = MirrorTable(
      target, segment: segment, direct: needsOrder && settings.mode.kind != .history,
      mode: settings.mode)
    try watchKeys(of: table)
    tables[schema.name] = table
    tableOrder.append(table)
    return table
  }

  /// Makes the table anew at its next change.
  func forget(_ name: TableName) {
    guard let table = tables.removeValue(forKey: name) else { return }
    tableOrder.removeAll { $0 === table }
    writer?.forget()
    for branch in branches { branch.writer.forget() }
  }

  /// Carries a schema change out, between two transactions of rows: everything before it is committed.
  private func carryOut(_ change: SchemaChange, at moment: TableMoment) async throws {
    guard let targets else { throw Failure(.internal, "the sink is used before it was opened") }
    // The snapshot's load and a truncation may be parts of one group; what is held comes first.
    try await applyAll()
    if try noteEmptying(change, at: moment) { return }
    guard !isInTransaction else {
      throw Failure(
        .internal, "a schema change came behind rows that are not committed", at: "table \"\(change.table)\"")
    }
    forget(change.table)
    if let name = change.after?.name { forget(name) }
    outcomes[change.table, default: Outcome()] += try targets.carryOut(change)
  }
}
