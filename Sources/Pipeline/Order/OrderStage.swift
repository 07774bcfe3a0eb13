import Change
import Flow
import Logging

/// Merges the batches of several sources into one order and hands them on, on a thread of its own.
///
/// *Ordering*: as ``CommitOrder`` says. *Bound*: it takes from a source's channel when it has nothing of that source left,
/// so a source that runs ahead is suspended by its full channel. *Cost*: a batch that is next as a whole goes on as it is;
/// shorter runs are copied together into batches of the usual size. *End*: it finishes and fails with its neighbours, in
/// both directions.
final class OrderStage {
  // Run after run touches it: exempt from run-time exclusivity checks, since one thread runs one call at a time.
  @exclusivity(unchecked) private var order: CommitOrder
  private let inputs: [BatchChannel]
  private let outputs: [BatchChannel]
  private let bell: NewsBell
  private let settings: OrderSettings
  private let meters: PipelineMeters
  private let tables: SharedTables
  private let stop: StopSignal
  /// Where the order is broken is noted; nil: nobody asks.
  private let journal: OrderJournal?
  private let logger: Logger
  private let builder = BatchBuilder()
  /// The number of each source's batch whose tables are all known.
  private var known: [UInt64]
  /// By source: the last of the transactions that come again although every sink has them, until it has come.
  private var everywhere: [LogMark?]
  private var repeats: Bool
  /// How many parts were put together.
  private var gathered = 0
  private var lateChanges: LateChanges
  /// The components of the vector as they were written last.
  private var written: [VectorPosition.Writing]
  /// Something has left, or a source has moved, since the last batch was sent.
  private var hasMoved = false
  private var lastSent: UInt64 = 0
  /// When each source was warned of last; 0: never.
  private var warned: [UInt64]
  /// The source that the others wait for.
  @exclusivity(unchecked) private var hold: SourceHold

  /// Nanoseconds between two batches that only say how far the sources are.
  private static let emptyInterval: UInt64 = 1_000_000_000
  /// Nanoseconds between two warnings about one source.
  private static let warningInterval: UInt64 = 60_000_000_000
  /// A batch of at least this many bytes goes on by itself although smaller ones wait to be put together.
  private static let wholeBatchBytes = 64 << 10

  init(
    _ order: CommitOrder, inputs: [BatchChannel], outputs: [BatchChannel], bell: NewsBell, settings: OrderSettings,
    meters: PipelineMeters, tables: SharedTables, hasTransforms: Bool, journal: OrderJournal? = nil,
    stop: StopSignal, logger: Logger
  ) {
    self.journal = journal
    self.order = order
    self.inputs = inputs
    self.outputs = outputs
    self.bell = bell
    self.settings = settings
    self.meters = meters
    self.tables = tables
    self.stop = stop
    self.logger = logger
    lateChanges = LateChanges(names: order.lanes.map(\.name), hasTransforms: hasTransforms, logger: logger)
    written = order.lanes.map { VectorPosition.Writing(name: $0.name, progress: $0.progress) }
    known = Array(repeating: 0, count: order.lanes.count)
    everywhere = order.lanes.map(\.everywhere)
    repeats = everywhere.contains { $0 != nil }
    warned = Array(repeating: 0, count: order.lanes.count)
    hold = SourceHold(meters.sources)
  }

  func run() async throws {
    defer { hold.end() }
    do {
      meters.order.begin()
      for source in meters.sources {
        source.update { ($0.order.isIdle, $0.order.holdsSince) = (false, nil) }
      }
      // Silence makes no news: it is noticed by looking.
      let interval = min(500_000_000, max(5_000_000, (settings.idleAfter ?? .max) / 8))
      let bell = self.bell
      async let _: Void = OrderStage.tick(bell, interval)
      try await merge()
      for output in outputs { output.finish() }
    } catch {
      for input in inputs { input.fail(error) }
      for output in outputs { output.fail(error) }
      throw error
    }
  }

  private static func tick(_ bell: NewsBell, _ interval: UInt64) async {
    while !Task.isCancelled {
      do { try await Task.sleep(nanoseconds: interval) } catch { return }
      bell.ring()
    }
  }

  private func merge() async throws {
    while true {
      repeat { try await drain() } while findIdle()
      try await flush()
      try await advance()
      noteHolder()
      try order.checkReplay()
      if order.isFinished { return try await finish() }
      if hasMoved, MonotonicTime.now() &- lastSent >= OrderStage.emptyInterval { try await sendPosition() }
      try await bell.wait()
    }
  }

  /// Lets everything leave that can. When it returns, no source had anything new.
  private func drain() async throws {
    while true {
      let hasNews = try receive()
      var hasLeft = false
      while true {
        if try gatherRuns() { hasLeft = true }
        if mustFlush { try await flush() }
        guard let run = order.nextRun() else { break }
        hasLeft = true
        try await leave(run)
        // What this source has brought meanwhile may come before all others.
        if order.lanes[run.lane].isEmpty { _ = try receive(run.lane) }
      }
      if order.tornLane != nil || (!hasNews && !hasLeft) { return }
    }
  }

  /// Everything has left that will. What the sources still send lies behind it, and is read again at the next start.
  private func finish() async throws {
    if hasMoved { try await sendPosition() }
    if let torn = order.tornLane, !stop.isRequested {
      throw Failure(.corruptLog, "the log of source \"\(order.lanes[torn].name)\" ends inside a transaction")
    }
    for lane in inputs.indices where !order.lanes[lane].isEnded {
      while try await !inputs[lane].receiveAll().isLast {}
    }
  }

  private func receive() throws -> Bool {
    var hasNews = false
    for lane in inputs.indices where try receive(lane) { hasNews = true }
    return hasNews
  }

  private func receive(_ lane: Int) throws -> Bool {
    guard order.lanes[lane].isEmpty, !order.lanes[lane].isEnded, let reception = try inputs[lane].takeAll() else {
      return false
    }
    let wasIdle = order.lanes[lane].isIdle
    let moved = try order.receive(
      reception.batches, watermark: reception.watermark, isLast: reception.isLast,
      isStopped: stop.isRequested, into: lane, now: MonotonicTime.now())
    hasMoved = hasMoved || moved
    if wasIdle, !order.lanes[lane].isIdle {
      meters.sources[lane].update { $0.order.isIdle = false }
      logger.info("a source is heard again", metadata: ["source": "\(order.lanes[lane].name)"])
    }
    return true
  }

  // MARK: Leaving

  /// Copies runs behind what waits to be put together, for as long as nothing has to be sent. Nothing in it suspends: where
  /// transactions alternate, each is a run.
  /// - Returns: whether any has left.
  private func gatherRuns() throws -> Bool {
    var hasLeft = false
    while !mustFlush, !order.hasRisen, let run = order.nextRun() {
      let (isLarge, standsAlone) = shape(of: run)
      if isLarge || standsAlone || (run.isWholeBatch && builder.isEmpty) { break }
      hold.end()
      try noteBreak(run)
      try append(run)
      hasLeft = true
      if order.lanes[run.lane].isEmpty { _ = try receive(run.lane) }
    }
    return hasLeft
  }

  /// What was put together goes on: there is enough, or a piece of a transaction, which is the last part of its batch.
  private var mustFlush: Bool { builder.isFull || (order.inside != nil && !builder.isEmpty) }

  private func leave(_ run: CommitOrder.Run) async throws {
    hold.end()
    if order.hasRisen {
      try await flush()
      try await advance()
    }
    let (isLarge, standsAlone) = shape(of: run)
    // Rows before a change of their schema are not in one batch with it, and a snapshot's not with the log's.
    if isLarge || standsAlone { try await flush() }
    try noteBreak(run)
    if run.isWholeBatch, isLarge || builder.isEmpty {
      try await pass(run)
    } else {
      try append(run)
      if standsAlone || mustFlush { try await flush() }
    }
  }

  private func shape(of run: CommitOrder.Run) -> (isLarge: Bool, standsAlone: Bool) {
    guard let batch = order.lanes[run.lane].head else { return (false, false) }
    let standsAlone =
      !batch.schemaChanges.isEmpty || batch.transactions[run.parts.lowerBound].isSnapshot
      || !builder.hasRoom(for: batch)
    return (run.isWholeBatch && batch.byteCount >= OrderStage.wholeBatchBytes, standsAlone)
  }

  private func noteBreak(_ run: CommitOrder.Run) throws {
    if let journal, let place = order.takeBreak(run) { try journal.append(place) }
  }

  private func noteTables(_ run: CommitOrder.Run, of batch: Batch) throws {
    let number = order.lanes[run.lane].headNumber
    if known[run.lane] == number { return }
    if try tables.note(batch, parts: run.parts, of: run.lane) { known[run.lane] = number }
  }

  /// Hands a whole batch on.
  private func pass(_ run: CommitOrder.Run) async throws {
    if let head = order.lanes[run.lane].head { try noteTables(run, of: head) }
    let promised = order.watermark
    // Nobody else holds the batch any more: its memory goes with it.
    guard let batch = try order.takeBatch(run) else { return }
    let source = UInt16(run.lane)
    var late: UInt64 = 0
    var parts = batch.transactions
    for index in parts.indices { late += try label(&parts[index], at: index, source, promised) }
    count(late, of: run.lane)
    let hasRisen = order.advance()
    try await send(Batch.relabel(consume batch, transactions: parts, position: position), passed: true)
    if hasRisen { announce() }
  }

  /// Copies a run behind what waits to be put together.
  private func append(_ run: CommitOrder.Run) throws {
    guard let batch = order.lanes[run.lane].head else { return }
    try noteTables(run, of: batch)
    let source = UInt16(run.lane)
    var late: UInt64 = 0
    var failure: Failure?
    if builder.isEmpty { builder.readAt = batch.readAt }
    let promised = order.watermark
    builder.append(run.parts, of: batch) { part in
      do throws(Failure) { late += try label(&part, at: gathered, source, promised) } catch { failure = error }
      gathered += 1
    }
    if let failure { throw failure }
    count(late, of: run.lane)
    if run.parts.upperBound == batch.transactions.count { builder.logBytes += batch.logBytes }
    try order.leave(run)
  }

  /// Says whose the part is, and holds its time above the promise.
  /// - Parameters:
  ///   - index: of the part in the batch that it goes on with.
  ///   - watermark: what was promised before it.
  /// - Returns: 1 when it begins a transaction that is late.
  private func label(
    _ part: inout TransactionPart, at index: Int, _ source: UInt16, _ watermark: EventTime
  ) throws(Failure) -> UInt64 {
    part.source = source
    let isKnown = repeats && isEverywhere(part)
    guard !part.isSnapshot, part.commitTime <= watermark else { return 0 }
    defer {
      part.commitTime = EventTime(microseconds: watermark.microseconds == .max ? .max : watermark.microseconds + 1)
    }
    if isKnown { return 0 }
    if settings.late == .stop {
      let (microseconds, isFar) = watermark.microseconds.subtractingReportingOverflow(part.commitTime.microseconds)
      let behind = (isFar ? .max : microseconds) / 1000
      throw Failure(
        .limit, "a transaction of source \"\(order.lanes[Int(source)].name)\" came \(behind) ms behind the watermark",
        hint: "raise `idle_after`, give the source a heartbeat table, or let it pass with `late: emit`")
    }
    if settings.late == .quarantine {
      lateChanges.note(index, committed: part.commitTime, watermark: watermark)
    }
    return part.begins ? 1 : 0
  }

  /// Whether every sink has the transaction of a part; asked for all that leave, in their order. Such a one came in time, and
  /// comes again because another transaction of its source's batch is new to somebody.
  private func isEverywhere(_ part: TransactionPart) -> Bool {
    guard let last = everywhere[Int(part.source)] else { return false }
    if part.ends, part.mark.isSameTransaction(as: last) {
      everywhere[Int(part.source)] = nil
      repeats = everywhere.contains { $0 != nil }
    }
    return true
  }

  private func count(_ late: UInt64, of lane: Int) {
    if late > 0 { meters.sources[lane].update { $0.order.late += late } }
  }

  private func flush() async throws {
    guard !builder.isEmpty else { return }
    // The position says what is promised right behind it.
    let hasRisen = order.advance()
    gathered = 0
    try await send(builder.take(position: position), passed: false)
    if hasRisen { announce() }
  }

  private func send(_ made: consuming Batch, passed: Bool) async throws {
    let batch = try lateChanges.setAside(from: made)
    let started = MonotonicTime.now()
    try await outputs.send(consume batch)
    lastSent = MonotonicTime.now()
    hasMoved = false
    meters.order.add(blocked: lastSent &- started, processor: ProcessUsage.threadNanoseconds(), passed: passed)
  }

  /// Says how far the sources are, without a change.
  private func sendPosition() async throws {
    try await send(
      Batch(
        arena: [], cells: [], changes: [], transactions: [], schemas: [], schemaChanges: [], position: position,
        logBytes: 0, readAt: MonotonicTime.now()), passed: true)
  }

  /// Behind everything that has left.
  private var position: Position {
    for index in written.indices { written[index].progress = order.lanes[index].progress }
    return VectorPosition.position(order.watermark, written)
  }

  // MARK: Time

  /// Raises the watermark by what the sources have promised beyond their changes. A position goes ahead: whatever a sink
  /// stores of the promise, its checkpoint has it, too.
  private func advance() async throws {
    guard order.advance() else { return }
    try await sendPosition()
    announce()
  }

  private func announce() {
    for output in outputs { output.advance(to: order.watermark) }
    meters.order.promise(order.watermark)
  }

  /// Lets go of the sources that were silent for too long; only right behind `drain`, when nothing of theirs is on its way.
  private func findIdle() -> Bool {
    guard let limit = settings.idleAfter else { return false }
    let now = MonotonicTime.now()
    let holder = order.holder
    for lane in order.lanes.indices where order.lanes[lane].isReadingTables {
      if let snapshot = meters.sources[lane].reading.snapshot, snapshot.tablesDone >= snapshot.tables {
        order.endReadingTables(lane)
      }
    }
    let found = order.findIdle(limit: limit, now: now)
    for lane in found where !order.lanes[lane].isEnded {
      meters.sources[lane].update { $0.order.isIdle = true }
      guard lane == holder, warned[lane] == 0 || now &- warned[lane] >= OrderStage.warningInterval else { continue }
      warned[lane] = now
      logger.warning(
        "a source is silent and holds the others back no longer",
        metadata: [
          "source": "\(order.lanes[lane].name)", "silent_ms": "\((now &- order.lanes[lane].heardAt) / 1_000_000)",
        ])
    }
    return !found.isEmpty
  }

  /// Names the source that the others wait for.
  private func noteHolder() {
    let now = MonotonicTime.now()
    hold.note(order.holder, now: now)
    guard let (lane, since) = hold.current, now &- since >= 10_000_000_000,
      warned[lane] == 0 || now &- warned[lane] >= OrderStage.warningInterval
    else { return }
    warned[lane] = now
    logger.warning(
      "all sources wait for one",
      metadata: ["source": "\(order.lanes[lane].name)", "waiting_ms": "\((now &- since) / 1_000_000)"])
  }
}
