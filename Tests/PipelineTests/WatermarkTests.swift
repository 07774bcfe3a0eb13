import Change
import MemoryConnector
import Pipeline
import Synchronization
import TestRandom
import Testing

/// The promise of several sources, with a scheduler that is not on our side.
@Suite(.timeLimit(.minutes(5))) struct WatermarkTests {
  @Test func theWatermarkNeverGoesBackAndNothingAtOrBelowItComesLater() async throws {
    for seed in UInt64(1)...40 {
      var random = SeededRandom(seed: seed)
      let witness = WatermarkWitness()
      let logs = (0..<Int.random(in: 2...5, using: &random)).map { _ in MemoryLog() }
      // So short a patience that sources are taken for idle in the middle of their work.
      let settings = OrderSettings(idleAfter: [1_000_000, 20_000_000, nil].randomElement(using: &random) ?? nil)
      let run = Shop.merge(
        logs.map { MemorySourceDefinition(log: $0, transactionsPerBatch: Int.random(in: 1...4, using: &random)) },
        order: settings, into: [("witness", witness)])
      let running = Task { try await run.run(until: .never) }
      let written = try await WatermarkTests.write(logs, &random)
      run.requestStop()
      try await running.value
      // A stop ends each source where it is; the next run reads the rest of its log.
      let rest = Shop.merge(logs.map { MemorySourceDefinition(log: $0) }, order: settings, into: [("witness", witness)])
      try await rest.run(until: .now)
      #expect(witness.problems.isEmpty, "seed \(seed): \(witness.problems.prefix(3))")
      #expect(witness.keys.count == written, "seed \(seed)")
      #expect(Set(witness.keys).count == written, "seed \(seed)")
    }
  }

  @Test func whoReadsUpToTheWatermarkMissesNothingOfAnySource() async throws {
    var random = SeededRandom(seed: 7)
    var times: [Int64: Int64] = [:]
    var logs: [MemoryLog] = []
    // So much that it comes in many batches.
    let text = String(repeating: "x", count: 20_000)
    for source in Int64(0)..<4 {
      var time: Int64 = 0
      let transactions: [MemoryTransaction] = (Int64(0)..<400).map { number in
        time += Int64.random(in: 1...50, using: &random)
        let key = source * 1000 + number
        times[key] = time
        return MemoryTransaction(
          at: EventTime(microseconds: time), [.insert(Shop.orders, [.int(key), .text(text)])])
      }
      logs.append(MemoryLog(transactions))
    }
    let target = MemoryTarget()
    let run = Shop.merge(
      logs.map { MemorySourceDefinition(log: $0, transactionsPerBatch: 3) },
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
    let running = Task { try await run.run(until: .now) }
    var looks = 0
    while true {
      let content = target.content
      let promised = content.checkpoint?.watermark.microseconds ?? .min
      let seen = Set(
        content.journal.compactMap { record -> Int64? in
          guard case .int(let key)? = record.after?.first else { return nil }
          return key
        })
      let missing = times.filter { $0.value <= promised && !seen.contains($0.key) }
      #expect(missing.isEmpty, "at \(promised): \(missing.prefix(3))")
      if !seen.isEmpty, promised > .min { looks += 1 }
      if seen.count == times.count { break }
      try await Task.sleep(nanoseconds: 300_000)
    }
    try await running.value
    #expect(looks > 1)
  }

  /// Writes to the logs in bursts, with clocks that differ and pauses of any length; returns how many rows.
  private static func write(_ logs: [MemoryLog], _ random: inout SeededRandom) async throws -> Int {
    var clocks = logs.map { _ in Int64.random(in: 0...50, using: &random) }
    var written: Int64 = 0
    for _ in 0..<60 {
      let index = Int.random(in: logs.indices, using: &random)
      if Int.random(in: 0..<6, using: &random) == 0 {
        logs[index].promise(EventTime(microseconds: clocks[index]))
        continue
      }
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        clocks[index] += Int64.random(in: 1...20, using: &random)
        written += 1
        logs[index].append(MergeTests.transaction(clocks[index], written))
      }
      if Bool.random(using: &random) {
        try await Task.sleep(nanoseconds: UInt64.random(in: 0...2_000_000, using: &random))
      }
    }
    return Int(written)
  }
}

/// A sink that checks every promise that it is given.
private final class WatermarkWitness: SinkDefinition {
  private struct State {
    var checkpoint: Checkpoint?
    var keys: [Int64] = []
    var problems: [String] = []
  }

  private let state = Mutex(State())

  var keys: [Int64] { state.withLock { $0.keys } }
  var problems: [String] { state.withLock { $0.problems } }

  func makeSink(_ context: ConnectorContext) throws -> any Sink { WitnessSink(witness: self) }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    SinkPlan(target: "witness")
  }

  fileprivate var position: Position? { state.withLock { $0.checkpoint?.position } }

  fileprivate func see(_ batch: Batch, _ parts: Range<Int>) -> [Int64] {
    state.withLock { state in
      let promised = state.checkpoint?.watermark ?? .distantPast
      for part in batch.transactions[parts] where part.commitTime <= promised {
        state.problems.append(
          "\(part.commitTime.microseconds) of source \(part.source) behind \(promised.microseconds)")
      }
    }
    return batch.transactions[parts].flatMap { part in
      batch.changes[part.range].map { batch.cells[Int($0.after)].int }
    }
  }

  fileprivate func commit(_ keys: [Int64], _ checkpoint: Checkpoint) {
    state.withLock { state in
      state.keys += keys
      let before = state.checkpoint?.watermark ?? .distantPast
      state.checkpoint = checkpoint
      // As every target does: what was promised stays promised.
      state.checkpoint?.watermark = max(before, checkpoint.watermark)
    }
  }

  fileprivate func complain(_ problem: String) { state.withLock { $0.problems.append(problem) } }
}

private final class WitnessSink: Sink {
  private let witness: WatermarkWitness
  private var keys: [Int64] = []
  private var watermark = EventTime.distantPast

  init(witness: WatermarkWitness) { self.witness = witness }

  var traits: SinkTraits { SinkTraits(groupBytes: 1) }
  func open() async throws -> Position? { witness.position }
  func close() async {}
  func write(_ batch: Batch, parts: Range<Int>) async throws { keys += witness.see(batch, parts) }

  func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    if checkpoint.watermark < watermark {
      witness.complain("\(checkpoint.watermark.microseconds) after \(watermark.microseconds)")
    }
    watermark = checkpoint.watermark
    witness.commit(keys, checkpoint)
    defer { keys = [] }
    return Receipt(outcomes: [Shop.orders.name: Outcome(delivered: UInt64(keys.count))])
  }
}
