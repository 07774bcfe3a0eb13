import Change
import Flow
import Logging

/// Takes every batch through the windows to every sink's channel, on a thread of its own, with the results behind it.
///
/// *Ordering*: batches leave in the order in which they came; results leave behind the transactions that they follow from,
/// and before a watermark that has come with them. *Back-pressure*: a full channel of a sink suspends the stage.
/// *Durability*: the state is stored with its place in the log; what came later is read again after a crash. *Snapshots*:
/// inside one the windows only take rows in; at its end the state is stored, and then everything that is due is told.
struct WindowStage: Sendable {
  let input: BatchChannel
  let outputs: [BatchChannel]
  let definitions: [WindowDefinition]
  /// The names of the pipeline's sources.
  let sources: [String]
  let stateDirectory: String
  /// Bytes that the state may take in memory; what is more lies in files.
  let memoryLimit: Int
  /// Nanoseconds between two stored states, at least.
  let interval: UInt64
  let sinks: [SinkMeter]
  let meter: TransformMeter
  let logger: Logger

  private let chosen = Rendezvous<WindowHistory>(count: 1)

  init(
    input: BatchChannel, outputs: [BatchChannel], definitions: [WindowDefinition], sources: [String],
    stateDirectory: String, memoryLimit: Int, interval: UInt64, sinks: [SinkMeter], meter: TransformMeter,
    logger: Logger
  ) {
    self.input = input
    self.outputs = outputs
    self.definitions = definitions
    self.sources = sources
    self.stateDirectory = stateDirectory
    self.memoryLimit = memoryLimit
    self.interval = interval
    self.sinks = sinks
    self.meter = meter
    self.logger = logger
  }

  /// The state, once it was chosen.
  func history() async throws -> WindowHistory {
    guard let history = try await chosen.all().first else { throw CancellationError() }
    return history
  }

  /// Where the order of several sources is broken.
  func journal() async throws -> OrderJournal {
    let history = try await history()
    return OrderJournal(directory: stateDirectory, names: sources) { history.oldest }
  }

  /// Where the state is that was stored last, as sinks tell where they are.
  func stored() -> [Position?] { chosen.value(of: 0).map { [$0.stored] } ?? [] }

  /// Finds the state that fits the sinks' checkpoints; from here on it is the stage's.
  private func begin(_ resume: Resume) async throws -> WindowHistory {
    let checkpoints = Resume.beginnings(try await resume.checkpoints.all(), sinks)
    let arithmetic = try await resume.coverage.all()
    let places = try ResumePlan(checkpoints.map { $0.map { WindowPosition($0).log } }, sources: sources)
    let history = try WindowHistory(
      directory: stateDirectory, definitions: definitions, sources: sources, checkpoints: checkpoints,
      least: try places.least(sources, arithmetic),
      coverage: WindowCoverage(log: sources.count == 1 ? arithmetic[0] : VectorCoverage(sources, arithmetic)),
      interval: interval)
    chosen.arrive(0, with: history)
    return history
  }

  /// - Parameter check: looks whether the windows suit the tables, before any row passes.
  func run(_ resume: Resume, check: () async throws -> Void) async throws {
    do {
      meter.begin()
      let history = try await begin(resume)
      try await check()
      let windows = WindowSet(
        definitions, sources: sources, memoryLimit: memoryLimit, directory: stateDirectory + "/windows.state")
      // Before the state is read, which may hold back more results than there is memory for.
      windows.resultLimit = max(4 << 20, memoryLimit / 8)
      let replay = try history.restore(windows, try await resume.catchUpOfState())
      if history.isBehindResults, windows.isInsideSnapshot, try !replay.isInsideSnapshot(windows.log) {
        // The results that a sink has of it say so: what was held back was told at the place of this state.
        try endSnapshotAhead(windows)
      }
      if replay.isLevel { try await beginLevel(windows, history, replay) }
      while try await pass(windows, history, replay) { meter.set(windows.readings) }
      meter.set(windows.readings)
      if replay.isLevel { try history.keep(windows, [], sinks: sinks, isNeeded: true) }
      for output in outputs { output.finish() }
    } catch {
      input.fail(error)
      for output in outputs { output.fail(error) }
      throw error
    }
  }

  /// Passes on what has come; returns whether more can come.
  private func pass(_ windows: WindowSet, _ history: WindowHistory, _ replay: WindowReplay) async throws -> Bool {
    guard var reception = try await receive(windows, replay) else {
      // What was held back is told, although nothing has come.
      try await endSnapshot(windows, history)
      try await advance(windows, history, replay)
      announce(windows, replay)
      return true
    }
    replay.promise(reception.watermark)
    // The only reference to each batch goes into the windows, which can then pass its memory on.
    reception.batches.reverse()
    while let batch = reception.batches.popLast() {
      // Before a sink is given what a transaction has ended with, the state can be stored: also when another one goes on.
      for piece in WindowSet.pieces(of: batch) {
        switch try replay.news(in: piece) {
        case .all:
          if sources.count == 1, !replay.hasBegun { try await beginLevel(windows, history, replay) }
          try await take(piece, isSent: false, windows, history, replay)
        case .some(let news):
          try await send([windows.passOver(piece)])
          if sources.count == 1 {
            try await beginLevel(windows, history, replay, at: WindowPosition(piece.position).log)
          }
          try await take(news, isSent: true, windows, history, replay)
        case .nothing: try await passOver(piece, windows, history, replay)
        }
      }
    }
    if reception.isLast, replay.isLevel, try await waitForSinks(windows, replay) {
      try await endSnapshot(windows, history)
    }
    if replay.isLevel { try await advance(windows, history, replay) }
    announce(windows, replay)
    return !reception.isLast
  }

  /// Passes on what was promised, behind the results that are due by then: not while they are held back.
  private func announce(_ windows: WindowSet, _ replay: WindowReplay) {
    guard replay.isLevel, !windows.isInsideSnapshot else { return }
    for output in outputs { output.advance(to: replay.watermark) }
  }

  /// What has come; nil when nothing has, and the sinks have agreed on the place at which results are told again.
  private func receive(_ windows: WindowSet, _ replay: WindowReplay) async throws -> BatchChannel.Reception? {
    var asked: UInt64 = 0
    while let place = try placeToAgreeOn(windows, replay) {
      if let reception = try input.takeAll() { return reception }
      if try haveAgreed(on: place, windows) { return nil }
      try await ask(windows, &asked)
    }
    return try await input.receiveAll()
  }

  /// Where the snapshots of all sources are over, and only the sinks are waited for.
  private func placeToAgreeOn(_ windows: WindowSet, _ replay: WindowReplay) throws -> Position? {
    guard sources.count > 1, windows.isInsideSnapshot, !windows.isInsideTransaction, replay.isLevel,
      let log = windows.log
    else { return nil }
    return try replay.isInsideSnapshot(log) ? nil : log
  }

  /// At the end of everything.
  /// - Returns: whether the sinks have agreed; not, when one is beyond the end: the next run tells what is due.
  private func waitForSinks(_ windows: WindowSet, _ replay: WindowReplay) async throws -> Bool {
    guard let place = try placeToAgreeOn(windows, replay) else { return false }
    var waitsSince = MonotonicTime.now()
    var asked: UInt64 = 0
    while try !haveAgreed(on: place, windows) {
      // However long a sink writes: one that is not ahead stores the place in the end.
      let readings = sinks.map(\.reading).filter(\.keepsCheckpoint)
      if !readings.contains(where: \.isCatchingUp) || outputs.contains(where: { $0.gauges.rows > 0 }) {
        waitsSince = MonotonicTime.now()
      }
      guard MonotonicTime.now() &- waitsSince < WindowStage.patience else {
        logger.warning(
          "results of windows are due and not told: a sink is beyond the end of this run; the next run tells them",
          metadata: ["position": "\(place.text)"])
        return false
      }
      try await ask(windows, &asked)
    }
    return true
  }

  /// Nanoseconds in which a sink that is ahead, and has taken all it was given, may still come to the last place.
  private static let patience: UInt64 = 10_000_000_000
  /// Nanoseconds between two places that they are given to store.
  private static let askInterval: UInt64 = 100_000_000

  /// Lets the sinks store a place, also where they have nothing else to.
  private func ask(_ windows: WindowSet, _ asked: inout UInt64) async throws {
    try await Task.sleep(nanoseconds: 2_000_000)
    guard let log = windows.log, MonotonicTime.now() &- asked >= WindowStage.askInterval else { return }
    asked = MonotonicTime.now()
    // One question at a time: a sink that does not look is not asked again.
    guard outputs.allSatisfy({ $0.gauges.batches == 0 }) else { return }
    let place = WindowPosition(log: log, panes: windows.panes).position
    let nothing = Batch(
      arena: [], cells: [], changes: [], transactions: [], schemas: [], schemaChanges: [], position: place, logBytes: 0,
      readAt: MonotonicTime.now())
    try await send([nothing])
  }

  /// Whether every sink counts the transactions of several sources as a place does. Behind a snapshot, or when the sinks did
  /// not begin at one place, they do so once they have stored something of this run: only then a restart can tell which of
  /// them has which result.
  /// - Parameter hasSnapshot: rows of a snapshot have come right before the place.
  private func haveAgreed(
    on place: Position, _ windows: WindowSet, _ hasSnapshot: Bool = false
  ) throws(Failure) -> Bool {
    guard sources.count > 1, let mine = try VectorPosition(place) else { return true }
    if hasSnapshot { return false }
    let kept = sinks.map(\.reading).filter(\.keepsCheckpoint)
    // All begin here, at one place.
    if !windows.isInsideSnapshot, kept.allSatisfy({ $0.position == nil }) { return true }
    for sink in kept {
      guard let position = sink.position.map(WindowPosition.init), let vector = try VectorPosition(position.log) else {
        return false
      }
      // It has results that are still to come again, and stores nothing before.
      if position.panes > windows.panes { continue }
      guard sources.allSatisfy({ vector[$0]?.count.epoch == mine[$0]?.count.epoch }) else { return false }
    }
    return true
  }

  /// Tells what is due by then, as the place before says: a run that comes here again does the same. Then nothing is told.
  private func beginSnapshot(_ windows: WindowSet) async throws {
    if let promised = try promised(windows) { try await send(try windows.advance(to: promised), windows) }
    windows.beginSnapshot()
  }

  /// What several sources have promised with the place of the windows.
  private func promised(_ windows: WindowSet) throws(Failure) -> EventTime? {
    guard sources.count > 1, let log = windows.log else { return nil }
    return try VectorPosition(log)?.watermark
  }

  private func endSnapshot(_ windows: WindowSet) throws(Failure) -> [Batch] {
    try windows.endSnapshot(behind: promised(windows) ?? .distantPast)
  }

  private func endSnapshotAhead(_ windows: WindowSet) throws(Failure) {
    try windows.endSnapshotAhead(behind: promised(windows) ?? .distantPast)
  }

  /// Stores the state, and tells everything that has become due.
  private func endSnapshot(_ windows: WindowSet, _ history: WindowHistory) async throws {
    try history.keep(windows, [], sinks: sinks, isNeeded: true)
    try await send(try endSnapshot(windows), windows)
  }

  /// Tells what is due at what the sources have promised.
  private func advance(_ windows: WindowSet, _ history: WindowHistory, _ replay: WindowReplay) async throws {
    let results = try windows.advance(to: replay.watermark)
    try history.keep(windows, results, sinks: sinks)
    try await send(results, windows)
  }

  /// Takes a piece in, and sends it with what follows from it.
  /// - Parameter isSent: the sinks have been given the piece, with what the state had of it.
  private func take(
    _ news: Batch, isSent: Bool, _ windows: WindowSet, _ history: WindowHistory, _ replay: WindowReplay
  ) async throws {
    let place = WindowPosition(news.position).log
    let wasInside = windows.isInsideSnapshot
    let hasSnapshot = news.transactions.contains(where: \.isSnapshot)
    // Only the first batch can be inside a snapshot that has begun before it, without rows of it.
    let mayBeInside = wasInside || !replay.hasBegun || hasSnapshot
    try replay.reach(place)
    var isSent = isSent
    if replay.isLevel, windows.heldCount > 0, !news.endsInsideTransaction {
      // One of several sources has brought something new before another one came to the place of the state.
      if !isSent { try await send([windows.passOver(copy news)]) }
      isSent = true
      try await sendHeld(windows, at: place)
    }
    var isInside = try mayBeInside && (replay.isInsideSnapshot(place) || !haveAgreed(on: place, windows, hasSnapshot))
    // What is new before the place of the state is reached comes in an order that no other run has.
    if sources.count > 1, !replay.isLevel { isInside = true }
    replay.begin()
    if isInside, !wasInside, !windows.isInsideTransaction {
      // Where the state is not level, no result follows before all that has come is in a stored state.
      if replay.isLevel { try await beginSnapshot(windows) } else { windows.beginSnapshot() }
    }
    var results = try windows.takePiece(news)
    if isSent, let rows = results.firstIndex(where: { !$0.transactions.contains { WindowPosition.isPane($0.mark) } }) {
      results.remove(at: rows)
    }
    let ends = replay.isLevel && windows.isInsideSnapshot && !isInside && !windows.isInsideTransaction
    let endsLevelling = news.endsSnapshot
    if replay.isLevel {
      let isNeeded = ends || wasInside != windows.isInsideSnapshot || endsLevelling
      try history.keep(windows, results, sinks: sinks, isNeeded: isNeeded)
      if endsLevelling { meter.addStoredSnapshot() }
    } else if !history.isBehindResults, windows.heldCount == 0, let own = try replay.place(at: place) {
      // One source may bring the state level while another one brings somebody else.
      try history.keep(windows, [], sinks: sinks, isNeeded: endsLevelling, at: own)
      if endsLevelling { meter.addStoredSnapshot() }
    }
    if ends { results += try endSnapshot(windows) }
    try await send(results, windows)
  }

  /// Sends a piece that the state has.
  private func passOver(
    _ piece: Batch, _ windows: WindowSet, _ history: WindowHistory, _ replay: WindowReplay
  ) async throws {
    let (place, isOpen) = (WindowPosition(piece.position).log, piece.endsInsideTransaction)
    try await send([windows.passOver(piece)])
    guard !isOpen else { return }
    try replay.reach(place)
    if replay.isLevel { try await beginLevel(windows, history, replay, at: place) }
  }

  /// Sends what the state has to tell, when the log comes to its place.
  /// - Parameter place: where the sinks are, when that is further.
  private func beginLevel(
    _ windows: WindowSet, _ history: WindowHistory, _ replay: WindowReplay, at place: Position? = nil
  ) async throws {
    guard let log = windows.log else { return }
    let ends = try windows.isInsideSnapshot && !replay.isInsideSnapshot(log) && haveAgreed(on: log, windows)
    // With the place of the state that is stored, which the results follow from: what was taken in since is in none yet.
    if ends, !replay.hasBegun { try endSnapshotAhead(windows) }
    if let place { windows.writer.log = place }
    if ends, replay.hasBegun {
      try history.keep(windows, [], sinks: sinks, isNeeded: true)
      try endSnapshotAhead(windows)
    }
    try await sendHeld(windows, at: place ?? log)
  }

  /// Sends results, and those that follow them.
  private func send(_ results: [Batch], _ windows: WindowSet) async throws {
    try await send(results)
    while let batch = try windows.next() { try await send([batch]) }
  }

  /// Sends what the windows have held, one by one, for the place that the sinks have come to.
  private func sendHeld(_ windows: WindowSet, at place: Position) async throws {
    while let batch = try windows.nextHeld(at: place) { try await send([batch]) }
    try await send([], windows)
  }

  private func send(_ batches: [Batch]) async throws {
    let sent = MonotonicTime.now()
    for batch in batches {
      if batch.transactions.contains(where: { WindowPosition.isPane($0.mark) }) { try await waitForFirstCommits() }
      for output in outputs { try await output.send(batch) }
    }
    meter.add(blocked: MonotonicTime.now() &- sent, processor: ProcessUsage.threadNanoseconds())
  }

  /// Until every sink that keeps a checkpoint has one, none is given results: one without could not begin together with one
  /// that has some.
  private func waitForFirstCommits() async throws {
    while sinks.contains(where: { $0.reading.keepsCheckpoint && $0.reading.position == nil }) {
      try await Task.sleep(nanoseconds: 1_000_000)
    }
  }
}
