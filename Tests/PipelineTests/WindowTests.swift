import Change
import MemoryConnector
import Pipeline
import PipelineConfiguration
import Testing

@Suite(.timeLimit(.minutes(1))) struct WindowTests {
  private static let tumbling = "window: { tumbling: 1m }, group_by: [status]"
  private static let sums = "aggregate: { orders: count(), revenue: sum(amount) }"

  private static func order(_ id: Int64, _ status: String, _ cents: Int64?, _ seconds: Int64? = nil) -> [MemoryValue] {
    WindowTrial.order(id, status, cents, at: seconds)
  }

  @Test func aWindowOverCommitTimeIsToldWhenTheLogHasPassedItsEnd() throws {
    let log = [
      WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTests.order(1, "paid", 1250))]),
      WindowTrial.transaction(59, [.insert(WindowTrial.orders, WindowTests.order(2, "new", nil))]),
      WindowTrial.transaction(59, [.insert(WindowTrial.orders, WindowTests.order(3, "paid", 250))]),
      WindowTrial.transaction(60, [.insert(WindowTrial.orders, WindowTests.order(4, "paid", 100))]),
    ]
    let output = try WindowTrial.run(WindowTrial.block("\(WindowTests.tumbling), \(WindowTests.sums)"), log)
    #expect(
      output.rows.map(WindowTrial.told) == [
        "insert 0 60 paid 2 15.00 on_time 0 true", "insert 0 60 new 1 NULL on_time 0 true",
      ])
    #expect(output.plain.count == 4)
    #expect(output.numbers == [1])
  }

  @Test func anUpdateMovesARowFromOneWindowAndGroupToAnother() throws {
    let block = WindowTrial.block(
      "event_time: happened, max_delay: 5m, \(WindowTests.tumbling), \(WindowTests.sums), idle_after: 1s")
    let log = [
      WindowTrial.transaction(
        100,
        [
          .insert(WindowTrial.orders, WindowTests.order(1, "new", 1000, 10)),
          .insert(WindowTrial.orders, WindowTests.order(2, "new", 500, 20)),
        ]),
      WindowTrial.transaction(
        101,
        [
          .update(
            WindowTrial.orders, before: WindowTests.order(1, "new", 1000, 10),
            after: WindowTests.order(1, "paid", 1100, 70)),
          .delete(WindowTrial.orders, WindowTests.order(2, "new", 500, 20)),
        ]),
    ]
    let output = try WindowTrial.run(block, log, until: 1000)
    #expect(output.rows.map(WindowTrial.told) == ["insert 60 120 paid 1 11.00 on_time 0 true"])
  }

  @Test func sessionsThatEndTogetherAreToldOnceEach() throws {
    let block = WindowTrial.block(
      "event_time: happened, max_delay: 1m, allowed_lateness: 1h, window: { session: { gap: 5s } }, "
        + "group_by: [status], \(WindowTests.sums)")
    let log = [
      WindowTrial.transaction(
        200,
        [
          .insert(WindowTrial.orders, WindowTests.order(1, "a", 100, 0)),
          .insert(WindowTrial.orders, WindowTests.order(2, "a", 200, 100)),
        ]),
      WindowTrial.transaction(201, [.insert(WindowTrial.orders, WindowTests.order(3, "b", 300, 1000))]),
    ]
    let output = try WindowTrial.run(block, log)
    #expect(
      output.rows.map(WindowTrial.told) == [
        "insert 0 5 a 1 1.00 on_time 0 false", "insert 100 105 a 1 2.00 on_time 0 false",
      ])
  }

  /// The bound on memory must see what `min`, `max`, `distinct` and the like keep, and that it is gone with its rows.
  @Test func theStateCountsTheValuesThatItKeeps() throws {
    let block = WindowTrial.block("window: { tumbling: 1h }, aggregate: { different: count(distinct status) }")
    let rows = (Int64(1)...2000).map { WindowTests.order($0, "status \($0)", nil) }
    let windows = WindowSet(try WindowTrial.definitions(block))
    let log = [
      WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTests.order(0, "", nil))]),
      WindowTrial.transaction(20, rows.map { .insert(WindowTrial.orders, $0) }),
      WindowTrial.transaction(30, rows.map { .delete(WindowTrial.orders, $0) }),
    ]
    var bytes: [Int] = []
    for batch in WindowTrial.batches(log, WindowTrial.Cutting(transactions: 1)) {
      _ = try windows.take(batch)
      if !windows.isInsideTransaction { bytes.append(windows.byteCount) }
    }
    #expect(bytes.count == 3 && bytes[1] - bytes[0] > 2000 * 100 && bytes[2] == bytes[0])
  }

  @Test func updatesOfARowLeaveNoTimersBehind() throws {
    let block = WindowTrial.block(
      "event_time: happened, max_delay: 1h, window: { session: { gap: 10s } }, aggregate: { newest: last(amount) }")
    let row = { (cents: Int64) in WindowTrial.order(1, "a", cents, at: 5) }
    var changes: [MemoryChange] = [.insert(WindowTrial.orders, row(0))]
    for cents in Int64(1)...30_000 {
      changes.append(.update(WindowTrial.orders, before: row(cents - 1), after: row(cents)))
    }
    let windows = WindowSet(try WindowTrial.definitions(block))
    var output = WindowTrial.Output()
    try WindowTrial.run(windows, [WindowTrial.transaction(10, changes)], into: &output)
    #expect(windows.byteCount < 30_000 * 24 / 2)
  }

  @Test func everyAggregateIsRightAfterItsExtremeWent() throws {
    let block = WindowTrial.block(
      """
      event_time: happened, max_delay: 1h, idle_after: 1s, window: { tumbling: 1m }, aggregate: {
        rows: count(), known: count(amount), different: count(distinct status), total: sum(amount), mean: avg(amount),
        least: min(amount), most: max(amount), oldest: first(status), newest: last(status), spread: stddev(amount),
        middle: "percentile(amount, 0.5)", doubled: sum(amount * 2) }
      """)
    let rows = [
      WindowTests.order(1, "a", 100, 5), WindowTests.order(2, "b", 400, 3), WindowTests.order(3, "c", nil, 4),
      WindowTests.order(4, "b", 900, 9), WindowTests.order(5, "a", 200, 7),
    ]
    let log = [
      WindowTrial.transaction(10, rows.map { .insert(WindowTrial.orders, $0) }),
      WindowTrial.transaction(11, [.delete(WindowTrial.orders, rows[3]), .delete(WindowTrial.orders, rows[1])]),
    ]
    let output = try WindowTrial.run(block, log, until: 10_000)
    let told = try #require(output.rows.first?.after)
    #expect(output.rows.count == 1)
    let texts = told.map(WindowTrial.text)
    #expect(Array(texts[2..<11]) == ["3", "2", "2", "3.00", "1.500000", "1.00", "2.00", "c", "a"])
    #expect(abs((Double(texts[11]) ?? 0) - 0.7071067811865476) < 1e-12)
    #expect(abs((Double(texts[12]) ?? 0) - 1) < 0.011)
    #expect(texts[13] == "6.00")
  }

  @Test func aHoppingWindowCountsEachRowInEachOfItsWindows() throws {
    let log = [
      WindowTrial.transaction(70, [.insert(WindowTrial.orders, WindowTests.order(1, "a", 100))]),
      WindowTrial.transaction(130, [.insert(WindowTrial.orders, WindowTests.order(2, "a", 100))]),
    ]
    let block = WindowTrial.block("window: { hopping: { size: 2m, every: 1m } }, \(WindowTests.sums)")
    let output = try WindowTrial.run(block, log, until: 1000)
    #expect(
      output.rows.map(WindowTrial.told) == [
        "insert 0 120 1 1.00 on_time 0 true", "insert 60 180 2 2.00 on_time 0 true",
        "insert 120 240 1 1.00 on_time 0 true",
      ])
  }

  @Test func aCumulativeWindowGrowsUntilItsSize() throws {
    let log = [
      WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTests.order(1, "a", 100))]),
      WindowTrial.transaction(70, [.insert(WindowTrial.orders, WindowTests.order(2, "a", 100))]),
    ]
    let block = WindowTrial.block("window: { cumulative: { size: 3m, every: 1m } }, \(WindowTests.sums)")
    let output = try WindowTrial.run(block, log, until: 1000)
    #expect(
      output.rows.map(WindowTrial.told) == [
        "insert 0 60 1 1.00 on_time 0 true", "insert 0 120 2 2.00 on_time 0 true",
        "insert 0 180 2 2.00 on_time 0 true",
      ])
  }

  @Test func anOffsetMovesTheWindowsOfTheCalendar() throws {
    let log = [WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTests.order(1, "a", 100))])]
    let block = WindowTrial.block("window: { tumbling: 1m, offset: 15s }, \(WindowTests.sums)")
    let output = try WindowTrial.run(block, log, until: 1000)
    #expect(output.rows.map(WindowTrial.told) == ["insert -45 15 1 1.00 on_time 0 true"])
  }

  @Test func sessionsJoinPartAndAreTakenBack() throws {
    let block = WindowTrial.block(
      "event_time: happened, allowed_lateness: 1h, window: { session: { gap: 10s } }, group_by: [status], "
        + WindowTests.sums)
    let row = { (id: Int64, time: Int64) in WindowTests.order(id, "a", 100, time) }
    let log = [
      WindowTrial.transaction(
        100, [.insert(WindowTrial.orders, row(1, 0)), .insert(WindowTrial.orders, row(2, 15))]),
      // The second is complete now, too.
      WindowTrial.transaction(101, [.insert(WindowTrial.orders, WindowTests.order(9, "b", 100, 60))]),
      // Joins them.
      WindowTrial.transaction(102, [.insert(WindowTrial.orders, row(3, 8))]),
      // Parts them again.
      WindowTrial.transaction(103, [.delete(WindowTrial.orders, row(3, 8))]),
      WindowTrial.transaction(104, [.delete(WindowTrial.orders, row(1, 0))]),
    ]
    let output = try WindowTrial.run(block, log)
    #expect(
      output.panes.map { $0.map(WindowTrial.told) } == [
        ["insert 0 10 a 1 1.00 on_time 0 false"], ["insert 15 25 a 1 1.00 on_time 0 false"],
        ["update 0 25 a 3 3.00 late 1 false", "delete 15 25 a 1 1.00 on_time 0 false"],
        ["update 0 10 a 1 1.00 late 2 false", "insert 15 25 a 1 1.00 late 0 false"],
        ["delete 0 10 a 1 1.00 late 2 false"],
      ])
  }

  @Test func aChangeWhoseWindowIsGoneGoesToTheLateTable() throws {
    let block = WindowTrial.block(
      "event_time: happened, allowed_lateness: 1m, \(WindowTests.tumbling), \(WindowTests.sums)")
    let log = [
      WindowTrial.transaction(100, [.insert(WindowTrial.orders, WindowTests.order(1, "a", 100, 10))]),
      WindowTrial.transaction(101, [.insert(WindowTrial.orders, WindowTests.order(2, "a", 100, 100))]),
      // Late, but its window is still kept.
      WindowTrial.transaction(102, [.insert(WindowTrial.orders, WindowTests.order(3, "a", 100, 20))]),
      WindowTrial.transaction(103, [.insert(WindowTrial.orders, WindowTests.order(4, "a", 100, 130))]),
      WindowTrial.transaction(104, [.insert(WindowTrial.orders, WindowTests.order(5, "a", 700, 30))]),
    ]
    let output = try WindowTrial.run(block, log)
    #expect(
      output.rows.filter { $0.table == WindowTrial.results }.map(WindowTrial.told) == [
        "insert 0 60 a 1 1.00 on_time 0 false", "update 0 60 a 2 2.00 late 1 false",
        "insert 60 120 a 1 1.00 on_time 0 false",
      ])
    let late = output.rows.filter { $0.table == WindowTrial.late }
    #expect(late.map(WindowTrial.told) == ["insert 1 60 129 1 5 a 7.00 30"])
    let stops = "event_time: happened, \(WindowTests.tumbling), \(WindowTests.sums), late: stop"
    let failure = failure { _ = try WindowTrial.run(WindowTrial.block(stops), log) }
    #expect(failure?.code == .limit)
  }

  @Test func aRowThatTheSourceDidNotLogWholeStopsTheWindow() throws {
    var before = WindowTests.order(1, "a", 100)
    before[2] = .absent
    let log = [
      WindowTrial.transaction(10, [.update(WindowTrial.orders, before: before, after: WindowTests.order(1, "a", 200))])
    ]
    let block = WindowTrial.block("\(WindowTests.tumbling), \(WindowTests.sums)")
    #expect(failure { _ = try WindowTrial.run(block, log) }?.code == .badValue)
  }

  @Test func theRowsOfATableCanBeReplacedByItsWindows() throws {
    let log = [WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTests.order(1, "a", 100))])]
    let block = WindowTrial.block("instead: true, \(WindowTests.tumbling), \(WindowTests.sums)")
    let output = try WindowTrial.run(block, log, until: 100)
    #expect(output.plain.isEmpty)
    #expect(output.rows.count == 1)
  }

  @Test(arguments: [
    "window: { tumbling: 1m }, aggregate: { n: sum(nothing) }",
    "window: { tumbling: 1m }, aggregate: { n: sum(status) }",
    "window: { tumbling: 1m }, group_by: [nothing], aggregate: { n: count() }",
    "window: { tumbling: 1m }, aggregate: { status: count() }, group_by: [status]",
    "window: { tumbling: 1m }, event_time: status, aggregate: { n: count() }",
  ])
  func aWindowThatDoesNotFitItsTableIsRefused(_ rest: String) throws {
    let log = [WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTests.order(1, "a", 100))])]
    let failure = failure { _ = try WindowTrial.run(WindowTrial.block(rest), log) }
    #expect(failure?.code == .configuration || failure?.code == .schemaMismatch)
    #expect(failure?.place.hasPrefix("p.yaml:4:") == true)
  }

  @Test(arguments: [
    "window: { tumbling: 1m }, aggregate: { n: summ(amount) }", "window: { tumbling: 0s }, aggregate: { n: count() }",
    "window: {}, aggregate: { n: count() }",
    "window: { tumbling: 1m, session: { gap: 1s } }, aggregate: { n: count() }",
    "window: { tumbling: 1m }, aggregate: { n: 'percentile(amount, 2)' }", "window: { tumbling: 1m }, aggregate: {}",
    "window: { tumbling: 1m }, aggregate: { n: count() }, max_delay: 1s",
    "window: { hopping: { size: 1m, every: 2m } }, aggregate: { n: count() }",
    "window: { cumulative: { size: 3m, every: 2m } }, aggregate: { n: count() }",
    "window: { session: { gap: 1m } }, aggregate: { n: count() }, accumulation: discarding",
    "window: { tumbling: 1m }, aggregate: { n: count() }, table: shop.orders", "windov: { tumbling: 1m }",
  ])
  func aWrongDefinitionIsRefusedWithItsPlace(_ rest: String) throws {
    #expect(throws: PipelineProblems.self) { try WindowTrial.definitions(WindowTrial.block(rest)) }
  }
}
