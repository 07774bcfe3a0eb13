import Change
import Foundation
import MemoryConnector
import Pipeline
import Testing

/// Several sources into one pipeline.
@Suite(.timeLimit(.minutes(1))) struct MergeTests {
  /// A transaction at a time that inserts one row with this key.
  static func transaction(_ time: Int64, _ keys: Int64..., isSnapshot: Bool = false) -> MemoryTransaction {
    MemoryTransaction(
      at: EventTime(microseconds: time),
      keys.map {
        isSnapshot ? .read(Shop.orders, [.int($0), .text("")]) : .insert(Shop.orders, [.int($0), .text("")])
      },
      isSnapshot: isSnapshot)
  }

  private static func log(_ transactions: (time: Int64, key: Int64)...) -> MemorySourceDefinition {
    MemorySourceDefinition(log: MemoryLog(transactions.map { transaction($0.time, $0.key) }))
  }

  @Test func transactionsComeByCommitTimeThenSourceThenPosition() async throws {
    let target = MemoryTarget()
    let run = Shop.merge(
      [
        MergeTests.log((10, 1), (20, 2), (20, 3), (50, 4)), MergeTests.log((5, 5), (20, 6), (30, 7)),
        MergeTests.log((20, 8), (21, 9), (60, 10)),
      ], into: [("copy", MemorySinkDefinition(target: target))])
    try await run.run(until: .now)
    #expect(Shop.keys(target) == [5, 1, 2, 3, 6, 8, 9, 7, 4, 10])
    #expect(target.content.checkpoint?.position.text == "a=4 b=3 c=3")
    #expect(run.report.sinks["copy"]?.position == ["a": "4", "b": "3", "c": "3"])
    #expect(run.report.sources.mapValues(\.rows) == ["a": 4, "b": 3, "c": 3])
    #expect(run.report.read.rows == 10)
    #expect(run.report.sinks["copy"]?.accounting.unaccounted == 0)
    #expect(Set(run.report.stages.keys) == ["source.a", "source.b", "source.c", "order", "deliver.copy"])
  }

  @Test func aRestartGoesOnInTheMiddleOfABatch() async throws {
    let target = MemoryTarget()
    let logs = [MemoryLog((1...9).map { MergeTests.transaction($0 * 10, $0) }), MemoryLog()]
    logs[1].append(MergeTests.transaction(35, 100))
    let sources = logs.map { MemorySourceDefinition(log: $0) }
    let first = Shop.merge(sources, into: [("copy", MemorySinkDefinition(target: target))])
    let running = Task { try await first.run(until: .never) }
    // What the second source has promised lets three of the nine pass, which came in one batch.
    try await target.wait { $0.journal.count == 4 }
    #expect(target.content.checkpoint?.position.text == "a=+3 b=1")
    running.cancel()
    await #expect(throws: CancellationError.self) { try await running.value }
    logs[1].append(MergeTests.transaction(55, 101))
    let second = Shop.merge(
      sources.map { MemorySourceDefinition(log: $0.log, transactionsPerBatch: 2) },
      into: [("copy", MemorySinkDefinition(target: target))])
    try await second.run(until: .now)
    #expect(Shop.keys(target) == [1, 2, 3, 100, 4, 5, 101, 6, 7, 8, 9])
    #expect(target.content.checkpoint?.position.text == "a=9 b=2")
  }

  @Test func sinksAtDifferentVectorsBothGetEverythingOnce() async throws {
    let logs = [
      MemoryLog((1...20).map { MergeTests.transaction($0 * 10, $0) }),
      MemoryLog((1...20).map { MergeTests.transaction($0 * 10 + 5, $0 + 100) }),
    ]
    let right = (1...20).flatMap { [Int64($0), Int64($0 + 100)] }
    let targets = [MemoryTarget(), MemoryTarget(), MemoryTarget()]
    let sources = logs.map { MemorySourceDefinition(log: $0) }
    for (target, time) in [(targets[0], 47), (targets[1], 123)] {
      try await Shop.merge(sources, into: [("copy", MemorySinkDefinition(target: target))])
        .run(until: .time(EventTime(microseconds: Int64(time))))
    }
    #expect(Shop.keys(targets[0]) == Array(right[..<8]))
    let run = Shop.merge(
      sources.map { MemorySourceDefinition(log: $0.log, transactionsPerBatch: 7) },
      into: targets.enumerated().map { ("copy\($0)", MemorySinkDefinition(target: $1)) })
    try await run.run(until: .now)
    for target in targets { #expect(Shop.keys(target) == right) }
    #expect(run.status.sinks.allSatisfy { $0.reading.unaccounted == 0 })
  }

  @Test func aTransactionInPiecesGoesThroughWithNothingBetween() async throws {
    let big = MemoryTransaction(
      at: EventTime(microseconds: 20),
      (0..<5000).map { .insert(Shop.orders, [.int(1000 + $0), .text(String(repeating: "x", count: 1000))]) })
    let target = MemoryTarget()
    let run = Shop.merge(
      [
        MemorySourceDefinition(log: MemoryLog([MergeTests.transaction(10, 1), big]), batchBytes: 64 << 10),
        MergeTests.log((15, 2), (20, 3), (25, 4)),
      ], into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
    try await run.run(until: .now)
    let right: [Int64] = [1, 2] + Array(1000..<6000) + [3, 4]
    #expect(Shop.keys(target) == right)
    let commits = Set(target.content.journal[2..<5002].map(\.commit))
    #expect(commits.count == 1)
  }

  @Test func aSnapshotGoesAtOnceAndTheWatermarkWaitsForIt() async throws {
    let copied = MemoryLog((1...5).map { MergeTests.transaction(1000, $0, isSnapshot: true) })
    let live = MemoryLog([MergeTests.transaction(10, 100), MergeTests.transaction(20, 101)])
    let target = MemoryTarget()
    let run = Shop.merge(
      [copied, live].map { MemorySourceDefinition(log: $0, transactionsPerBatch: 1) },
      into: [("copy", MemorySinkDefinition(target: target))])
    let running = Task { try await run.run(until: .never) }
    try await target.wait { $0.journal.count >= 5 }
    copied.append(MergeTests.transaction(2000, 6))
    live.promise(EventTime(microseconds: 3000))
    try await target.wait { $0.journal.count == 8 }
    #expect(Set(Shop.keys(target)) == [1, 2, 3, 4, 5, 6, 100, 101])
    run.requestStop()
    try await running.value
  }

  @Test func aSourceThatIsSilentHoldsTheOthersBackForAWhileOnly() async throws {
    let silent = MemoryLog([MergeTests.transaction(5, 1)])
    let busy = MemoryLog((1...10).map { MergeTests.transaction($0 * 10, 100 + $0) })
    let target = MemoryTarget()
    let run = Shop.merge(
      [silent, busy].map { MemorySourceDefinition(log: $0) }, order: OrderSettings(idleAfter: 200_000_000),
      into: [("copy", MemorySinkDefinition(target: target))])
    let began = ContinuousClock.now
    let running = Task { try await run.run(until: .never) }
    try await eventually { run.status.sources[0].reading.order.holdsSince != nil }
    try await target.wait { $0.journal.count == 11 }
    #expect(ContinuousClock.now - began >= .milliseconds(200))
    #expect(run.status.sources[0].reading.order.isIdle)
    // It comes back behind what was promised for all: its commit counts as later.
    silent.append(MergeTests.transaction(50, 2))
    try await target.wait { $0.journal.count == 12 }
    #expect(Shop.keys(target).last == 2)
    try await eventually { run.status.sources[0].reading.order.late == 1 }
    run.requestStop()
    try await running.value
    #expect(run.report.sources["a"]?.late == 1)
  }

  @Test func aLateTransactionStopsThePipelineWhereThatIsWanted() async throws {
    let silent = MemoryLog([MergeTests.transaction(5, 1)])
    let busy = MemoryLog((1...10).map { MergeTests.transaction($0 * 10, 100 + $0) })
    let target = MemoryTarget()
    let run = Shop.merge(
      [silent, busy].map { MemorySourceDefinition(log: $0) },
      order: OrderSettings(idleAfter: 20_000_000, late: .stop), into: [("copy", MemorySinkDefinition(target: target))])
    let running = Task { try await run.run(until: .never) }
    try await target.wait { $0.journal.count == 11 }
    silent.append(MergeTests.transaction(50, 2))
    let failure = await #expect(throws: Failure.self) { try await running.value }
    #expect(failure?.code == .limit)
    #expect(failure?.message.contains("source \"a\"") == true)
    #expect(target.content.journal.count == 11)
  }

  @Test func aSourceThatRunsAheadIsSuspended() async throws {
    let text = String(repeating: "x", count: 100_000)
    let fast = MemoryLog((1...1500).map { Shop.transaction($0, text: text) })
    let run = Shop.merge(
      [fast, MemoryLog()].map { MemorySourceDefinition(log: $0, transactionsPerBatch: 1) },
      into: [("copy", MemorySinkDefinition(target: MemoryTarget()))])
    let running = Task { try await run.run(until: .never) }
    try await eventually { run.status.sources[0].reading.bytes > 1 << 20 }
    try await Task.sleep(nanoseconds: 200_000_000)
    #expect(run.status.sources[0].reading.bytes < 40 << 20)
    #expect(run.status.sources[1].reading.order.holdsSince != nil)
    running.cancel()
    await #expect(throws: CancellationError.self) { try await running.value }
  }

  @Test func checkpointsOfOtherSourcesAreRefused() async throws {
    let one = MemoryTarget()
    try await Shop.run(Shop.log(1...3), into: one).run(until: .now)
    let sources = [MergeTests.log((10, 1)), MergeTests.log((20, 2))]
    let several = Shop.merge(sources, into: [("copy", MemorySinkDefinition(target: one))])
    #expect(await #expect(throws: Failure.self) { try await several.run(until: .now) }?.code == .identity)
    let merged = MemoryTarget()
    try await Shop.merge(sources, into: [("copy", MemorySinkDefinition(target: merged))]).run(until: .now)
    let single = Shop.run(Shop.log(1...3), into: merged)
    #expect(await #expect(throws: Failure.self) { try await single.run(until: .now) }?.code == .identity)
    let renamed = Shop.merge(sources, names: ["a", "z"], into: [("copy", MemorySinkDefinition(target: merged))])
    let failure = await #expect(throws: Failure.self) { try await renamed.run(until: .now) }
    #expect(failure?.code == .identity)
    #expect(failure?.message.contains("\"b\"") == true)
  }

  @Test func aSourceThatIsAddedBeginsAnew() async throws {
    let target = MemoryTarget()
    let sources = [MergeTests.log((10, 1)), MergeTests.log((20, 2)), MergeTests.log((15, 3), (30, 4))]
    try await Shop.merge(Array(sources[..<2]), into: [("copy", MemorySinkDefinition(target: target))]).run(until: .now)
    try await Shop.merge(sources, into: [("copy", MemorySinkDefinition(target: target))]).run(until: .now)
    #expect(Shop.keys(target) == [1, 2, 3, 4])
    #expect(target.content.checkpoint?.position.text == "a=1 b=1 c=2")
  }

  @Test func aFailedSourceEndsTheAttemptAndAllGoOnFromTheVector() async throws {
    let target = MemoryTarget()
    for visit in [2, 4, 5] { target.faults.fail(.commit, visit: visit, with: Failure(.conflict, "a deadlock")) }
    let text = String(repeating: "x", count: 30_000)
    let logs: [MemoryLog] = (0..<3).map { source in
      let transactions: [MemoryTransaction] = (1...40).map { number in
        let time = EventTime(microseconds: Int64(number * 10 + source))
        return MemoryTransaction(at: time, [.insert(Shop.orders, [.int(Int64(number + source * 100)), .text(text)])])
      }
      return MemoryLog(transactions)
    }
    let run = Shop.merge(
      logs.map { MemorySourceDefinition(log: $0, transactionsPerBatch: 7) },
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
    try await run.run(until: .now)
    let right = (1...40).flatMap { (number: Int64) -> [Int64] in [number, number + 100, number + 200] }
    #expect(Shop.keys(target) == right)
    #expect(run.status.retries == 3)
  }

  @Test func noSourceEmptiesATableThatOthersFillAlsoAfterARestart() async throws {
    let change = SchemaChange(
      kind: .truncate, table: Shop.orders.name, before: Shop.orders, after: Shop.orders, statement: "")
    let logs = [MemoryLog([MergeTests.transaction(10, 1)]), MemoryLog([MergeTests.transaction(20, 2)])]
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-shared-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let target = MemoryTarget()
    func run() -> PipelineRun {
      Shop.merge(
        logs.map { MemorySourceDefinition(log: $0) }, into: [("copy", MemorySinkDefinition(target: target))],
        state: directory)
    }
    try await run().run(until: .now)
    logs[0].append(MemoryTransaction(at: EventTime(microseconds: 30), [.schema(change)]))
    let failure = await #expect(throws: Failure.self) { try await run().run(until: .now) }
    #expect(failure?.code == .schemaChange)
    #expect(target.content.tables[Shop.orders.name]?.rowCount == 2)
  }

  @Test func aPositionIsNoEndOfSeveralSources() async throws {
    let run = Shop.merge(
      [MergeTests.log((10, 1)), MergeTests.log((20, 2))], into: [("copy", MemorySinkDefinition(target: MemoryTarget()))]
    )
    #expect(await #expect(throws: Failure.self) { try await run.run(until: .position("1")) }?.code == .usage)
  }
}
