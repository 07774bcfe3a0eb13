import Change
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// The watermark of a window over a column, when rows come from several sources.
@Suite struct MergedWindowClockTests {
  /// One transaction with one row of a source, both in seconds.
  private struct Step {
    var commit: Int64
    var source: UInt16
    var happened: Int64
    var isSnapshot = false
  }

  private static let base = "event_time: happened, max_delay: 5s, window: { tumbling: 10s }, aggregate: { n: count() }"

  /// What is told behind each step, and what an advance of the clock behind them tells.
  private static func told(_ block: String, _ steps: [Step], until: Int64? = nil) throws -> [[String]] {
    let windows = WindowSet(try WindowTrial.definitions(WindowTrial.block(block)), sources: ["north", "south"])
    var told: [[String]] = []
    for (number, step) in steps.enumerated() {
      told.append(try take(step, number, windows))
      // What is stored and read again in between goes on alike.
      let copy = WindowSet(try WindowTrial.definitions(WindowTrial.block(block)), sources: ["north", "south"])
      try copy.decode(windows.encode([]), panes: windows.panes, log: windows.log)
      #expect(try copy.encode([]) == windows.encode([]))
    }
    if let until { told.append(texts(try windows.advance(to: EventTime(microseconds: until * 1_000_000)))) }
    return told
  }

  private static func take(_ step: Step, _ number: Int, _ windows: WindowSet) throws -> [String] {
    let row = WindowTrial.order(Int64(number), "a", 1, at: step.happened)
    let log = [
      MemoryTransaction(
        at: EventTime(microseconds: step.commit * 1_000_000),
        [step.isSnapshot ? .read(WindowTrial.orders, row) : .insert(WindowTrial.orders, row)],
        isSnapshot: step.isSnapshot)
    ]
    var told: [String] = []
    for batch in WindowTrial.batches(log, WindowTrial.Cutting()) {
      var parts = batch.transactions
      for index in parts.indices { parts[index].source = step.source }
      told += texts(
        try windows.take(Batch.relabel(batch, transactions: parts, position: MemoryPosition.position(behind: number))))
    }
    return told
  }

  private static func texts(_ batches: [Batch]) -> [String] {
    var output = WindowTrial.Output()
    for batch in batches { output.take(batch) }
    return output.rows.map { WindowTrial.told($0) }
  }

  @Test func theSourceThatIsFurthestBehindSaysWhatIsComplete() throws {
    let told = try MergedWindowClockTests.told(
      MergedWindowClockTests.base,
      [
        Step(commit: 100, source: 0, happened: 1), Step(commit: 101, source: 1, happened: 2),
        Step(commit: 102, source: 0, happened: 40), Step(commit: 103, source: 1, happened: 14),
        Step(commit: 104, source: 1, happened: 15),
      ])
    #expect(told == [[], [], [], [], ["insert 0 10 2 on_time 0 true"]])
  }

  @Test func aSourceWithoutARowHoldsNobodyBackUnlessItIsKnownForHowLong() throws {
    let steps = [Step(commit: 100, source: 0, happened: 1), Step(commit: 102, source: 0, happened: 40)]
    #expect(
      try MergedWindowClockTests.told(MergedWindowClockTests.base, steps).last == ["insert 0 10 1 on_time 0 true"])
    let patient = MergedWindowClockTests.base + ", idle_after: 20s"
    let told = try MergedWindowClockTests.told(patient, steps, until: 119)
    #expect(told.allSatisfy { $0.isEmpty })
    // Now the first source alone is waited for, which has said 34.
    #expect(try MergedWindowClockTests.told(patient, steps, until: 120).last == ["insert 0 10 1 on_time 0 true"])
    #expect(
      try MergedWindowClockTests.told(patient, steps, until: 200).last == [
        "insert 0 10 1 on_time 0 true", "insert 40 50 1 on_time 0 true",
      ])
  }

  @Test func aSourceThatHasFallenSilentIsWaitedForUntilItIsIdle() throws {
    let steps = [
      Step(commit: 100, source: 1, happened: 1), Step(commit: 101, source: 0, happened: 2),
      Step(commit: 115, source: 0, happened: 60), Step(commit: 119, source: 0, happened: 61),
      Step(commit: 121, source: 0, happened: 62),
    ]
    let told = try MergedWindowClockTests.told(MergedWindowClockTests.base + ", idle_after: 20s", steps)
    #expect(told == [[], [], [], [], ["insert 0 10 2 on_time 0 true"]])
    #expect(try MergedWindowClockTests.told(MergedWindowClockTests.base, steps, until: 9999).allSatisfy { $0.isEmpty })
  }

  @Test func rowsOfASnapshotMoveNoWatermark() throws {
    let told = try MergedWindowClockTests.told(
      MergedWindowClockTests.base,
      [
        Step(commit: 100, source: 0, happened: 1, isSnapshot: true),
        Step(commit: 100, source: 1, happened: 80, isSnapshot: true), Step(commit: 101, source: 0, happened: 90),
        Step(commit: 102, source: 1, happened: 2),
      ])
    #expect(told == [[], [], [], ["insert 0 10 2 on_time 0 true"]])
  }

  /// All that was there is known then: what nothing follows is told all the same.
  @Test func atTheEndOfASnapshotItsRowsSayWhatIsComplete() throws {
    let windows = WindowSet(
      try WindowTrial.definitions(WindowTrial.block(MergedWindowClockTests.base)), sources: ["north", "south"])
    windows.beginSnapshot()
    let steps = [
      Step(commit: 100, source: 0, happened: 40, isSnapshot: true),
      Step(commit: 100, source: 0, happened: 1, isSnapshot: true),
      Step(commit: 100, source: 1, happened: 26, isSnapshot: true),
      Step(commit: 100, source: 1, happened: 12, isSnapshot: true),
    ]
    for (number, step) in steps.enumerated() {
      #expect(try MergedWindowClockTests.take(step, number, windows).isEmpty)
    }
    // The source that is behind has said 20: the window of 26 stays open.
    #expect(
      MergedWindowClockTests.texts(try windows.endSnapshot()) == [
        "insert 0 10 1 on_time 0 true", "insert 10 20 1 on_time 0 true",
      ])
  }

  @Test func aStateOfOtherSourcesIsRefused() throws {
    let block = WindowTrial.block(MergedWindowClockTests.base)
    let windows = WindowSet(try WindowTrial.definitions(block), sources: ["north", "south"])
    let other = WindowSet(try WindowTrial.definitions(block), sources: ["north", "east"])
    let bytes = try windows.encode([])
    let failure = #expect(throws: Failure.self) { try other.decode(bytes, panes: 0, log: nil) }
    #expect(failure?.code == .corruptState)
  }

  /// Of a batch that ends inside a transaction, what its whole transactions bring about goes to the sinks before the rest.
  @Test func aBatchIsCutBehindTheLastTransactionThatEndsInIt() throws {
    let open = WindowTrial.transaction(
      20,
      (2...40).map {
        .insert(WindowTrial.orders, WindowTrial.order($0, "a", 1, at: 3))
      })
    let log = [
      WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTrial.order(1, "a", 1, at: 1))]), open,
    ]
    let batches = WindowTrial.batches(log, WindowTrial.Cutting(bytes: 900))
    #expect(batches.count > 1)
    let windows = WindowSet(
      try WindowTrial.definitions(
        WindowTrial.block(
          "window: { tumbling: 10s }, aggregate: { n: count() }, trigger: { early: 1 }")))
    let first = try windows.take(batches[0])
    // The whole transaction, its result, what is due before the next, and its beginning: all at the place behind the first.
    #expect(first.map { $0.transactions.count } == [1, 1, 1, 1])
    #expect(first.map { $0.transactions[0].ends } == [true, true, true, false])
    #expect(first.map { WindowPosition($0.position).panes } == [0, 1, 2, 2])
    #expect(first.map { WindowPosition($0.position).log.text } == ["1", "1", "1", "1"])
    #expect(windows.isInsideTransaction)
    var rest: [Batch] = []
    for batch in batches.dropFirst() { rest += try windows.take(batch) }
    #expect(WindowPosition(try #require(rest.last).position).panes > 1)
    let rows = (first + rest).reduce(0) { $0 + $1.changes.count { $0.operation == .insert } }
    #expect(rows >= 40)
  }
}
