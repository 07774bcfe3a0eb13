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

  @Test func aLateChangeIsSetAsideWithItsReason() throws {
    let block = WindowTrial.block(
      "event_time: happened, \(WindowTests.tumbling), \(WindowTests.sums), late: quarantine")
    let row = { (cents: Int64) in WindowTests.order(5, "a", cents, 30) }
    let log = [
      WindowTrial.transaction(100, [.insert(WindowTrial.orders, row(700))]),
      WindowTrial.transaction(101, [.insert(WindowTrial.orders, WindowTests.order(2, "a", 100, 130))]),
      WindowTrial.transaction(104, [.update(WindowTrial.orders, before: row(700), after: row(800))]),
    ]
    for remember in ["", ", remember: true"] {
      let output = try WindowTrial.run(block.dropLast(2) + remember + " }", log)
      let late = output.rows.filter { $0.table.table == "orders_freshet_quarantine" }.compactMap(\.after)
      try #require(late.count == 2)
      #expect(
        late.map { $0[..<5].map(WindowTrial.text) }
          == [1, 2].map { number in
            ["3 file 0 offset 2 row 0 window revenue \(number)", "shop.orders", "update", "{\"id\":5}", "limit"]
          })
      #expect(
        WindowTrial.text(late[0][5])
          == "window \"revenue\": a change came later than the window allows: a row to be taken back lay in one that ended at"
          + " 1970-01-01 00:01:00.000000, and the watermark was 1970-01-01 00:02:09.999999")
      #expect(WindowTrial.text(late[1][5]).contains("a row to be added"))
      // The change itself is delivered.
      #expect(output.plain.count == 3)
    }
  }

  @Test func theNameOfATableOfResultsIsRefusedAsThatOfOneOfTheSource() throws {
    let real = { (name: String) in
      TableSchema(name: TableName(namespace: "shop", table: name), columns: WindowTrial.orders.columns, key: [0])
    }
    let block = WindowTrial.block("event_time: happened, \(WindowTests.tumbling), \(WindowTests.sums)")
    for name in ["revenue", "Revenue", "revenue_late"] {
      let log = [WindowTrial.transaction(10, [.insert(real(name), WindowTests.order(1, "a", 100))])]
      #expect(failure { _ = try WindowTrial.run(block, log) }?.code == .configuration)
      #expect(
        failure {
          _ = try WindowSet.tables(of: WindowTrial.definitions(block), over: [WindowTrial.orders, real(name)])
        }?.code == .configuration)
    }
    let aside = [
      WindowTrial.transaction(10, [.insert(real("orders_freshet_quarantine"), WindowTests.order(1, "a", 100))])
    ]
    #expect(failure { _ = try WindowTrial.run(block, aside) } == nil)
    #expect(
      failure { _ = try WindowTrial.run(block.dropLast(2) + ", late: quarantine }", aside) }?.code == .configuration)
  }

  /// Of types that have no digits of their own, or more than results have.
  @Test func decimalsOfAnySizeAreTakenAsNumbersOrRefused() throws {
    let schema = { (type: ColumnType) in
      TableSchema(
        name: WindowTrial.orders.name,
        columns: [WindowTrial.orders.columns[0], ColumnSchema(name: "amount", type: type)], key: [0])
    }
    let block = { (rest: String) in WindowTrial.block("window: { tumbling: 1m }, \(rest)") }
    let bare = schema(.unboundedDecimal)
    let log = [
      WindowTrial.transaction(
        10, [.insert(bare, [.int(1), .decimal("1.5")]), .insert(bare, [.int(2), .decimal("-20.25")])])
    ]
    let output = try WindowTrial.run(
      block("aggregate: { least: min(amount), most: max(amount), oldest: first(amount), total: sum(amount) }"), log,
      until: 100)
    #expect(
      output.rows.map(WindowTrial.told) == [
        "insert 0 60 -20.2500000000 1.5000000000 1.5000000000 -18.7500000000 on_time 0 true"
      ])
    let grouped = failure { _ = try WindowTrial.run(block("group_by: [amount], aggregate: { n: count() }"), log) }
    #expect(grouped?.code == .configuration)
    #expect(grouped?.hint.contains("cast") == true)
    let long = schema(.decimal(precision: 60, scale: 50, unsigned: false))
    let refused = failure {
      _ = try WindowTrial.run(
        block("aggregate: { total: sum(amount) }"), [WindowTrial.transaction(10, [.insert(long, [.int(1), .null])])])
    }
    #expect(refused?.code == .configuration)
    #expect(refused?.hint.contains("cast") == true)
  }

  @Test(arguments: [
    MemoryValue.date(days: .max), .date(days: .min), .date(days: 2_000_000_000), .timestamp(microseconds: .max),
    .timestamp(microseconds: .min), .timestampZoned(microseconds: .max - 1),
  ])
  func anEventTimeBeyondAllWindowsIsRefusedAndNeverTraps(_ value: MemoryValue) throws {
    let type: ColumnType =
      switch value {
      case .date: .date
      case .timestamp: .timestamp(fraction: 6)
      default: .timestampZoned(fraction: 6)
      }
    let schema = TableSchema(
      name: WindowTrial.orders.name,
      columns: [WindowTrial.orders.columns[0], ColumnSchema(name: "happened", type: type)], key: [0])
    for window in ["tumbling: 1m", "hopping: { size: 1h, every: 1m }", "session: { gap: 1m }"] {
      let block = WindowTrial.block(
        "event_time: happened, max_delay: 1h, window: { \(window) }, aggregate: { n: count() }")
      let log = [WindowTrial.transaction(10, [.insert(schema, [.int(1), value])])]
      #expect(failure { _ = try WindowTrial.run(block, log) }?.code == .badValue)
    }
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
    "window: { tumbling: 1m }, aggregate: { n: sum(!nothing) }",
    "window: { tumbling: 1m }, aggregate: { n: !sum(status) }",
    "window: { tumbling: 1m }, group_by: [status, !nothing], aggregate: { n: count() }",
    "window: { tumbling: 1m }, event_time: !status, aggregate: { n: count() }",
    "window: { tumbling: 1m }, event_time: \"!updatd\", aggregate: { n: count() }",
  ])
  func aWindowThatDoesNotFitItsTableIsRefusedWhereItIsWrong(_ marked: String) throws {
    let log = [WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTests.order(1, "a", 100))])]
    let failure = failure { _ = try WindowTrial.run(WindowTrial.block(marked.replacing("!", with: "")), log) }
    let before = "windows: [\(WindowTrial.block(marked))".prefix { $0 != "!" }
    #expect(failure?.code == .configuration)
    #expect(failure?.place == "p.yaml:4:\(before.count + 1)")
  }

  @Test func twoResultsOfOneNameAreRefused() throws {
    let log = [WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTests.order(1, "a", 100))])]
    let block = WindowTrial.block("window: { tumbling: 1m }, aggregate: { status: count() }, group_by: [status]")
    let failure = failure { _ = try WindowTrial.run(block, log) }
    #expect(failure?.code == .configuration)
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
    "window: { tumbling: 1m }, aggregate: { n: count() }, table: shop.orders",
    "window: { tumbling: 1m }, aggregate: { n: count() }, table: shop.x_freshet_quarantine",
    "window: { tumbling: 1m }, aggregate: { n: count() }, late: quarantine",
    "window: { tumbling: 1m }, event_time: happened, aggregate: { n: count() }, late: nowhere",
    "window: { tumbling: 1m }, aggregate: { n: count() }, remember: perhaps", "windov: { tumbling: 1m }",
  ])
  func aWrongDefinitionIsRefusedWithItsPlace(_ rest: String) throws {
    #expect(throws: PipelineProblems.self) { try WindowTrial.definitions(WindowTrial.block(rest)) }
  }
}
