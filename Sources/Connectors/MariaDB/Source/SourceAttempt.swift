internal import Change
internal import Flow
internal import Logging
internal import MariaDBClient
internal import Pipeline

/// One run of a source against one server: decides between snapshot and stream, and joins them.
struct SourceAttempt {
  let source: MariaDBSource
  let url: MariaDBURL
  let server: LogServer
  let output: any SourceOutput
  let control: SourceControl

  private var options: MariaDBSourceOptions { source.options }

  func run(from checkpoints: [MariaDBPosition?]) async throws {
    let end = try StreamEnd(control.until) { () throws(Failure) in try server.end() }
    let catalog = try makeCatalog()
    guard let position = try await snapshotted(checkpoints, catalog) else { return }
    if control.stop.isRequested || options.snapshotMode == .only { return }
    let point: StartPoint
    do throws(Failure) {
      point = try startPoint(position, checkpoints)
    } catch {
      guard error.code == .positionLost, options.snapshotMode == .whenNeeded else { throw error }
      source.context.logger.warning("the log no longer has the checkpoint: the tables are emptied and read again")
      source.positions.beginAnew()
      let run = SnapshotRun(attempt: self, plan: .anew, catalog: catalog)
      guard let position = try await run.run() else { return }
      point = try server.startPoint(after: position)
    }
    if control.tellsStart, position == nil, checkpoints.contains(where: { $0 == nil }) { try await tellStart(point) }
    try await stream(from: point, to: end, catalog)
  }

  /// Sends nothing but the position at which the log is read from here on.
  private func tellStart(_ point: StartPoint) async throws {
    let log = LogPlace(file: point.decoder.file, offset: point.decoder.offset)
    var identity = server.facts.identity
    if !log.file.isEmpty { identity.logCreated = try LogStream.creation(of: log, server, url, options) }
    let start = MariaDBPosition(
      gtids: point.tracksGTIDs ? point.decoder.gtids : GTIDSet(), log: log, server: identity)
    try await output.send(
      Batch(
        arena: [], cells: [], changes: [], transactions: [], schemas: [], schemaChanges: [], position: start.position,
        logBytes: 0, readAt: MonotonicTime.now()))
  }

  /// Behind the snapshot, or at the checkpoint of the sink that is furthest behind. One without a checkpoint begins at
  /// `start`; without that, or with `latest`, with the others.
  private func startPoint(
    _ position: MariaDBPosition?, _ checkpoints: [MariaDBPosition?]
  ) throws(Failure) -> StartPoint {
    if let position { return try server.startPoint(after: position) }
    var begun = checkpoints.compactMap { $0 }
    guard begun.count < checkpoints.count || begun.isEmpty else {
      guard let smallest = try MariaDBPositions.smallest(begun) else { return try server.startPoint(.latest) }
      return try server.startPoint(after: smallest)
    }
    let start = options.start ?? .latest
    if begun.isEmpty || start == .earliest { return try server.startPoint(start) }
    if start != .latest {
      let place = try server.startPoint(start).decoder
      begun.append(
        MariaDBPosition(
          gtids: place.gtids, log: LogPlace(file: place.file, offset: place.offset), server: server.facts.identity))
    }
    guard let smallest = try MariaDBPositions.smallest(begun) else { return try server.startPoint(start) }
    return try server.startPoint(after: smallest)
  }

  /// The position behind the snapshot that was taken; an empty optional inside when none is needed, nil when the run
  /// ends here.
  private func snapshotted(
    _ checkpoints: [MariaDBPosition?], _ catalog: Catalog
  ) async throws -> MariaDBPosition?? {
    guard let plan = try SnapshotPlan(checkpoints, options) else { return .some(nil) }
    let run = SnapshotRun(attempt: self, plan: plan, catalog: catalog)
    guard let position = try await run.run() else { return nil }
    return .some(position)
  }

  /// Streams from a start point; `refine` sees every batch before it is sent. Returns at `end`, or when a stop was requested.
  func stream(
    from point: StartPoint, to end: StreamEnd, _ catalog: Catalog, snapshot: SnapshotState? = nil,
    refine: ((Batch) throws -> Batch)? = nil
  ) async throws {
    let stream = try LogStream(
      server, url, options, start: point.stream, expectedCreation: point.expectedCreation, serverId: source.serverId)
    if let file = point.continuesFile { stream.expectContinuation(in: file) }
    let builder = BatchBuilder(byteLimit: options.batchBytes)
    let decoder = BinlogDecoder(position: point.decoder, provider: catalog, options: decoderOptions(point))
    decoder.latestCommit = point.committed
    var heartbeat = HeartbeatFilter(table: options.heartbeatTable)
    let reader = LogReader(
      server, stream: stream, decoder: decoder, start: point, end: end, output: output, stop: control.stop,
      builder: builder, catalog: catalog, snapshot: snapshot,
      store: CatalogFile(directory: source.context.stateDirectory, server: server.facts.identity)
    ) { batch in
      let batch = heartbeat.refine(batch)
      return try refine?(batch) ?? batch
    }
    source.context.logger.info("reading the log of \(server.facts.description) from \(describe(point))")
    try await reader.run()
    do throws(Failure) {
      try stream.end()
    } catch {
      source.context.logger.debug("the server's end of the stream was not ended", metadata: ["error": "\(error)"])
    }
  }

  private func describe(_ point: StartPoint) -> String {
    switch point.stream {
    case .gtids(let set): set.isEmpty ? "its beginning" : set.description
    case .place(let place): place.description
    }
  }

  private func decoderOptions(_ point: StartPoint) -> BinlogDecoder.Options {
    var decoding = BinlogDecoder.Options()
    let heartbeat = options.heartbeatTable
    let wanted = source.wanted
    decoding.isWanted = { $0 == heartbeat || wanted.includes($0) }
    decoding.emitted = point.emitted
    decoding.joinsAtTransaction = point.continuesFile != nil
    if let until = point.emittedUntil { decoding.emittedUntil = (until.file, until.offset) }
    decoding.heldByteLimit = max(1 << 20, source.context.memoryLimit / 4)
    return decoding
  }

  /// The definitions as they were stored, or as the server has them now.
  private func makeCatalog() throws(Failure) -> Catalog {
    let reader = CatalogReader(connection: server.connection)
    let needsSelect = options.mayBeginWithSnapshot
    let catalog = Catalog { name throws(Failure) in
      guard let entry = try reader.table(name) else {
        // A snapshot could not see it, either: its rows in the log would be changes of rows that no target has.
        if needsSelect { try reader.requireSelect(name) }
        return nil
      }
      return Catalog.Answer(hints: entry.hints, changed: entry.changed)
    }
    let file = CatalogFile(directory: source.context.stateDirectory, server: server.facts.identity)
    if let stored = try file.read() { catalog.load(stored) }
    return catalog
  }
}

/// Which tables a source takes: those of its patterns, and the server's own schemas only where a pattern names them. What
/// sinks keep for themselves it never takes.
struct WantedTables: Sendable {
  private let patterns: [String]
  private let filter: TableFilter

  init(options: MariaDBSourceOptions, filter: TableFilter) {
    patterns = options.tables
    self.filter = filter
  }

  func includes(_ table: TableName) -> Bool {
    guard filter.includes(table), !table.table.hasPrefix("_freshet_") else { return false }
    return !CatalogReader.systemSchemas.contains(table.namespace.lowercased())
      || patterns.contains { $0.hasPrefix(table.namespace + ".") }
  }
}
