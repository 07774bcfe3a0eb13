import Change
import ConnectorConformance
import Pipeline
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

/// Foreign keys that the target declares: `lines` reference `orders`, and a snapshot reads `lines` first.
@Suite struct ReferenceTests {
  private let harness: SinkHarness
  private static let number = ColumnType.integer(bits: 32, unsigned: false)

  private static func schema(_ name: String, _ columns: [String]) -> TableSchema {
    TableSchema(
      name: TableName(namespace: "shop", table: name), columns: columns.map { ColumnSchema(name: $0, type: number) },
      key: [0])
  }

  private let lines = schema("lines", ["id", "parent"])
  private let orders = schema("orders", ["id"])

  init() throws { harness = try SinkHarness() }

  private func declare(_ action: String) throws {
    try harness.execute(
      """
      CREATE TABLE orders (id INTEGER PRIMARY KEY);
      CREATE TABLE lines (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES orders (id) \(action))
      """)
  }

  private func sink(_ steps: (SQLiteSink) async throws -> Void) async throws {
    let sink = harness.sink()
    _ = try await sink.open()
    do {
      try await steps(sink)
    } catch {
      await sink.close()
      throw error
    }
    await sink.close()
  }

  private func snapshot(_ sink: SQLiteSink, _ schema: TableSchema, _ cells: [Cell]) async throws {
    try await sink.deliver(harness.batch(isSnapshot: true) { $0.insert(schema, cells) }, harness.checkpoint(1))
  }

  @Test(arguments: ["", "ON DELETE CASCADE"], [false, true])
  func aSnapshotBringsTablesInAnyOrderAndItsReferencesHoldFromThenOn(_ action: String, _ restarts: Bool) async throws {
    try declare(action)
    try await sink { sink in
      try await snapshot(sink, lines, [.int(10), .int(1)])
      try await snapshot(sink, lines, [.int(20), .int(2)])
      if !restarts { try await finish(sink, action) }
    }
    if restarts { try await sink { try await finish($0, action) } }
    #expect(try harness.rows("SELECT * FROM lines") == ["20|2"])
    #expect(try harness.rows("SELECT * FROM _freshet_unchecked").isEmpty)
  }

  /// The rest of the snapshot; then changes of the log, of which the last breaks a reference.
  private func finish(_ sink: SQLiteSink, _ action: String) async throws {
    try await snapshot(sink, orders, [.int(1)])
    try await snapshot(sink, orders, [.int(2)])
    try await sink.deliver(
      harness.batch { builder in
        if action.isEmpty { builder.delete(lines, [.int(10), .int(1)]) }
        builder.delete(orders, [.int(1)])
      }, harness.checkpoint(2))
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(harness.batch { $0.insert(lines, [.int(30), .int(9)]) }, harness.checkpoint(3))
    }
    #expect(failure?.code == .badValue)
  }

  @Test func aCompleteSnapshotThatLacksReferencedRowsStopsAsOftenAsItIsTried() async throws {
    try declare("")
    try await sink { sink in
      try await snapshot(sink, lines, [.int(10), .int(1)])
      try await expectBroken(sink)
    }
    for _ in 0..<2 { try await sink { try await expectBroken($0) } }
    try harness.execute("INSERT INTO orders VALUES (1)")
    try await sink { sink in
      try await sink.deliver(harness.batch { $0.insert(lines, [.int(11), .int(1)]) }, harness.checkpoint(2))
    }
    #expect(try harness.rows("SELECT id FROM lines") == ["10", "11"])
  }

  private func expectBroken(_ sink: SQLiteSink) async throws {
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(harness.batch { $0.insert(lines, [.int(11), .null]) }, harness.checkpoint(2))
    }
    #expect(failure?.code == .badValue && failure?.message.contains("\"lines\"") == true)
  }

  @Test(arguments: [SchemaChange.Kind.drop, .truncate], ["ON DELETE CASCADE", "ON DELETE SET NULL"])
  func emptyingOrDroppingATableDoesNotReachRowsThatTheSourceKeeps(_ kind: SchemaChange.Kind, _ action: String)
    async throws
  {
    try declare(action)
    let change = SchemaChange(
      kind: kind, table: orders.name, before: orders, after: kind == .drop ? nil : orders, statement: "")
    try await sink { sink in
      try await sink.deliver(
        harness.batch { builder in
          builder.insert(orders, [.int(1)])
          builder.insert(lines, [.int(10), .int(1)])
        }, harness.checkpoint(1))
      let failure = await #expect(throws: Failure.self) {
        try await sink.deliver(harness.batch { $0.schemaChange(change) }, harness.checkpoint(2))
      }
      #expect(failure?.code == .schemaChange && failure?.message.contains("\"lines\"") == true)
    }
    #expect(try harness.rows("SELECT * FROM lines") == ["10|1"])
    // Rows that reference nothing are in nobody's way.
    try await sink { sink in
      try await sink.deliver(
        harness.batch { builder in
          builder.update(lines, [.int(10), .int(1)], [.int(10), .null])
          builder.schemaChange(change)
        }, harness.checkpoint(2))
    }
    #expect(try harness.rows("SELECT * FROM lines") == ["10|NULL"])
  }

  @Test func tablesThatAreDroppedTogetherAreDropped() async throws {
    try declare("ON DELETE CASCADE")
    try await sink { sink in
      try await sink.deliver(
        harness.batch { builder in
          builder.insert(orders, [.int(1)])
          builder.insert(lines, [.int(10), .int(1)])
          for schema in [orders, lines] {
            builder.schemaChange(
              SchemaChange(
                kind: .drop, table: schema.name, before: schema, after: nil, statement: "DROP TABLE `orders`, `lines`"))
          }
        }, harness.checkpoint(1))
    }
    #expect(try harness.rows("SELECT name FROM sqlite_schema WHERE name IN ('orders', 'lines')").isEmpty)
  }

  @Test func aNewSnapshotEmptiesAReferencedTableFirst() async throws {
    try declare("ON DELETE CASCADE")
    try await sink { sink in
      try await sink.deliver(
        harness.batch { builder in
          builder.insert(orders, [.int(1)])
          builder.insert(lines, [.int(10), .int(1)])
        }, harness.checkpoint(1))
      try await sink.deliver(
        harness.batch(isSnapshot: true) { builder in
          for schema in [orders, lines] {
            builder.schemaChange(
              SchemaChange(kind: .truncate, table: schema.name, before: schema, after: schema, statement: ""))
          }
          builder.insert(lines, [.int(20), .int(2)])
        }, harness.checkpoint(2))
      try await snapshot(sink, orders, [.int(2)])
    }
    #expect(try harness.rows("SELECT * FROM lines") == ["20|2"])
  }
}
