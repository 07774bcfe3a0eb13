import Change
import KafkaMock
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// From a row of an outbox to the message that Debezium's outbox event router makes of it, under the same options.
@Suite(.serialized, .timeLimit(.minutes(1))) struct OutboxTests {
  private static let outbox = TableSchema(
    name: TableName(namespace: "shop", table: "outbox"),
    columns: [
      ColumnSchema(name: "id", type: .uuid, isNullable: false),
      ColumnSchema(name: "aggregatetype", type: .text(length: 255), isNullable: false),
      ColumnSchema(name: "aggregateid", type: .text(length: 255), isNullable: false),
      ColumnSchema(name: "type", type: .text(length: 255)), ColumnSchema(name: "payload", type: .text(length: 0)),
      ColumnSchema(name: "version", type: .integer(bits: 32, unsigned: false)),
      ColumnSchema(name: "created", type: .timestamp(fraction: 3)),
    ], key: [0])

  private static let orders = TableSchema(
    name: TableName(namespace: "shop", table: "orders"), columns: SinkBench.items.columns, key: [0])

  private static func id(_ number: Int) -> String { "406c07f3-26f0-4eea-a50c-10994006\(1000 + number)" }

  private static func event(
    _ number: Int, _ kind: String, _ aggregate: String, _ payload: MemoryValue
  ) -> MemoryChange {
    .insert(
      outbox,
      [
        .text(id(number)), .text(kind), .text(aggregate), .text("OrderCreated"), payload, .int(2),
        .timestamp(microseconds: 1_556_890_294_484_000),
      ])
  }

  /// Debezium's own example, with blanks and line breaks that must stay.
  private static let payload =
    "{\"id\": 1,\n \"lineItems\": [{\"item\": \"Debezium in Action\", \"totalPrice\": 39.98}]}"

  private func written(
    outbox: String = "", raw: String = "", _ events: [MemoryChange]
  ) async throws -> (broker: TestBroker, messages: (String) throws -> [TestBroker.Message]) {
    let broker = try TestBroker()
    let options = outbox.isEmpty ? "" : ", \(outbox)"
    // A real broker keeps the topics of other tests.
    let pipeline = RoutedPipeline(
      broker: broker,
      sink: "topic: '{pipeline}.{schema}.{table}', raw: { tables: 'outbox.*'\(raw.isEmpty ? "" : ", ")\(raw) }",
      transforms: "{ outbox: { table: shop.outbox\(options) } }")
    try await pipeline.run([events])
    return (broker, { try broker.messages("\(broker.prefix).\($0)") })
  }

  @Test func aMessageIsWhatDebeziumsRouterMakesOfTheRow() async throws {
    let (_, messages) = try await written([
      OutboxTests.event(1, "order", "1", .text(OutboxTests.payload)),
      .delete(OutboxTests.outbox, [.text(OutboxTests.id(1)), .text("order"), .text("1"), .null, .null, .null, .null]),
      OutboxTests.event(2, "customer", "7", .text("plain")),
      .insert(OutboxTests.orders, SinkBench.item(5, "a row")),
    ])
    let order = try #require(try messages("outbox.event.order").first)
    #expect(try messages("outbox.event.order").count == 1, "what is deleted from the outbox is no message")
    #expect(order.key == "1")
    #expect(order.payload == OutboxTests.payload)
    #expect(order.headers == ["id", OutboxTests.id(1)])
    let customer = try messages("outbox.event.customer")
    #expect(customer.map(\.key) == ["7"] && customer.map(\.payload) == ["plain"])
    // Rows of other tables keep the sink's format.
    let rows = try messages("shop.orders")
    #expect(rows.map(\.key) == [#"{"id":5}"#])
    #expect(rows.first?.payload?.contains(#""table":"orders""#) == true && rows.first?.headers == nil)
  }

  @Test func eventsOfAnAggregateStayInOneInTheirOrder() async throws {
    let broker = try TestBroker()
    let pipeline = RoutedPipeline(
      broker: broker, sink: "topic: '{pipeline}.{schema}.{table}', raw: { tables: 'outbox.*' }",
      transforms: "{ outbox: { table: shop.outbox } }")
    let topic = "\(broker.prefix).outbox.event.order"
    try await pipeline.run(
      (0..<20).map { [OutboxTests.event($0, "order", "\($0 % 4)", .text("\($0)"))] }, topics: [topic: 5])
    let messages = try broker.messages(topic)
    #expect(messages.count == 20)
    for aggregate in 0..<4 {
      let own = messages.filter { $0.key == "\(aggregate)" }.sorted { $0.offset < $1.offset }
      let key = Array("\(aggregate)".utf8)
      if broker.mock != nil {
        #expect(Set(own.map(\.partition)) == [Int(Murmur2.partition(of: key.span.bytes, count: 5))])
      }
      #expect(own.map(\.payload) == stride(from: aggregate, to: 20, by: 4).map { "\($0)" })
    }
  }

  @Test func additionalColumnsAreHeadersOrStandInTheEnvelope() async throws {
    let (_, messages) = try await written(
      outbox: "table.fields.additional.placement: 'type:header:eventType,version:header'",
      [OutboxTests.event(1, "order", "1", .text(OutboxTests.payload))])
    let header = try #require(try messages("outbox.event.order").first)
    #expect(header.headers == ["id", OutboxTests.id(1), "eventType", "OrderCreated", "version", "2"])
    #expect(header.payload == OutboxTests.payload)
    let (_, enveloped) = try await written(
      outbox: "table.fields.additional.placement: type:envelope:eventType, table.expand.json.payload: true",
      [OutboxTests.event(1, "order", "1", .text(#"{"id": 1}"#))])
    let envelope = try #require(try enveloped("outbox.event.order").first)
    #expect(envelope.headers == ["id", OutboxTests.id(1)])
    #expect(envelope.payload == #"{"payload":{"id": 1},"eventType":"OrderCreated"}"#)
  }

  @Test func theTimestampAndTheTombstoneAreThoseOfTheOptions() async throws {
    let (_, messages) = try await written(
      outbox: "table.field.event.timestamp: created, route.tombstone.on.empty.payload: true", raw: "timestamp: created",
      [OutboxTests.event(1, "order", "1", .text("x")), OutboxTests.event(2, "order", "1", .text("  "))])
    let found = try messages("outbox.event.order")
    #expect(found.map(\.ts) == [1_556_890_294_484, 1_556_890_294_484])
    #expect(found.map(\.payload) == ["x", nil])
    #expect(found.allSatisfy { $0.headers?.first == "id" && $0.headers?.count == 2 })
  }

  @Test func aTableWithoutTheColumnStopsAndIsNamed() async throws {
    let failure = try await SinkBench.failure {
      _ = try await written(raw: "value: paylod", [OutboxTests.event(1, "order", "1", .text("x"))])
    }
    #expect(failure?.code == .configuration)
    #expect(
      failure?.description.contains("paylod") == true && failure?.description.contains("outbox.event.order") == true)
  }

  @Test func theTopicOfARoutedTableIsMadeOfItsNewName() async throws {
    let broker = try TestBroker()
    let parts = (1...2).map { number in
      TableSchema(
        name: TableName(namespace: "shop", table: "orders_\(number)"), columns: SinkBench.items.columns, key: [0])
    }
    let other = TableSchema(
      name: TableName(namespace: "crm", table: "people"), columns: SinkBench.items.columns, key: [0])
    let pipeline = RoutedPipeline(
      broker: broker, sink: "topic: '{pipeline}.{schema}.{table}', headers: [schema, table]",
      transforms: #"{ route: { from: 'crm\.(.*)', to: 'sales.crm_$1' } }, "#
        + #"{ route: { from: 'shop\.orders_[0-9]+', to: sales.orders, merge: true } }"#)
    try await pipeline.run([
      [.insert(parts[0], SinkBench.item(1, "one")), .insert(parts[1], SinkBench.item(2, "two"))],
      [.insert(other, SinkBench.item(3, "three"))],
    ])
    let orders = try broker.messages("\(broker.prefix).sales.orders")
    #expect(Set(orders.map(\.key)) == [#"{"id":1}"#, #"{"id":2}"#])
    #expect(orders.allSatisfy { $0.header("__schema") == "sales" && $0.header("__table") == "orders" })
    #expect(orders.allSatisfy { $0.payload?.contains(#""schema":"sales","table":"orders""#) == true })
    #expect(try broker.messages("\(broker.prefix).sales.crm_people").map(\.key) == [#"{"id":3}"#])
    for old in ["shop.orders_1", "shop.orders_2", "crm.people"] {
      #expect(try broker.messages("\(broker.prefix).\(old)").isEmpty, "\(old)")
    }
  }

  @Test func aTemplateOfTheTableAloneMakesAnyTopicsName() async throws {
    let broker = try TestBroker()
    let pipeline = RoutedPipeline(
      broker: broker, sink: "topic: '\(broker.prefix)-{table}'",
      transforms: #"{ route: { from: 'shop\.(.*)', to: 'any.events-$1' } }"#)
    try await pipeline.run([[.insert(OutboxTests.orders, SinkBench.item(1))]])
    #expect(try broker.messages("\(broker.prefix)-events-orders").map(\.key) == [#"{"id":1}"#])
  }
}
