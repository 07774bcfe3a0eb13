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
  let stateDirectory: String
  /// Bytes that the state may take in memory; what is more lies in files.
  let memoryLimit: Int
  /// Nanoseconds between two stored states, at least.
  let interval: UInt64
  let sinks: [SinkMeter]
  let meter: TransformMeter
  let logger: Logger

  private let history = Rendezvous<WindowHistory>(count: 1)

  init(
    input: BatchChannel, outputs: [BatchChannel], definitions: [WindowDefinition], stateDirectory: String,
    memoryLimit: Int, interval: UInt64, sinks: [SinkMeter], meter: TransformMeter, logger: Logger
  ) {
    self.input = input
    self.outputs = outputs
    self.definitions = definitions
    self.stateDirectory = stateDirectory
    self.memoryLimit = memoryLimit
    self.interval = interval
    self.sinks = sinks
    self.meter = meter
    self.logger = logger
  }

  /// Finds the state that fits the sinks' checkpoints.
  /// - Returns: where the source must begin, for each sink and for the state, without the results.
  ///
  /// A sink that never keeps a checkpoint begins with the others; it would send the source to before the state.
  func begin(at all: [Position?], _ coverage: any PositionCoverage) throws -> [Position?] {
    let kept = zip(all, sinks).filter { $1.reading.keepsCheckpoint }.map(\.0)
    let checkpoints = kept.contains { $0 != nil } ? kept : all
    let chosen = try WindowHistory(
      directory: stateDirectory, definitions: definitions, checkpoints: checkpoints,
      coverage: WindowCoverage(log: coverage), interval: interval)
    let starts = checkpoints.map { $0.map { WindowPosition($0).log } } + (chosen.start.map { [$0] } ?? [])
    // From here on the state is the stage's.
    history.arrive(0, with: chosen)
    return starts
  }

  /// Where the state is that was stored last, as sinks tell where they are.
  func stored() -> [Position?] { history.value(of: 0).map { [$0.stored] } ?? [] }

  func run() async throws {
    do {
      meter.begin()
      guard let history = try await history.all().first else { throw CancellationError() }
      let windows = WindowSet(definitions, memoryLimit: memoryLimit, directory: stateDirectory + "/windows.state")
      let replay = try history.restore(windows)
      if replay.isLevel { try await beginLevel(windows, replay) }
      while try await pass(windows, history, replay) {}
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
    var reception = try await input.receiveAll()
    // The only reference to each batch goes into the windows, which can then pass its memory on.
    reception.batches.reverse()
    while let batch = reception.batches.popLast() {
      // Before a sink is given what a transaction has ended with, the state can be stored: also when another one goes on.
      for piece in WindowSet.pieces(of: batch) {
        switch try replay.news(in: piece) {
        case .all:
          if !replay.hasBegun { try await beginLevel(windows, replay) }
          try await take(piece, isSent: false, windows, history, replay)
        case .some(let news):
          try await send([windows.passOver(piece)])
          try await beginLevel(windows, replay, at: WindowPosition(piece.position).log)
          try await take(news, isSent: true, windows, history, replay)
        case .nothing: try await passOver(piece, windows, replay)
        }
      }
    }
    if replay.isLevel {
      let results = try windows.advance(to: reception.watermark)
      try history.keep(windows, results, sinks: sinks)
      try await send(results, windows)
    }
    for output in outputs { output.advance(to: reception.watermark) }
    return !reception.isLast
  }

  /// Takes a piece in, and sends it with what follows from it.
  /// - Parameter isSent: the sinks have been given the piece, with what the state had of it.
  private func take(
    _ news: Batch, isSent: Bool, _ windows: WindowSet, _ history: WindowHistory, _ replay: WindowReplay
  ) async throws {
    let place = WindowPosition(news.position).log
    let wasInside = windows.isInsideSnapshot
    // Only the first batch can be inside a snapshot that has begun before it, without rows of it.
    let mayBeInside = wasInside || !replay.hasBegun || news.transactions.contains(where: \.isSnapshot)
    let isInside = try mayBeInside && replay.isInsideSnapshot(place)
    replay.begin()
    if isInside, !wasInside, !windows.isInsideTransaction { windows.beginSnapshot() }
    var results = try windows.takePiece(news)
    if isSent { results.removeFirst() }
    try replay.reach(place)
    let ends = replay.isLevel && windows.isInsideSnapshot && !isInside && !windows.isInsideTransaction
    if replay.isLevel {
      let endsLevelling = WindowStage.endsSnapshot(news)
      let isNeeded = ends || wasInside != windows.isInsideSnapshot || endsLevelling
      try history.keep(windows, results, sinks: sinks, isNeeded: isNeeded)
      if endsLevelling { meter.addStoredSnapshot() }
    }
    if ends { results += try windows.endSnapshot() }
    try await send(results, windows)
  }

  /// Whether a batch tells that a snapshot, or the levelling of what was behind in one, is over.
  private static func endsSnapshot(_ batch: Batch) -> Bool {
    guard batch.transactions.count == 1, batch.logBytes == 0, let part = batch.transactions.first else { return false }
    return part.isSnapshot && part.begins && part.ends && part.count == 0
  }

  /// Sends a piece that the state has.
  private func passOver(_ piece: Batch, _ windows: WindowSet, _ replay: WindowReplay) async throws {
    let (place, isOpen) = (WindowPosition(piece.position).log, piece.endsInsideTransaction)
    try await send([windows.passOver(piece)])
    guard !isOpen else { return }
    try replay.reach(place)
    if replay.isLevel { try await beginLevel(windows, replay, at: place) }
  }

  /// Sends what the state has to tell, when the log comes to its place.
  /// - Parameter place: where the sinks are, when that is further.
  private func beginLevel(_ windows: WindowSet, _ replay: WindowReplay, at place: Position? = nil) async throws {
    guard let log = windows.log else { return }
    let ends = try windows.isInsideSnapshot && !replay.isInsideSnapshot(log)
    if let place { windows.writer.log = place }
    var results = replay.takeResults(at: place ?? log)
    if ends { results += try windows.endSnapshot() }
    try await send(results, windows)
  }

  /// Sends results, and those that follow them.
  private func send(_ results: [Batch], _ windows: WindowSet) async throws {
    try await send(results)
    while let batch = try windows.next() { try await send([batch]) }
    // The first state that is stored holds the results that go with it, all of them.
    if !windows.isInsideTransaction, windows.log != nil { windows.resultLimit = max(4 << 20, memoryLimit / 8) }
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
