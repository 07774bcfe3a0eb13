import Change
import Foundation
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Whole pipelines with windows, whose sinks fail and come back.
@Suite(.timeLimit(.minutes(2))) struct WindowPipelineTests {
  private static let block = WindowTrial.block(
    "event_time: happened, max_delay: 5s, allowed_lateness: 20s, window: { tumbling: 30s }, group_by: [status],"
      + " aggregate: { n: count(), total: sum(amount), most: max(amount) }, trigger: { early: 3, late: each }")

  private static func work(_ seed: UInt64) -> [MemoryTransaction] {
    RandomWindowTests.Workload(seed: seed, transactions: 150, disorder: 20).log
  }

  private static func results(_ target: MemoryTarget) -> [MemoryTarget.Record] {
    target.content.journal.filter { $0.table != WindowTrial.orders.name }.map { record in
      var record = record
      record.commit = 0
      return record
    }
  }

  private static func run(
    _ log: [MemoryTransaction], into targets: [MemoryTarget], _ directory: String, perBatch: Int = 3,
    groupBytes: Int = 1
  ) async throws -> PipelineRun {
    let run = Shop.run(
      MemorySourceDefinition(log: MemoryLog(log), transactionsPerBatch: perBatch),
      into: targets.enumerated().map {
        ("copy\($0)", MemorySinkDefinition(target: $1, traits: SinkTraits(groupBytes: groupBytes)))
      },
      windows: try WindowTrial.definitions(block), stateDirectory: directory)
    try await run.run(until: .now)
    return run
  }

  private func time(of record: MemoryTarget.Record) -> Int64? {
    record.after?.lazy.compactMap { if case .timestamp(let time) = $0 { time } else { nil } }.first
  }

  @Test func resultsComeBesideThePlainCopyAndAreAccountedFor() async throws {
    try await withStateDirectory { directory in
      let target = MemoryTarget()
      let log = WindowPipelineTests.work(1)
      let run = try await WindowPipelineTests.run(log, into: [target], directory)
      let sink = try #require(run.report.sinks["copy0"])
      #expect(sink.accounting.unaccounted == 0)
      #expect(sink.tables["shop.orders"]?.delivered == UInt64(log.reduce(0) { $0 + $1.changes.count }))
      #expect((sink.tables["shop.revenue"]?.delivered ?? 0) > 10)
      #expect(run.report.stages["window"] != nil)
      let window = try #require(run.report.windows?["revenue"])
      let times = target.content.journal.filter { $0.table == WindowTrial.orders.name }.compactMap(time)
      // The latest row, less max_delay.
      #expect(window.watermarkUs == times.max().map { $0 - 5_000_001 })
      #expect(window.kept > 0 && window.stateBytes > 0)
      #expect(window.late == UInt64(target.content.journal.count { $0.table == WindowTrial.late }))
      #expect(target.content.checkpoint?.position.text == "\(log.count)")
    }
  }

  @Test(arguments: 0..<5) func everyResultIsDeliveredOnceWhateverFails(_ seed: Int) async throws {
    let log = WindowPipelineTests.work(UInt64(seed))
    let whole = MemoryTarget()
    try await withStateDirectory { directory in
      _ = try await WindowPipelineTests.run(log, into: [whole], directory, perBatch: 7)
    }
    try await withStateDirectory { directory in
      var random = SeededRandom(seed: UInt64(seed))
      let targets = [MemoryTarget(), MemoryTarget()]
      for target in targets {
        for step in [MemoryFaults.Step.write, .commit, .committed] {
          for visit in Set((0..<3).map { _ in Int.random(in: 2...60, using: &random) }) {
            target.faults.fail(step, visit: visit, with: Failure(.conflict, "ordered by the test"))
          }
        }
      }
      let run = try await WindowPipelineTests.run(log, into: targets, directory)
      #expect(run.status.retries > 0)
      for target in targets {
        #expect(WindowPipelineTests.results(target) == WindowPipelineTests.results(whole))
        #expect(target.content.journal.count == whole.content.journal.count)
      }
      #expect(run.status.sinks.allSatisfy { $0.reading.unaccounted == 0 })
    }
  }

  @Test func aPipelineGoesOnWhereItEnded() async throws {
    let log = WindowPipelineTests.work(5)
    let whole = MemoryTarget()
    try await withStateDirectory { directory in
      _ = try await WindowPipelineTests.run(log, into: [whole], directory)
    }
    try await withStateDirectory { directory in
      let target = MemoryTarget()
      for end in [10, 11, 60, 149, 150, 150] {
        _ = try await WindowPipelineTests.run(Array(log[..<end]), into: [target], directory, groupBytes: 1 << 20)
      }
      #expect(WindowPipelineTests.results(target) == WindowPipelineTests.results(whole))
    }
  }

  @Test func aSinkThatKeepsNoCheckpointGoesOnWithTheOthers() async throws {
    let log = WindowPipelineTests.work(8)
    let whole = MemoryTarget()
    try await withStateDirectory { directory in
      _ = try await WindowPipelineTests.run(log, into: [whole], directory)
    }
    try await withStateDirectory { directory in
      let target = MemoryTarget()
      var told: [TransformedRow] = []
      for end in [50, 100, 150] {
        let journal = Journal()
        let run = Shop.run(
          MemorySourceDefinition(log: MemoryLog(Array(log[..<end]))),
          into: [("copy", MemorySinkDefinition(target: target)), ("journal", journal)],
          windows: try WindowTrial.definitions(WindowPipelineTests.block), stateDirectory: directory)
        try await run.run(until: .now)
        told += journal.changes.map(\.row).filter { $0.table == WindowTrial.results }
      }
      #expect(WindowPipelineTests.results(target) == WindowPipelineTests.results(whole))
      #expect(told.count >= WindowPipelineTests.results(whole).count { $0.table == WindowTrial.results })
    }
  }

  @Test func aStateThatIsGoneIsRefusedAndNotReplacedByNothing() async throws {
    try await withStateDirectory { directory in
      let target = MemoryTarget()
      let log = WindowPipelineTests.work(6)
      _ = try await WindowPipelineTests.run(Array(log[..<50]), into: [target], directory)
      try FileManager.default.removeItem(atPath: directory + "/windows.state")
      let failure = await #expect(throws: Failure.self) {
        _ = try await WindowPipelineTests.run(log, into: [target], directory)
      }
      #expect(failure?.code == .corruptState)
      #expect(failure?.hint.contains("windows.state") == true)
    }
  }

  @Test func aStateOfAnotherDefinitionIsRefused() async throws {
    try await withStateDirectory { directory in
      let target = MemoryTarget()
      let log = WindowPipelineTests.work(7)
      _ = try await WindowPipelineTests.run(Array(log[..<50]), into: [target], directory)
      let changed = Shop.run(
        MemorySourceDefinition(log: MemoryLog(log)), into: [("copy0", MemorySinkDefinition(target: target))],
        windows: try WindowTrial.definitions(
          WindowTrial.block("window: { tumbling: 1m }, aggregate: { n: count() }")), stateDirectory: directory)
      let failure = await #expect(throws: Failure.self) { try await changed.run(until: .now) }
      #expect(failure?.code == .configuration)
    }
  }

  @Test func windowsThatAreNewBeginWhereTheSinksAre() async throws {
    try await withStateDirectory { directory in
      let target = MemoryTarget()
      let log = (1...40).map { number in
        WindowTrial.transaction(
          Int64(number), [.insert(WindowTrial.orders, WindowTrial.order(Int64(number), "a", 100, at: Int64(number)))])
      }
      let plain = Shop.run(
        MemorySourceDefinition(log: MemoryLog(Array(log[..<10]))),
        into: [("copy0", MemorySinkDefinition(target: target))], stateDirectory: directory)
      try await plain.run(until: .now)
      _ = try await WindowPipelineTests.run(log, into: [target], directory)
      let held = try #require(target.content.tables[WindowTrial.results])
      #expect(
        held.rows.map { $0.map(WindowTrial.text)[..<4].joined(separator: " ") }.sorted() == ["0 30 a 19", "30 60 a 9"])
    }
  }
}
