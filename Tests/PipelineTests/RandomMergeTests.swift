import Change
import Foundation
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Random logs of several sources, cuts, sinks, failures, cancellations and restarts: what a sink holds is always a
/// beginning of the one order that the logs have.
@Suite(.timeLimit(.minutes(5))) struct RandomMergeTests {
  @Test func everySinkSeesTheOneOrderExactlyOnceWhateverHappens() async throws {
    try await TestSeeds.forEach(100) { seed in
      var trial = MergeTrial(seed: seed)
      try await trial.play()
    }
  }
}

/// Random logs, and the sinks that they flow into over several runs.
struct MergeTrial {
  private struct Entry {
    var time: Int64
    var source: Int
    var keys: [Int64]
  }

  private let seed: UInt64
  private var random: SeededRandom
  private let logs: [MemoryLog]
  private let sinks: [(name: String, definition: MemorySinkDefinition)]
  /// The keys of all rows in the one order.
  private let right: [Int64]
  /// Which transaction of all each key belongs to.
  private let owners: [Int64: Int]
  private let state = FileManager.default.temporaryDirectory.appending(path: "freshet-random-merge-\(UUID())").path

  init(seed: UInt64) {
    self.seed = seed
    var random = SeededRandom(seed: seed)
    let text = String(repeating: "x", count: Int.random(in: 0...200, using: &random))
    let step = [0, 1, 3, 1000].randomElement(using: &random) ?? 1
    var entries: [Entry] = []
    logs = (0..<Int.random(in: 2...5, using: &random)).map { source in
      let made = MergeTrial.entries(of: source, step: step, &random)
      entries += made
      return MemoryLog(
        made.map { entry in
          MemoryTransaction(
            at: EventTime(microseconds: entry.time),
            entry.keys.map { .insert(Shop.orders, [.int($0), .text(text)]) })
        })
    }
    // The logs were made in order, and the sort keeps equal ones as they are.
    let ordered = entries.enumerated().sorted { left, right in
      (left.element.time, left.element.source, left.offset) < (right.element.time, right.element.source, right.offset)
    }.map(\.element)
    right = ordered.flatMap(\.keys)
    owners = Dictionary(
      uniqueKeysWithValues: ordered.enumerated().flatMap { number, entry in entry.keys.map { ($0, number) } })
    sinks = (0..<Int.random(in: 1...3, using: &random)).map { number in
      let traits = SinkTraits(
        groupBytes: [1, 1000, 10_000, 1 << 20].randomElement(using: &random) ?? 1,
        commitInterval: Bool.random(using: &random) ? 0 : 300_000)
      return ("copy\(number)", MemorySinkDefinition(target: MemoryTarget(), traits: traits))
    }
    self.random = random
    for _ in 0..<Int.random(in: 0...4, using: &self.random) { orderFailure() }
  }

  private static func entries(of source: Int, step: Int, _ random: inout SeededRandom) -> [Entry] {
    var time: Int64 = 1
    return (0..<Int.random(in: 0...30, using: &random)).map { number in
      time += Int64(Int.random(in: 0...step, using: &random))
      let count =
        switch Int.random(in: 0..<10, using: &random) {
        case 0: 0
        case 9: Int.random(in: 50...150, using: &random)
        default: Int.random(in: 1...6, using: &random)
        }
      let base = Int64(source) * 1_000_000 + Int64(number) * 1000
      return Entry(time: time, source: source, keys: (0..<count).map { base + Int64($0) })
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
    defer { try? FileManager.default.removeItem(atPath: state) }  // a rest in the temporary directory harms nobody
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
      let count = sink.definition.target.content.journal.count
      #expect(count == right.count, "seed \(seed) \(sink.name)")
    }
  }

  /// The sources anew: a restart may cut the batches in other places.
  private mutating func sources() -> [MemorySourceDefinition] {
    logs.map {
      MemorySourceDefinition(
        log: $0, batchBytes: [64, 500, 4000, 1 << 20].randomElement(using: &random) ?? 64,
        transactionsPerBatch: Int.random(in: 1...9, using: &random))
    }
  }

  private mutating func runSomeOfIt() async {
    let pause = UInt64.random(in: 0...3_000_000, using: &random)
    switch Int.random(in: 0..<4, using: &random) {
    case 0: _ = await outcome(.time(EventTime(microseconds: Int64.random(in: 0...40, using: &random))))
    case 1: _ = await outcome(.now)
    case 2: _ = await outcome(.never, endAfter: pause) { run, _ in run.requestStop() }
    default: _ = await outcome(.never, endAfter: pause) { _, task in task.cancel() }
    }
  }

  private mutating func makeRun() -> PipelineRun {
    Shop.merge(sources(), into: sinks.map { ($0.name, $0.definition) }, state: state)
  }

  private mutating func outcome(_ until: Until) async -> (any Error)? {
    let run = makeRun()
    defer { expectBalance(run) }
    do {
      try await run.run(until: until)
      return nil
    } catch {
      return error
    }
  }

  private mutating func outcome(
    _ until: Until, endAfter nanoseconds: UInt64, _ end: (PipelineRun, Task<Void, any Error>) -> Void
  ) async -> (any Error)? {
    let run = makeRun()
    let running = Task { try await run.run(until: until) }
    try? await Task.sleep(nanoseconds: nanoseconds)  // only the test's own cancellation ends it early
    end(run, running)
    defer { expectBalance(run) }
    if case .failure(let error) = await running.result { return error }
    return nil
  }

  private func expectBalance(_ run: PipelineRun) {
    for sink in run.status.sinks { #expect(sink.reading.unaccounted == 0, "seed \(seed) \(sink.name)") }
  }

  /// The target holds the first rows of the one order, each once, and no transaction in part.
  private func expectABeginning(_ sink: (name: String, definition: MemorySinkDefinition)) {
    let seen = Shop.keys(sink.definition.target)
    let wrong = seen.indices.first { $0 >= right.count || seen[$0] != right[$0] }
    #expect(
      wrong == nil,
      "seed \(seed) \(sink.name): row \(wrong ?? 0) of \(right.count) is \(seen.dropFirst(wrong ?? 0).prefix(3))")
    let content = sink.definition.target.content
    var commits: [Int: Set<Int>] = [:]
    for (key, record) in zip(seen, content.journal) { commits[owners[key] ?? -1, default: []].insert(record.commit) }
    let areWhole = commits.values.allSatisfy { $0.count == 1 }
    #expect(areWhole, "seed \(seed) \(sink.name): a transaction is torn")
  }
}
