import Change
import ConnectorConformance
import Foundation
import Pipeline
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

@Suite struct MirrorTests {
  private static func schema(_ types: [ColumnType], key: [Int] = [0]) -> TableSchema {
    TableSchema(
      name: TableName(namespace: "shop", table: "t"),
      columns: types.enumerated().map { ColumnSchema(name: "c\($0)", type: $1) }, key: key)
  }

  private static let number = ColumnType.integer(bits: 64, unsigned: false)

  @Test func everyValueIsStoredExactly() async throws {
    let harness = try SinkHarness()
    let schema = Self.schema([
      Self.number, .integer(bits: 64, unsigned: true), .decimal(precision: 65, scale: 30, unsigned: false), .float32,
      .float64, .bytes(length: 0, padded: false), .date, .time(fraction: 6), .timestamp(fraction: 0),
      .timestampZoned(fraction: 6), .bit(width: 64), .timestamp(fraction: 3), .boolean, .text(length: 0),
    ])
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { builder in
        let long = "-12345678901234567890123456789012345.123456789012345678901234567890"
        let blob = builder.arena.count
        builder.arena.append(contentsOf: [0, 255, 39])
        builder.insert(
          schema,
          [
            .int(.min), .uint(.max), builder.text(long, tag: .decimal), .float32(0.1), .float64(-.infinity),
            .slice(.bytes, offset: blob, length: 3), .civil(CivilTime(year: 0, month: 0, day: 0)),
            .time(microseconds: -3_020_399_000_001), .timestamp(microseconds: -1_000_000),
            .timestampZoned(microseconds: 1), .bits(.max), .civil(CivilTime(year: 2023, month: 2, day: 30, hour: 1)),
            .boolean(true), builder.text("a'\u{0}b"),
          ])
      }, harness.checkpoint(1))
    await sink.close()
    #expect(
      try harness.rows("SELECT c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, hex(c13) FROM t") == [
        [
          "-9223372036854775808", "'18446744073709551615'",
          "'-12345678901234567890123456789012345.123456789012345678901234567890'", "\(Double(Float(0.1)))", "-inf",
          "x'00ff27'", "'0000-00-00'", "'-838:59:59.000001'", "'1969-12-31 23:59:59'", "'1970-01-01 00:00:00.000001Z'",
          "-1", "'2023-02-30 01:00:00.000'", "1", "'61270062'",
        ].joined(separator: "|")
      ])
  }

  @Test func rowsOfATableWithoutAKeyAreTakenOneAtATime() async throws {
    let harness = try SinkHarness()
    let schema = Self.schema([Self.number, .text(length: 9)], key: [])
    let sink = harness.sink()
    _ = try await sink.open()
    let receipt = try await sink.deliver(
      harness.batch { builder in
        for _ in 0..<3 { builder.insert(schema, [.int(1), .null]) }
        builder.insert(schema, [.int(2), builder.text("x")])
        builder.delete(schema, [.int(1), .null])
        builder.update(schema, [.int(1), .null], [.int(1), builder.text("y")])
      }, harness.checkpoint(1))
    #expect(receipt.outcomes == [schema.name: Outcome(delivered: 6)])
    try await sink.write(harness.batch { $0.delete(schema, [.int(9), .null]) }, parts: 0..<0)
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(harness.batch { $0.delete(schema, [.int(9), .null]) }, harness.checkpoint(2))
    }
    #expect(failure?.code == .badValue)
    await sink.close()
    #expect(try harness.rows("SELECT * FROM t ORDER BY c0, c1") == ["1|NULL", "1|'y'", "2|'x'"])
  }

  @Test func cascadesThatTheLogDoesNotHoldHappenAtTheTarget() async throws {
    let harness = try SinkHarness()
    try harness.execute(
      """
      CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER);
      CREATE TABLE t (c0 INTEGER PRIMARY KEY, c1 INTEGER REFERENCES items (id) ON DELETE CASCADE ON UPDATE CASCADE)
      """)
    let child = Self.schema([Self.number, Self.number])
    let parent = itemsSchema()
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { builder in
        builder.insert(parent, [.int(1), .null, .null])
        builder.insert(parent, [.int(2), .null, .null])
        builder.insert(child, [.int(10), .int(1)])
        builder.insert(child, [.int(20), .int(2)])
        builder.delete(parent, [.int(1), .null, .null])
        builder.insert(parent, [.int(1), .null, .null])
        builder.update(parent, [.int(2), .null, .null], [.int(3), .null, .null])
      }, harness.checkpoint(1))
    #expect(try harness.rows("SELECT * FROM t") == ["20|3"])
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(harness.batch { $0.insert(child, [.int(30), .int(99)]) }, harness.checkpoint(2))
    }
    #expect(failure?.code == .badValue)
    await sink.close()
    #expect(try harness.rows("SELECT position FROM _freshet_checkpoint") == ["'0-1-1'"])
  }

  @Test func hostileNamesAreNothingButNames() async throws {
    let harness = try SinkHarness()
    let name = "a\"b'`;--\n..\u{301}" + String(repeating: "😀", count: 50)
    let schema = TableSchema(
      name: TableName(namespace: "x\"", table: name),
      columns: [ColumnSchema(name: name, type: Self.number), ColumnSchema(name: "\"\u{301}", type: .text(length: 1))],
      key: [0])
    let sink = harness.sink { $0.tableName = "{schema}_{table}" }
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { builder in
        builder.insert(schema, [.int(1), builder.text("v")])
        builder.update(schema, [.int(1), builder.text("v")], [.int(1), .absent])
        builder.insert(schema, [.int(2), builder.text("w")])
      }, harness.checkpoint(1))
    await sink.close()
    #expect(try harness.rows("SELECT target FROM _freshet_table") == ["'x\"_\(name)'"])
    // By bytes: a quote and a combining accent are one character for Swift, and a quote for SQL.
    let quoted = { (name: String) in
      let doubled = name.utf8.flatMap { $0 == UInt8(ascii: "\"") ? [$0, $0] : [$0] }
      return "\"" + String(decoding: doubled, as: UTF8.self) + "\""
    }
    let columns = "\(quoted(name)), \(quoted("\"\u{301}"))"
    #expect(try harness.rows("SELECT \(columns) FROM \(quoted("x\"_" + name))") == ["1|'v'", "2|'w'"])
    #expect(
      try harness.rows(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_freshet%' ESCAPE '\\'")
        == ["1"])
    let nul = TableSchema(
      name: TableName(namespace: "a", table: "b\u{0}"), columns: schema.columns, key: [0])
    let next = harness.sink()
    _ = try await next.open()
    let failure = await #expect(throws: Failure.self) {
      try await next.write(harness.batch { $0.insert(nul, [.int(1), .null]) }, parts: 0..<1)
    }
    #expect(failure?.code == .targetShape)
    await next.close()
  }

  @Test(arguments: [
    ("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)", "amount"),
    ("CREATE TABLE items (id INTEGER PRIMARY KEY, name NUMERIC, amount INTEGER)", "name"),
    ("CREATE TABLE items (id INTEGER, name TEXT, amount INTEGER)", "id"),
    ("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER, more TEXT NOT NULL)", "more"),
  ]) func aTableOfAnotherShapeIsRefusedAndStaysAsItIs(_ definition: String, _ column: String) async throws {
    let harness = try SinkHarness()
    try harness.execute(definition)
    let sink = harness.sink()
    _ = try await sink.open()
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(
        harness.batch { $0.insert(itemsSchema(), [.int(1), .null, .null]) }, harness.checkpoint(1))
    }
    #expect(failure?.code == .targetShape)
    #expect(failure?.message.contains("\"\(column)\"") == true && failure?.place.contains("shop.items") == true)
    await sink.close()
    #expect(try harness.rows("SELECT count(*) FROM items") == ["0"])
    #expect(try harness.rows("SELECT sql FROM sqlite_schema WHERE name = 'items'") == ["'\(definition)'"])
  }

  @Test func twoTablesOfTheSourceNeverShareOneOfTheTarget() async throws {
    let harness = try SinkHarness()
    let other = TableSchema(
      name: TableName(namespace: "other", table: "ITEMS"), columns: itemsSchema().columns, key: [0])
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(harness.batch { $0.insert(itemsSchema(), [.int(1), .null, .null]) }, harness.checkpoint(1))
    await sink.close()
    let next = harness.sink()
    _ = try await next.open()
    let failure = await #expect(throws: Failure.self) {
      try await next.deliver(harness.batch { $0.insert(other, [.int(2), .null, .null]) }, harness.checkpoint(2))
    }
    #expect(failure?.code == .targetShape)
    await next.close()
  }

  @Test func aRowThatTheTargetCannotHoldIsSetAsideOrStops() async throws {
    let harness = try SinkHarness()
    let schema = Self.schema([Self.number, .float64])
    let bad = harness.batch { builder in
      builder.insert(schema, [.int(1), .float64(1)])
      builder.insert(schema, [.int(2), .float64(.nan)])
    }
    let strict = harness.sink()
    _ = try await strict.open()
    let failure = await #expect(throws: Failure.self) { try await strict.deliver(bad, harness.checkpoint(1)) }
    #expect(failure?.code == .badValue)
    #expect(failure?.message.contains("\"c0\"") == true && failure?.message.contains("\"c1\"") == true)
    await strict.close()
    let lenient = harness.sink(badRows: .quarantine)
    #expect(try await lenient.open() == nil)
    let receipt = try await lenient.deliver(bad, harness.checkpoint(1))
    #expect(receipt.outcomes == [schema.name: Outcome(delivered: 1, quarantined: 1)])
    await lenient.close()
    #expect(try harness.rows("SELECT * FROM t") == ["1|1.0"])
    #expect(
      try harness.rows("SELECT name, operation, key, row FROM _freshet_quarantine")
        == [#"'t'|'insert'|'{"c0":2}'|'{"c0":2,"c1":"nan"}'"#])
  }

  @Test func aTransactionLargerThanTheLimitIsStreamedAndInvisibleUntilItsCommit() async throws {
    let harness = try SinkHarness()
    let schema = itemsSchema()
    let sink = harness.sink(memory: 1 << 20)
    _ = try await sink.open()
    var largest = 0
    for part in 0..<20 {
      let batch = harness.batch { builder in
        for row in 0..<2000 {
          let text = String(repeating: "x", count: 100)
          builder.insert(schema, [.int(Int64(part * 2000 + row)), builder.text(text), .null])
        }
      }
      try await sink.write(batch, parts: 0..<1)
      largest = max(largest, sink.heldBytes)
    }
    #expect(largest < 2 << 20)
    #expect(try harness.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'items'") == ["0"])
    let receipt = try await sink.commit(harness.checkpoint(1))
    #expect(receipt.outcomes == [schema.name: Outcome(delivered: 40_000)])
    await sink.close()
    #expect(try harness.rows("SELECT count(*), max(id) FROM items") == ["40000|39999"])
  }

  @Test func supersededChangesAreCounted() async throws {
    let harness = try SinkHarness()
    let schema = itemsSchema()
    let sink = harness.sink()
    _ = try await sink.open()
    let receipt = try await sink.deliver(
      harness.batch { builder in
        builder.insert(schema, [.int(1), .null, .null])
        for number in 0..<5 { builder.update(schema, [.int(1), .null, .null], [.int(1), .null, .int(Int64(number))]) }
        builder.update(schema, [.int(1), .null, .int(4)], [.int(2), .null, .int(4)])
      }, harness.checkpoint(1))
    #expect(receipt.outcomes == [schema.name: Outcome(delivered: 1, superseded: 6)])
    await sink.close()
    #expect(try harness.rows("SELECT * FROM items") == ["2|NULL|4"])
  }

  @Test func aFullDiskCommitsNothing() async throws {
    let harness = try SinkHarness()
    let sink = harness.sink { $0.journalMode = "delete" }
    _ = try await sink.open()
    try await sink.deliver(harness.batch { $0.insert(itemsSchema(), [.int(1), .null, .null]) }, harness.checkpoint(1))
    // SQLite reports the same when the file may not grow as when the disk is full.
    try sink.opened().execute("PRAGMA max_page_count = 20")
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(
        harness.batch { builder in
          let text = String(repeating: "x", count: 4000)
          for id in 2..<100 { builder.insert(itemsSchema(), [.int(Int64(id)), builder.text(text), .null]) }
        }, harness.checkpoint(2))
    }
    #expect(failure?.code == .diskFull)
    await sink.close()
    #expect(try harness.rows("SELECT id FROM items") == ["1"])
    #expect(try harness.rows("SELECT position FROM _freshet_checkpoint") == ["'0-1-1'"])
  }

  @Test func thePlanTellsWhatARunWouldDoAndChangesNothing() async throws {
    let harness = try SinkHarness()
    let definition = SQLiteSinkDefinition(settings: SQLiteSettings(path: harness.path))
    let plan = try await definition.plan(for: [itemsSchema()], harness.context())
    #expect(
      plan.statements == [#"CREATE TABLE "items" ("id" INTEGER PRIMARY KEY, "name" TEXT, "amount" INTEGER) STRICT"#])
    #expect(!FileManager.default.fileExists(atPath: harness.path))
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(harness.batch { $0.insert(itemsSchema(), [.int(1), .null, .null]) }, harness.checkpoint(1))
    await sink.close()
    let next = try await definition.plan(for: [itemsSchema()], harness.context())
    #expect(next.statements.isEmpty && next.checkpoint == harness.checkpoint(1).position)
  }
}
