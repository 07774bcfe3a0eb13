import Change
import MemoryConnector
import Pipeline
import Testing

/// Rows that a transform has no result for, with `on_bad_row: quarantine`.
@Suite(.timeLimit(.minutes(1))) struct RejectionTests {
  private static let number = "{ compute: { table: shop.orders, columns: { n: \"cast(state as signed)\" } } }"
  private static let large = "{ filter: { table: shop.orders, where: \"cast(state as signed) > 5\" } }"

  private static func row(_ id: Int64, _ state: String) -> [MemoryValue] { [.int(id), .text(state)] }

  private static func apply(_ blocks: String, _ changes: [MemoryChange]) throws -> [TransformedRow] {
    try TransformTrial.apply(blocks, changes, badRows: .quarantine)
  }

  @Test func aRowWithoutAResultIsSetAsideAndTheOthersGoOn() throws {
    let changes: [MemoryChange] = [
      .insert(Shop.orders, RejectionTests.row(1, "7")), .insert(Shop.orders, RejectionTests.row(2, "seven")),
      .insert(Shop.orders, RejectionTests.row(3, "8")),
    ]
    #expect(failure { _ = try TransformTrial.apply(RejectionTests.number, changes) }?.code == .badValue)
    let rows = try RejectionTests.apply(RejectionTests.number, changes)
    #expect(rows.map(\.table.table) == ["orders", "orders", "orders_freshet_quarantine"])
    #expect(rows.prefix(2).map(\.after) == [[.int(1), .text("7"), .int(7)], [.int(3), .text("8"), .int(8)]])
    let aside = try #require(rows.last?.after)
    #expect(
      Array(aside[0..<5]) == [
        .text("1 file 0 offset 0 row 0"), .text("shop.orders"), .text("insert"), .text("{\"id\":2}"), .text("badValue"),
      ])
    guard case .text(let reason) = aside[5] else { return #expect(Bool(false), "a reason is a text") }
    let block = "transforms: [\(RejectionTests.number)"
    let before = block[..<(try #require(block.firstRange(of: "cast")).lowerBound)]
    #expect(reason.hasPrefix("p.yaml:4:\(before.count + 1): an expression has no result"), "\(reason)")
    #expect(reason.contains("a text is not a value of the type that it is cast to"))
    #expect(!reason.contains("seven"))
  }

  @Test func aRowThatWasSetAsideComesInWithItsNextUpdateAndCanBeDeleted() throws {
    let (bad, good) = (RejectionTests.row(1, "seven"), RejectionTests.row(1, "7"))
    let changes: [MemoryChange] = [
      .update(Shop.orders, before: bad, after: good), .update(Shop.orders, before: good, after: bad),
      .delete(Shop.orders, bad),
    ]
    let computed = try RejectionTests.apply(RejectionTests.number, changes)
    #expect(computed.map(\.operation) == [.update, .delete, .insert])
    #expect(computed[0].before == bad + [.absent])
    #expect(computed[1].before == bad + [.absent])
    #expect(computed[2].after?[2] == .text("update"))
    let filtered = try RejectionTests.apply(RejectionTests.large, changes)
    #expect(filtered.map(\.operation) == [.update, .delete, .insert])
    #expect(filtered[2].table.table == "orders_freshet_quarantine")
  }

  @Test func aTableWithoutAKeyNeedsBothRows() throws {
    let heap = TableSchema(name: Shop.orders.name, columns: Shop.orders.columns, key: [])
    let (bad, good) = (RejectionTests.row(1, "seven"), RejectionTests.row(1, "7"))
    for blocks in [RejectionTests.number, RejectionTests.large] {
      let rows = try RejectionTests.apply(
        blocks, [.update(heap, before: bad, after: good), .delete(heap, bad), .insert(heap, good)])
      #expect(rows.map(\.table.table) == ["orders", "orders_freshet_quarantine", "orders_freshet_quarantine"])
      #expect(rows[1].after?[3] == .null)
    }
  }

  @Test func whatIsSetAsideFollowsItsTableAndShowsNothingThatIsHiddenLater() throws {
    let route = "{ route: { from: 'shop\\.(.*)', to: 'copy.$1' } }"
    let mask = "{ mask: { table: shop.orders, columns: { state: redact } } }"
    let change = [MemoryChange.insert(Shop.orders, RejectionTests.row(2, "seven"))]
    let routed = try RejectionTests.apply("\(RejectionTests.number), \(route)", change)
    #expect(routed.map(\.table.description) == ["copy.orders_freshet_quarantine"])
    #expect(routed[0].after?[3] == .text("{\"id\":2}"))
    let masked = try RejectionTests.apply("\(RejectionTests.number), \(mask)", change)
    #expect(masked[0].after?[3] == .null)
  }

  @Test func anEventWithoutAKeyIsSetAside() throws {
    let outbox = TableSchema(
      name: TableName(namespace: "shop", table: "outbox"),
      columns: ["id", "aggregatetype", "aggregateid", "type", "payload"].map {
        ColumnSchema(name: $0, type: .text(length: 50))
      }, key: [0])
    let event = { (id: String, key: MemoryValue) in
      MemoryChange.insert(outbox, [.text(id), .text("order"), key, .text("placed"), .text("{}")])
    }
    let rows = try RejectionTests.apply(
      "{ outbox: { table: shop.outbox } }", [event("a", .text("7")), event("b", .null), event("c", .text("8"))])
    #expect(
      rows.map(\.table.description)
        == ["outbox.event.order", "outbox.event.order", "shop.outbox_freshet_quarantine"])
    #expect(rows[2].after?[3] == .null, "a mask behind it may hide the key of a table that only the event names")
  }

  /// A snapshot's rows have no place in the log, and what a mask hides is no name for them.
  @Test func rowsOfASnapshotThatAreSetAsideKeepApart() async throws {
    let heap = TableSchema(name: Shop.orders.name, columns: Shop.orders.columns, key: [])
    let mask = "{ mask: { table: shop.orders, columns: { state: redact } } }"
    for (schema, blocks) in [(heap, RejectionTests.large), (Shop.orders, "\(RejectionTests.large), \(mask)")] {
      let log = MemoryLog(
        (0..<4).map { number in
          MemoryTransaction(
            at: EventTime(microseconds: 1),
            (1...3).map { .read(schema, RejectionTests.row(Int64(number * 3 + $0), "three")) }, isSnapshot: true)
        })
      let target = MemoryTarget()
      let run = Shop.run(
        MemorySourceDefinition(log: log, transactionsPerBatch: 2),
        into: [("copy", MemorySinkDefinition(target: target))],
        transforms: try TransformTrial.definitions(blocks), badRows: .quarantine)
      try await run.run(until: .now)
      let aside = target.content.tables.first { $0.key.table == "orders_freshet_quarantine" }
      #expect(aside?.value.rowCount == 12)
    }
  }

  @Test(arguments: [1, 3, 100]) func whatIsSetAsideIsCountedAsQuarantined(transactionsPerBatch: Int) async throws {
    let log = MemoryLog(
      (1...30).map { number in
        let row = RejectionTests.row(Int64(number), number % 3 == 0 ? "three" : "\(number)")
        return MemoryTransaction(at: EventTime(microseconds: Int64(number)), [.insert(Shop.orders, row)])
      })
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: log, transactionsPerBatch: transactionsPerBatch),
      into: [("copy", MemorySinkDefinition(target: target))],
      transforms: try TransformTrial.definitions("\(RejectionTests.number), \(RejectionTests.large)"),
      badRows: .quarantine)
    try await run.run(until: .now)
    let accounts = try #require(run.report.sinks["copy"]?.tables["shop.orders"])
    #expect(accounts.read == 30)
    #expect(accounts.quarantined == 10)
    #expect(accounts.filtered == 4)
    #expect(accounts.delivered == 16)
    #expect(accounts.unaccounted == 0)
    #expect(run.report.sinks["copy"]?.tables.count == 1)
    let aside = target.content.tables.first { $0.key.table == "orders_freshet_quarantine" }
    #expect(aside?.value.rowCount == 10)
  }
}
