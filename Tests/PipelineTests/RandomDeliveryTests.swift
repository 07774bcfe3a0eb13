import Change
import Logging
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Random logs, cuts, sinks, failures, cancellations and restarts: what a sink holds is always a beginning of the log.
@Suite(.timeLimit(.minutes(5))) struct RandomDeliveryTests {
  @Test func everySinkSeesEveryChangeOnceAndInOrderWhateverHappens() async throws {
    try await TestSeeds.forEach(150) { seed in
      var trial = DeliveryTrial(seed: seed)
      try await trial.play()
    }
  }
}

/// One random log, and the sinks that it flows into over several runs.
struct DeliveryTrial {
  private let seed: UInt64
  private var random: SeededRandom
  private let log: MemoryLog
  private let source: MemorySourceDefinition
  private let sinks: [(name: String, definition: MemorySinkDefinition)]
  /// The keys of the log's rows, by transaction.
  private let keys: [[Int64]]

  init(seed: UInt64) {
    self.seed = seed
    var random = SeededRandom(seed: seed)
    let text = String(repeating: "x", count: Int.random(in: 0...200, using: &random))
    let counts = (0..<Int.random(in: 1...40, using: &random)).map { _ in DeliveryTrial.rows(&random) }
    let keys = counts.enumerated().map { number, count in (0..<count).map { Int64(number * 1000 + $0) } }
    self.keys = keys
    log = MemoryLog(
      keys.enumerated().map { number, keys in
        MemoryTransaction(
          at: EventTime(microseconds: Int64(number + 1) * 1000),
          keys.map { .insert(Shop.orders, [.int($0), .text(text)]) })
      })
    source = MemorySourceDefinition(
      log: log, batchBytes: [64, 500, 4000, 1 << 20].randomElement(using: &random) ?? 64,
      transactionsPerBatch: Int.random(in: 1...9, using: &random))
    sinks = (0..<Int.random(in: 1...3, using: &random)).map { number in
      let traits = SinkTraits(
        groupBytes: [1, 1000, 10_000, 1 << 20].randomElement(using: &random) ?? 1,
        commitInterval: Bool.random(using: &random) ? 0 : 300_000)
      return ("copy\(number)", MemorySinkDefinition(target: MemoryTarget(), traits: traits))
    }
    self.random = random
    for _ in 0..<Int.random(in: 0...4, using: &self.random) { orderFailure() }
  }

  private static func rows(_ random: inout SeededRandom) -> Int {
    switch Int.random(in: 0..<10, using: &random) {
    case 0: 0
    case 9: Int.random(in: 50...150, using: &random)
    default: Int.random(in: 1...6, using: &random)
    }
  }

  private mutating func orderFailure() {
    let steps: [MemoryFaults.Step] = [.open, .write, .commit, .committed]
    guard let sink = sinks.randomElement(using: &random), let step = steps.randomElement(using: &random) else { return }
    // A conflict is tried again within the run, the other ends it.
    let code: Failure.Code = Bool.random(using: &random) ? .conflict : .inputOutput
    sink.definition.target.faults.fail(
      step, visit: Int.random(in: 1...12, using: &random), with: Failure(code, "ordered by seed \(seed)"))
  }

  mutating func play() async throws {
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      await runSomeOfIt()
      for sink in sinks { expectABeginning(sink) }
    }
    for attempt in 1... {
      guard let failure = await outcome(.now) else { break }
      try #require(attempt < 60, "seed \(seed) never ends: \(failure)")
      for sink in sinks { expectABeginning(sink) }
    }
    for sink in sinks {
      expectABeginning(sink)
      #expect(sink.definition.target.content.checkpoint?.position.text == "\(keys.count)", "seed \(seed) \(sink.name)")
    }
  }

  private mutating func runSomeOfIt() async {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: _ = await outcome(.position("\(Int.random(in: 0...keys.count, using: &random))"))
    case 1: _ = await outcome(.now)
    case 2: _ = await outcome(.never, endAfter: UInt64.random(in: 0...2_000_000, using: &random)) { $0.requestStop() }
    default:
      _ = await outcome(.never, endAfter: UInt64.random(in: 0...2_000_000, using: &random)) { $1.cancel() }
    }
  }

  private func outcome(_ until: Until) async -> (any Error)? {
    let run = Shop.run(source, into: sinks.map { ($0.name, $0.definition) })
    defer { expectBalance(run) }
    do {
      try await run.run(until: until)
      return nil
    } catch {
      return error
    }
  }

  private func outcome(
    _ until: Until, endAfter nanoseconds: UInt64, _ end: (PipelineRun, Task<Void, any Error>) -> Void
  ) async -> (any Error)? {
    let run = Shop.run(source, into: sinks.map { ($0.name, $0.definition) })
    let running = Task { try await run.run(until: until) }
    try? await Task.sleep(nanoseconds: nanoseconds)  // only the test's own cancellation ends it early
    end(run, running)
    defer { expectBalance(run) }
    if case .failure(let error) = await running.result { return error }
    return nil
  }

  private func outcome(
    _ until: Until, endAfter nanoseconds: UInt64, _ end: (PipelineRun) -> Void
  ) async -> (any Error)? {
    await outcome(until, endAfter: nanoseconds) { run, _ in end(run) }
  }

  private func expectBalance(_ run: PipelineRun) {
    for sink in run.status.sinks {
      #expect(sink.reading.unaccounted == 0, "seed \(seed) \(sink.name)")
    }
  }

  /// The target holds the log's first transactions, each whole, each once, in order, and its checkpoint says how many.
  private func expectABeginning(_ sink: (name: String, definition: MemorySinkDefinition)) {
    let content = sink.definition.target.content
    let count = content.checkpoint.flatMap { Int($0.position.text) } ?? 0
    let right = keys[..<count].flatMap(\.self)
    let seen = content.journal.map { record -> Int64 in
      guard case .int(let key)? = record.after?.first else { return -1 }
      return key
    }
    #expect(seen == right, "seed \(seed) \(sink.name) at \(count)")
    let commits = Dictionary(grouping: content.journal, by: \.sequence).mapValues { Set($0.map(\.commit)).count }
    #expect(commits.values.allSatisfy { $0 == 1 }, "seed \(seed) \(sink.name): a transaction is torn")
  }
}
