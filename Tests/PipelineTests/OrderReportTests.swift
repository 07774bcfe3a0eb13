import Change
import Flow
import Foundation
import MemoryConnector
import Testing

@testable import Pipeline

/// What the order of several sources says of each: whose clock is behind, and who has kept the others waiting.
@Suite(.timeLimit(.minutes(1))) struct OrderReportTests {
  private static func run(_ logs: [MemoryLog], into target: MemoryTarget = MemoryTarget()) -> PipelineRun {
    Shop.merge(
      logs.map { MemorySourceDefinition(log: $0, transactionsPerBatch: 1) },
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
  }

  private static func end(_ run: PipelineRun, _ running: Task<Void, any Error>) async throws {
    run.requestStop()
    try await running.value
  }

  // MARK: Clocks

  @Test func theSkewIsHowFarAClockIsBehindTheOneThatIsFurthestAhead() async throws {
    // In seconds; the last source says nothing.
    let offsets: [Int64] = [0, 5, -3]
    let logs = (0..<4).map { _ in MemoryLog() }
    let run = OrderReportTests.run(logs)
    let running = Task { try await run.run(until: .never) }
    try await eventually { run.status.state == .running }
    for round in (0..<20).reversed() {
      for (source, offset) in offsets.enumerated() {
        // What was committed an hour ago, and is read now, says nothing of the clock.
        let time = WallClock.microseconds() + offset * 1_000_000 - (round == 19 ? 3_600_000_000 : 0)
        logs[source].append(MergeTests.transaction(time, Int64(source * 100 + round)))
      }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    try await eventually { run.status.sources.prefix(3).allSatisfy { $0.reading.transactions == 20 } }
    let report = run.report.sources
    let skew = ["a", "b", "c"].map { report[$0]?.clockSkewMs ?? -1 }
    let delay = ["a", "b", "c"].map { report[$0]?.leastDelayMs ?? -1 }
    #expect(skew[1] == 0)
    #expect(abs(skew[0] - 5000) < 1000, "\(skew)")
    #expect(abs(skew[2] - 8000) < 1000, "\(skew)")
    for (source, offset) in offsets.enumerated() {
      #expect(abs(skew[source] - (delay[source] - delay[1])) < 0.01)
      // Nothing is read before it was written, and this soon.
      #expect((0..<1000).contains(delay[source] + Double(offset) * 1000), "\(delay)")
    }
    #expect(report["d"]?.clockSkewMs == nil && report["d"]?.leastDelayMs == nil)
    let json = try #require(JSONSerialization.jsonObject(with: run.report.json()) as? [String: Any])
    let told = (json["sources"] as? [String: [String: Any]])?.compactMapValues { $0["clock_skew_ms"] as? Double }
    #expect(told == ["a": skew[0], "b": 0, "c": skew[2]])
    running.cancel()
    await #expect(throws: CancellationError.self) { try await running.value }
  }

  @Test func oneSourceHasNoSkewAndASnapshotTellsNoClock() async throws {
    let one = Shop.run(Shop.log(1...3), into: MemoryTarget())
    try await one.run(until: .now)
    #expect(one.report.sources["source"]?.clockSkewMs == nil)
    let copied = MemoryLog([MergeTests.transaction(WallClock.microseconds() + 60_000_000, 1, isSnapshot: true)])
    let live = MemoryLog([MergeTests.transaction(WallClock.microseconds(), 2)])
    let two = OrderReportTests.run([copied, live])
    try await two.run(until: .now)
    #expect(two.report.sources["a"]?.clockSkewMs == nil)
    #expect(two.report.sources["b"]?.clockSkewMs == 0)
  }

  // MARK: Waiting

  private func held(_ run: PipelineRun, _ source: String) -> Double { run.report.sources[source]?.heldSeconds ?? -1 }

  private func isHolder(_ run: PipelineRun, _ source: Int, since: UInt64 = 0) -> Bool {
    run.status.sources[source].reading.order.holdsSince.map { $0 >= since } ?? false
  }

  @Test func whoeverHoldsTheOthersBackIsNamedWithTheTimeThatItTook() async throws {
    let logs = [MemoryLog(), MemoryLog((1...10).map { MergeTests.transaction($0 * 10, $0) }), MemoryLog()]
    logs[2].promise(EventTime(microseconds: 1000))
    let target = MemoryTarget()
    let began = MonotonicTime.now()
    let run = OrderReportTests.run(logs, into: target)
    let running = Task { try await run.run(until: .never) }
    try await eventually { isHolder(run, 0) }
    let seen = MonotonicTime.now()
    #expect(run.status.holder(at: seen) == nil, "nobody is blamed for less than a second")
    try await Task.sleep(nanoseconds: 1_200_000_000)
    #expect(run.status.holder(at: MonotonicTime.now()) == "a")
    // Also while it goes on.
    #expect(held(run, "a") >= 1.2)
    let released = MonotonicTime.now()
    logs[0].promise(EventTime(microseconds: 500))
    try await target.wait { $0.journal.count == 10 }
    try await eventually { run.status.sources.allSatisfy { $0.reading.order.holdsSince == nil } }
    let first = held(run, "a")
    let most = Double(MonotonicTime.now() - began) / 1e9
    #expect(first >= Double(released - seen) / 1e9 && first <= most)
    // With nothing to leave nobody waits.
    try await Task.sleep(nanoseconds: 300_000_000)
    #expect(held(run, "a") == first && held(run, "b") == 0 && held(run, "c") == 0)
    #expect(run.status.holder(at: MonotonicTime.now()) == nil)

    // Now the second keeps the first waiting; the end of the run counts, too.
    let turned = MonotonicTime.now()
    logs[0].append(MergeTests.transaction(600, 100))
    try await eventually { isHolder(run, 1, since: turned) }
    let noted = MonotonicTime.now()
    try await Task.sleep(nanoseconds: 400_000_000)
    let stopped = MonotonicTime.now()
    try await OrderReportTests.end(run, running)
    #expect(held(run, "b") >= Double(stopped - noted) / 1e9)
    #expect(held(run, "b") <= Double(MonotonicTime.now() - turned) / 1e9)
    #expect(held(run, "a") == first && held(run, "c") == 0)
    let (last, json) = (held(run, "b"), try JSONSerialization.jsonObject(with: run.report.json()) as? [String: Any])
    let told = (json?["sources"] as? [String: [String: Any]])?.compactMapValues { $0["held_seconds"] as? Double }
    #expect(told == ["a": first, "b": last, "c": 0])
  }

  /// Time that was waited before an attempt failed, or was ended, is not lost with it.
  @Test func aWaitThatEndsWithItsAttemptCounts() async throws {
    let logs = [MemoryLog(), MemoryLog([MergeTests.transaction(10, 1)])]
    let run = OrderReportTests.run(logs)
    let running = Task { try await run.run(until: .never) }
    try await eventually { isHolder(run, 0) }
    try await Task.sleep(nanoseconds: 300_000_000)
    running.cancel()
    await #expect(throws: CancellationError.self) { try await running.value }
    let held = held(run, "a")
    #expect(held >= 0.3)
    try await Task.sleep(nanoseconds: 50_000_000)
    #expect(self.held(run, "a") == held)
  }

  @Test func aSourceThatIsSlowButGoesOnDoesNotSeemToStand() async throws {
    let logs = [MemoryLog(), MemoryLog((1...10).map { MergeTests.transaction($0 * 10, $0) })]
    let target = MemoryTarget()
    let run = OrderReportTests.run(logs, into: target)
    let running = Task { try await run.run(until: .never) }
    try await eventually { isHolder(run, 0) }
    for step in 1...9 {
      try await Task.sleep(nanoseconds: 30_000_000)
      let moved = MonotonicTime.now()
      logs[0].promise(EventTime(microseconds: Int64(step) * 10 + 5))
      try await target.wait { $0.journal.count == step }
      // It is waited for anew, behind what it let go.
      try await eventually { isHolder(run, 0, since: moved) }
    }
    #expect(held(run, "a") >= 9 * 0.03)
    running.cancel()
    await #expect(throws: CancellationError.self) { try await running.value }
  }

  @Test func aWaitBeginsOnceAndEndsForOneSourceBeforeItBeginsForAnother() {
    let meters = ["a", "b"].map(SourceMeter.init(name:))
    let readings = { meters.map(\.reading.order) }
    var hold = SourceHold(meters)
    hold.note(nil, now: 5)
    #expect(hold.current == nil)
    hold.note(0, now: 10)
    hold.note(0, now: 15)
    #expect(readings().map(\.holdsSince) == [10, nil])
    #expect(readings().map { $0.held(at: 18) } == [8, 0])
    hold.note(1, now: 20)
    #expect(readings().map(\.holdsSince) == [nil, 20])
    #expect(readings().map { $0.held(at: 25) } == [10, 5])
    hold.end(now: 27)
    hold.end(now: 30)
    #expect(readings().map(\.holdsSince) == [nil, nil])
    #expect(readings().map { $0.held(at: 40) } == [10, 7])
    hold.note(0, now: 50)
    hold.note(nil, now: 53)
    #expect(readings().map(\.heldNanoseconds) == [13, 7])
  }
}
