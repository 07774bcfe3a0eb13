internal import Change
internal import Flow
internal import Logging
internal import MariaDBClient
internal import Pipeline

/// Takes a snapshot, or goes on with one, and hands over the position from which the stream goes on (`SnapshotPlan`).
struct SnapshotRun {
  let attempt: SourceAttempt
  let plan: SnapshotPlan
  let catalog: Catalog

  private var options: MariaDBSourceOptions { attempt.source.options }
  private var context: ConnectorContext { attempt.source.context }

  /// Nanoseconds in which no sink has stored anything after which the attempt ends; where they do not tell.
  private static let settling: UInt64 = 60_000_000_000
  private static let silentSettling: UInt64 = 3_000_000_000
  /// Nanoseconds after which those that are still behind are told the end again: a sink may have put off the last commit.
  private static let reminder: UInt64 = 1_000_000_000

  /// The view's position, when all of it was read; nil when a stop was requested before.
  func run() async throws -> MariaDBPosition? {
    if plan.isLevelling { attempt.source.positions.beginLevelling(plan.rank) }
    let lock = try TableLock(attempt.server, attempt.url, options, isWanted: isRead)
    defer { lock.end() }
    let views = try SnapshotViews.open(
      options.snapshotThreads, attempt.server, attempt.url, options, context.logger)
    defer { for connection in views.connections { connection.close() } }
    try lock.requireAll(attempt.server, isWanted: isRead)
    let tables = try readTables(at: views.place)
    // A checkpoint inside or behind the snapshot finds the definitions of the view again, whatever the tables become.
    try CatalogFile(directory: context.stateDirectory, server: attempt.server.facts.identity).write(catalog.tables)
    catalog.markSaved()
    var position = MariaDBPosition(gtids: views.gtids, log: views.place, server: attempt.server.facts.identity)
    // A snapshot alone needs no right to read the log, and nothing goes on from it there.
    if options.snapshotMode != .only {
      position.server.logCreated = try LogStream.creation(
        of: views.place, attempt.server, attempt.url, options)
    }
    if let base = plan.base, let state = base.snapshot { try await catchUp(base, state, to: views.place) }
    if attempt.control.stop.isRequested { return nil }
    let ledger = SnapshotLedger(
      plan.base?.snapshot, names: tables.map(\.name), isLevelling: plan.isLevelling, levelStep: plan.levelStep)
    let sender = SnapshotSender(
      ledger, base: position, time: views.time, output: attempt.output, tables: tables.count,
      estimatedRows: tables.reduce(0) { $0 + $1.estimatedRows })
    context.logger.info(
      "snapshot of \(tables.count) tables at \(position.text) over \(views.connections.count) connections")
    if plan.emptiesTables { try await sender.sendTruncations(tables.map(\.schema), BatchBuilder(byteLimit: 4096)) }
    try await read(views.connections, tables, ledger, sender)
    if attempt.control.stop.isRequested { return nil }
    try await sender.sendEnd(plan.target?.snapshot, BatchBuilder(byteLimit: 4096))
    if plan.isLevelling { try await endLevelling(sender) }
    return position
  }

  private func isRead(_ table: TableName) -> Bool {
    table != options.heartbeatTable && attempt.source.wanted.includes(table)
  }

  /// Ends the attempt when the sinks that were behind have stored what they were sent. One that has not in time is levelled
  /// by the next attempt once more.
  private func endLevelling(_ sender: SnapshotSender) async throws {
    var stored = attempt.control.checkpoints()
    var moved = MonotonicTime.now()
    var reminded = moved
    let limit = stored.isEmpty ? SnapshotRun.silentSettling : SnapshotRun.settling
    while try isAnyBehind(), !attempt.control.stop.isRequested, MonotonicTime.now() &- moved < limit {
      try await Task.sleep(nanoseconds: 5_000_000)
      let now = attempt.control.checkpoints()
      if now != stored { (stored, moved) = (now, MonotonicTime.now()) }
      guard MonotonicTime.now() &- reminded > SnapshotRun.reminder else { continue }
      try await sender.sendEnd(plan.target?.snapshot, BatchBuilder(byteLimit: 4096))
      reminded = MonotonicTime.now()
    }
    throw Failure(
      .busy,
      "what was behind in the snapshot, a sink or a state, is now level with the others; the pipeline goes on with all")
  }

  private func isAnyBehind() throws -> Bool {
    let checkpoints = attempt.control.checkpoints()
    return try checkpoints.isEmpty
      || checkpoints.contains { try plan.isBehind($0.map { try MariaDBPosition($0) }) }
  }

  /// The wanted tables with their definitions, which become the catalog's from the view's place on.
  private func readTables(at place: LogPlace) throws(Failure) -> [SnapshotTable] {
    let entries = try CatalogReader(connection: attempt.server.connection).tables(isRead)
    try requireNamed(Set(entries.keys))
    if entries.isEmpty { try requireSelect() }
    // What was known before the first view belongs to another run of the log.
    let isFirst = plan.base == nil && !plan.isLevelling
    if isFirst { catalog.load([:]) }
    var tables: [SnapshotTable] = []
    for (name, entry) in entries {
      catalog.insert(entry.hints, for: name, at: isFirst ? nil : place)
      let table = SnapshotTable(schema: entry.hints.schema(named: name), estimatedRows: entry.rows ?? 0)
      try requireSameKey(table)
      tables.append(table)
    }
    return tables
  }

  /// A table that the configuration names literally must be there to be read.
  private func requireNamed(_ found: Set<TableName>) throws(Failure) {
    for pattern in options.tables where !pattern.hasPrefix("!") && !pattern.contains("*") && !pattern.contains("?") {
      let parts = pattern.split(separator: ".", maxSplits: 1)
      guard parts.count == 2, !found.contains(TableName(namespace: String(parts[0]), table: String(parts[1]))) else {
        continue
      }
      throw Failure(
        .permission, "table \"\(pattern)\" does not exist, or the user may not see it",
        at: attempt.server.connection.place,
        hint: "GRANT SELECT ON \(pattern) TO the pipeline's user, or correct `tables`")
    }
  }

  /// Tables that the user may not read are not shown: to find none is only right for a user that may read something.
  private func requireSelect() throws(Failure) {
    let grants = try attempt.server.connection.query("SHOW GRANTS").compactMap { $0.first ?? nil }
    guard !grants.contains(where: { $0.contains("SELECT") || $0.contains("ALL PRIVILEGES") }) else {
      return context.logger.warning("no table matches `tables`; the snapshot is empty")
    }
    throw Failure(
      .permission, "no table is visible: the user lacks SELECT", at: attempt.server.connection.place,
      hint: "GRANT SELECT ON \(options.tables.first ?? "*.*") TO the pipeline's user")
  }

  private func requireSameKey(_ table: SnapshotTable) throws(Failure) {
    // Whoever is brought level is read up to the bounds of the one that is ahead.
    for place in [plan.base, plan.target] {
      guard let begun = place?.snapshot?.table(table.name), !begun.isDone, begun.keyColumns != table.keyNames else {
        continue
      }
      throw Failure(
        .schemaChange, "the key of table \"\(table.name)\" changed while a snapshot had read a part of it",
        hint: "reset the pipeline's sinks and start again")
    }
  }

  /// Delivers the changes of rows that were read, from the base to the views' place.
  private func catchUp(_ base: MariaDBPosition, _ state: SnapshotState, to place: LogPlace) async throws {
    let server = attempt.server
    let filter = CatchUpFilter(state, connection: server.connection)
    var start = base
    start.snapshot = nil
    try await attempt.stream(
      from: try server.startPoint(after: start), to: .place(place), catalog, snapshot: state
    ) { try filter.refine($0) }
  }

  private func read(
    _ connections: [MariaDBConnection], _ tables: [SnapshotTable], _ ledger: SnapshotLedger, _ sender: SnapshotSender
  ) async throws {
    let stop = attempt.control.stop
    let wake: @Sendable () -> Void = { for connection in connections { connection.shutdownSocket() } }
    let id = stop.whenRequested(wake)
    defer { stop.forget(id) }
    let planner = SharedPlanner(ChunkPlanner(tables, chunkRows: options.chunkRows, plan: plan))
    let threads = connections.indices.map { DedicatedThread(name: "snapshot-\($0)") }
    defer { for thread in threads { thread.stop() } }
    do {
      try await withTaskCancellationHandler {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (connection, thread) in zip(connections, threads) {
            let worker = SnapshotWorker(
              connection: connection, sender: sender, planner: planner, stop: stop, batchBytes: options.batchBytes)
            group.addTask(executorPreference: thread) { try await worker.run() }
          }
          do {
            try await group.waitForAll()
          } catch {
            // The others may be blocked in their sockets.
            wake()
            throw error
          }
        }
      } onCancel: {
        wake()
      }
    } catch {
      try Task.checkCancellation()
      guard stop.isRequested else { throw error }
    }
  }
}
