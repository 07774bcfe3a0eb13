import Change
import Flow
import Logging

/// Takes every batch through the windows to every sink's channel, on a thread of its own, with the results behind it.
///
/// *Ordering*: batches leave in the order in which they came; results leave behind the transactions that they follow from,
/// and before a watermark that has come with them. *Back-pressure*: a full channel of a sink suspends the stage.
/// *Durability*: the state is stored with its place in the log; what came later is read again after a crash.
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

  func run() async throws {
    do {
      meter.begin()
      guard let history = try await history.all().first else { throw CancellationError() }
      let windows = WindowSet(definitions, memoryLimit: memoryLimit, directory: stateDirectory + "/windows.state")
      try await send(try history.restore(windows))
      while try await pass(windows, history) {}
      try history.keep(windows, [], sinks: sinks, isLast: true)
      for output in outputs { output.finish() }
    } catch {
      input.fail(error)
      for output in outputs { output.fail(error) }
      throw error
    }
  }

  /// Passes on what has come; returns whether more can come.
  private func pass(_ windows: WindowSet, _ history: WindowHistory) async throws -> Bool {
    var reception = try await input.receiveAll()
    // The only reference to each batch goes into the windows, which can then pass its memory on.
    reception.batches.reverse()
    while let batch = reception.batches.popLast() {
      // Before a sink is given what a transaction has ended with, the state can be stored: also when another one goes on.
      for piece in WindowSet.pieces(of: batch) {
        let results = try windows.take(piece)
        try history.keep(windows, results, sinks: sinks)
        try await send(results, windows)
      }
    }
    let results = try windows.advance(to: reception.watermark)
    try history.keep(windows, results, sinks: sinks)
    try await send(results, windows)
    for output in outputs { output.advance(to: reception.watermark) }
    return !reception.isLast
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
