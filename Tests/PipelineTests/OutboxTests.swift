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
    #expect(rows[0].after == [.text("42"), .text("e1"), .json("{\"a\":1}")])
    #expect(rows[2].after == [.int(1), .text("new")])
    #expect(rows[3].after?.first == .text("43"))
    let schema = batch.schemas[Int(batch.changes[0].schema)]
    #expect(schema.columns.map(\.name) == ["aggregateid", "id", "payload"])
    #expect(schema.key == [0])
    #expect(!schema.columns[0].isNullable)
    #expect(batch.accounts?.origins.allSatisfy { $0.namespace == "shop" } == true)
    #expect(batch.accounts?.dropped.map(\.count) == [1])
  }

  @Test(arguments: [
    ("route.by.field: kind", "p.yaml:4:62: `outbox` needs column \"kind\", which table \"shop.outbox\" does not have"),
    (
      "table.fields.additional.placement: [type:header, paylod:header]",
      "p.yaml:4:95: `outbox` needs column \"paylod\""
    ),
    ("table.field.event.timestamp: type", "p.yaml:4:75: column \"type\" of table \"shop.outbox\" holds no date"),
    ("table.fields.additional.placement: type:header:ID", "p.yaml:4:81: `outbox` would give two columns"),
    (
      "table.fields.additional.placement: 'type:envelope:a,id:envelope:a'",
      "p.yaml:4:82: `outbox` would give two members"
    ),
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
    for behavior in ["warn", "error"] {
      let block = "{ outbox: { table: shop.outbox, table.op.invalid.behavior: \(behavior) } }"
      #expect(try TransformTrial.apply(block, [update]).isEmpty)
    }
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
    #expect(Set(target.content.tables.keys.map(\.description)) == ["outbox.event.order", "outbox.event.customer"])
  }

  // MARK: The options of Debezium's router

  /// The tables that events of these kinds go to.
  private static func tables(_ option: String, _ kinds: [String]) throws -> [String] {
    let block = "{ outbox: { table: shop.outbox\(option.isEmpty ? "" : ", ")\(option) } }"
    return try TransformTrial.apply(block, kinds.map { .insert(OutboxTests.outbox, OutboxTests.event("e", $0)) })
      .map(\.table.description)
  }

  /// `${` is what a pipeline file's environment begins with, and `$${` stands for it.
  @Test func aTopicIsNamedByCapturesWithNamesAndWithNumbers() throws {
    #expect(try OutboxTests.tables("", ["order"]) == ["outbox.event.order"])
    #expect(
      try OutboxTests.tables("route.topic.replacement: 'outbox.event.$${routedByValue}'", ["order"])
        == ["outbox.event.order"])
    #expect(try OutboxTests.tables("route.topic.replacement: 'a.b.$1.c'", ["x.y"]) == ["a.b.x.y.c"])
    #expect(
      try OutboxTests.tables(
        "route.topic.regex: '(?<area>[a-z]+)-(?<what>.*)', route.topic.replacement: '$${area}.$${what}_$1'",
        ["shop-order"]) == ["shop.order_shop"])
  }

  @Test func aTableOfEventsIsCutAtTheFirstDot() throws {
    let block = "{ outbox: { table: shop.outbox } }"
    let batch = try TransformTrial.chain(block).apply(
      to: TransformTrial.batch([[.insert(OutboxTests.outbox, OutboxTests.event("e", "order"))]]))
    #expect(batch.schemas[Int(batch.changes[0].schema)].name == TableName(namespace: "outbox", table: "event.order"))
  }

  @Test(arguments: [
    ("route.topic.replacement: 'events.$${kind}'", "with captures $0 to $9 or ${routedByValue}"),
    ("route.topic.replacement: 'events.$2'", "names capture $2, and \"route.topic.regex\" has 1"),
    ("route.topic.replacement: 'events'", "must be of the form schema.table"),
    ("route.topic.regex: '('", "is not a regular expression"),
    ("table.fields.additional.placement: type", "takes column:placement"),
    ("table.fields.additional.placement: 'type:'", "takes column:placement"),
    ("table.fields.additional.placement: type:partition", "in the header or in the envelope"),
    ("table.op.invalid.behavior: ignore", "ignore"),
    ("table.field.event.schema.version: version", "table.field.event.schema.version"),
  ])
  func anOptionThatMakesNoSenseIsRefused(_ option: String, _ message: String) {
    let problems = TransformTrial.problems("{ outbox: { table: shop.outbox, \(option) } }")
    #expect(problems.count == 1)
    #expect(problems.first?.description.contains(message) == true, "\(problems)")
  }

  private static let wide = TableSchema(
    name: TableName(namespace: "shop", table: "outbox"),
    columns: [
      ColumnSchema(name: "event", type: .text(length: 36), isNullable: false),
      ColumnSchema(name: "kind", type: .text(length: 255)), ColumnSchema(name: "owner", type: .text(length: 255)),
      ColumnSchema(name: "version", type: .integer(bits: 32, unsigned: false)),
      ColumnSchema(name: "body", type: .text(length: 0)), ColumnSchema(name: "created", type: .timestamp(fraction: 3)),
    ], key: [0])

  private static let names = """
    table.field.event.id: event, table.field.event.key: owner, table.field.event.payload: body, route.by.field: kind
    """

  private static func wideRows(_ options: String, _ bodies: [MemoryValue]) throws -> (TableSchema, [[MemoryValue]]) {
    let chain = try TransformTrial.chain("{ outbox: { table: shop.outbox, \(names), \(options) } }")
    let batch = try chain.apply(
      to: TransformTrial.batch([
        bodies.map {
          .insert(
            wide,
            [
              .text("e1"), .text("order"), .text("42"), .int(3), $0,
              .timestamp(microseconds: 1_700_000_000_123_000),
            ])
        }
      ]))
    return (batch.schemas[Int(batch.changes[0].schema)], TransformTrial.rows(batch).map { $0.after ?? [] })
  }

  @Test func columnsThatGoAlongHaveTheNamesOfMessagesParts() throws {
    let (schema, rows) = try OutboxTests.wideRows(
      "table.fields.additional.placement: 'version:header, kind:header:eventType,event:header:eventId', "
        + "table.field.event.timestamp: created", [.text("x"), .text("y")])
    #expect(schema.columns.map(\.name) == ["owner", "id", "payload", "version", "eventType", "eventId", "created"])
    #expect(schema.key == [0])
    let time = MemoryValue.timestamp(microseconds: 1_700_000_000_123_000)
    #expect(
      rows == ["x", "y"].map { [.text("42"), .text("e1"), .text($0), .int(3), .text("order"), .text("e1"), time] })
  }

  @Test func aPayloadThatIsJSONIsExpandedAndAnyOtherTextStaysAText() throws {
    let (schema, rows) = try OutboxTests.wideRows(
      "table.expand.json.payload: true",
      [.text("{\"a\": 1}"), .text("[1]"), .text("{broken"), .text("7"), .null, .text("")])
    #expect(schema.columns[2].type == .json)
    #expect(
      rows.map { $0[2] } == [
        .json("{\"a\": 1}"), .json("[1]"), .json("\"{broken\""), .json("\"7\""), .null, .json("\"\""),
      ])
  }

  @Test func columnsInTheEnvelopeStandBesideThePayload() throws {
    let placement = "table.fields.additional.placement: 'kind:envelope:type,version:envelope'"
    let bodies: [MemoryValue] = [.text("{\"a\":1}"), .text("it's \"x\""), .null]
    let (schema, rows) = try OutboxTests.wideRows(placement, bodies)
    #expect(schema.columns.map(\.name) == ["owner", "id", "payload"])
    #expect(schema.columns[2].type == .json)
    #expect(
      rows.map { $0[2] } == [
        .json(#"{"payload":"{\"a\":1}","type":"order","version":3}"#),
        .json(#"{"payload":"it's \"x\"","type":"order","version":3}"#),
        .json(#"{"payload":null,"type":"order","version":3}"#),
      ])
    let expanded = try OutboxTests.wideRows("table.expand.json.payload: true, \(placement)", bodies).1
    #expect(expanded.first?[2] == .json(#"{"payload":{"a":1},"type":"order","version":3}"#))
    #expect(expanded[1][2] == rows[1][2])
  }

  @Test func anEmptyPayloadIsNullWhereThatIsAskedFor() throws {
    let bodies: [MemoryValue] = [.text(" \n"), .text(""), .null, .text("{}")]
    #expect(try OutboxTests.wideRows("route.tombstone.on.empty.payload: false", bodies).1.map { $0[2] } == bodies)
    let (schema, rows) = try OutboxTests.wideRows("route.tombstone.on.empty.payload: true", bodies)
    #expect(rows.map { $0[2] } == [.null, .null, .null, .text("{}")])
    #expect(schema.columns[2].isNullable && schema.columns[2].type == .text(length: 0))
    let inEnvelope = try OutboxTests.wideRows(
      "route.tombstone.on.empty.payload: true, table.fields.additional.placement: version:envelope", bodies)
    #expect(inEnvelope.1.map { $0[2] } == [.null, .null, .null, .json(#"{"payload":"{}","version":3}"#)])
  }
}
