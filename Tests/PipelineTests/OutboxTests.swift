import Change
import MemoryConnector
import Pipeline
import Testing

struct OutboxTests {
  private static let outbox = TableSchema(
    name: TableName(namespace: "shop", table: "outbox"),
    columns: [
      ColumnSchema(name: "id", type: .uuid, isNullable: false),
      ColumnSchema(name: "aggregatetype", type: .text(length: 255), isNullable: false),
      ColumnSchema(name: "aggregateid", type: .text(length: 255)),
      ColumnSchema(name: "type", type: .text(length: 255)),
      ColumnSchema(name: "payload", type: .json),
    ], key: [0])

  private static func event(_ id: String, _ kind: String, _ aggregate: MemoryValue = .text("42")) -> [MemoryValue] {
    [.text(id), .text(kind), aggregate, .text("created"), .json("{\"a\":1}")]
  }

  @Test func eventsGoToATableForEachKindOfAggregate() throws {
    let chain = try TransformTrial.chain("{ outbox: { table: shop.outbox, route.topic.replacement: 'events.$1_v1' } }")
    let batch = try chain.apply(
      to: TransformTrial.batch([
        [
          .insert(OutboxTests.outbox, OutboxTests.event("e1", "order")),
          .delete(OutboxTests.outbox, OutboxTests.event("e1", "order")),
          .insert(OutboxTests.outbox, OutboxTests.event("e2", "customer")),
          .insert(Shop.orders, [.int(1), .text("new")]),
        ], [.insert(OutboxTests.outbox, OutboxTests.event("e3", "order", .text("43")))],
      ]))
    let rows = TransformTrial.rows(batch)
    #expect(
      rows.map(\.table.description) == ["events.order_v1", "events.customer_v1", "shop.orders", "events.order_v1"])
    #expect(rows[0].after == [.text("42"), .text("e1"), .text("created"), .json("{\"a\":1}")])
    #expect(rows[2].after == [.int(1), .text("new")])
    #expect(rows[3].after?.first == .text("43"))
    let schema = batch.schemas[Int(batch.changes[0].schema)]
    #expect(schema.columns.map(\.name) == ["aggregateid", "id", "type", "payload"])
    #expect(schema.key == [0])
    #expect(!schema.columns[0].isNullable)
    #expect(batch.accounts?.origins.allSatisfy { $0.namespace == "shop" } == true)
    #expect(batch.accounts?.dropped.map(\.count) == [1])
  }

  @Test(arguments: [
    ("route.by.field: kind", "p.yaml:4:62: `outbox` needs column \"kind\", which table \"shop.outbox\" does not have"),
    ("table.fields.additional: [id, paylod]", "p.yaml:4:76: `outbox` needs column \"paylod\""),
    ("route.by.field: payload", "p.yaml:4:62: `outbox` routes by column \"payload\""),
  ])
  func aColumnThatTheOutboxHasNotIsToldAtItsPlace(_ option: String, _ message: String) throws {
    let chain = try TransformTrial.chain("{ outbox: { table: shop.outbox, \(option) } }")
    let refused = failure { _ = try chain.schema(for: OutboxTests.outbox) }
    #expect(refused?.code == .configuration)
    #expect(refused?.description.hasPrefix(message) == true, "\(String(describing: refused))")
  }

  @Test func whatIsNoEventStopsThePipeline() throws {
    for row in [OutboxTests.event("e", ""), OutboxTests.event("e", "order", .null)] {
      #expect(
        failure {
          _ = try TransformTrial.apply("{ outbox: { table: shop.outbox } }", [.insert(OutboxTests.outbox, row)])
        }?
        .code == .badValue)
    }
    let row = OutboxTests.event("e", "order")
    let update = MemoryChange.update(OutboxTests.outbox, before: row, after: row)
    #expect(try TransformTrial.apply("{ outbox: { table: shop.outbox } }", [update]).isEmpty)
    #expect(
      failure {
        _ = try TransformTrial.apply(
          "{ outbox: { table: shop.outbox, table.op.invalid.behavior: fatal } }", [update])
      }?.code == .badValue)
  }

  @Test func eventsAreAccountedForAsRowsOfTheOutbox() async throws {
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(
        log: MemoryLog(
          (1...9).map { number in
            let row = OutboxTests.event("e\(number)", number % 2 == 0 ? "order" : "customer", .text("\(number)"))
            return MemoryTransaction(
              at: EventTime(microseconds: Int64(number)),
              [.insert(OutboxTests.outbox, row), .delete(OutboxTests.outbox, row)])
          })), into: [("copy", MemorySinkDefinition(target: target))],
      transforms: try TransformTrial.definitions("{ outbox: { table: shop.outbox } }"))
    try await run.run(until: .now)
    let account = try #require(run.report.sinks["copy"]?.tables["shop.outbox"])
    #expect(run.report.sinks["copy"]?.tables.count == 1)
    #expect(account.read == 18)
    #expect(account.delivered == 9)
    #expect(account.filtered == 9)
    #expect(Set(target.content.tables.keys.map(\.description)) == ["outbox.order", "outbox.customer"])
  }
}
