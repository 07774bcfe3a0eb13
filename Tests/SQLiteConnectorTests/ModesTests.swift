import Change
import ConnectorConformance
import Pipeline
import SQLRendering
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

/// The tables of `append`, `history` and `soft_delete`, one behaviour a test.
@Suite struct ModesTests {
  let harness: SinkHarness

  init() throws { harness = try SinkHarness() }

  private func open(
    _ kind: TargetMode.Kind, policy: SchemaChangePolicy = .evolve, badRows: BadRowPolicy = .stop,
    names: [TargetMode.Column: String] = [:]
  ) async throws -> SQLiteSink {
    let mode = try TargetMode(kind, names: names)
    let sink = harness.sink(policy: policy, badRows: badRows) { $0.mode = mode }
    _ = try await sink.open()
    return sink
  }

  private func deliver(_ sink: SQLiteSink, _ fill: (BatchBuilder) -> Void) async throws -> Outcome {
    let batch = harness.batch(fill)
    let receipt = try await sink.deliver(batch, harness.checkpoint(Int(harness.sequence)))
    var total = Outcome()
    for outcome in receipt.outcomes.values { total += outcome }
    #expect(total.total == UInt64(batch.changes.count), "each change is counted once")
    return total
  }

  private func failure(_ body: () async throws -> Void) async -> Failure? {
    do {
      try await body()
      Issue.record("nothing failed")
      return nil
    } catch {
      return error as? Failure
    }
  }

  private func change(
    _ kind: SchemaChange.Kind, _ before: TableSchema, _ after: TableSchema?, _ statement: String = ""
  ) -> SchemaChange {
    SchemaChange(kind: kind, table: before.name, before: before, after: after, statement: statement)
  }

  private static func time(_ second: Int) -> String { "'1970-01-01 00:00:0\(second).000000Z'" }

  private static func read(_ builder: BatchBuilder, _ schema: TableSchema, _ cells: [Cell]) {
    let first = UInt32(builder.cells.count)
    builder.cells.append(contentsOf: cells)
    builder.append(
      RowChange(operation: .read, schema: builder.index(of: schema), after: first, time: EventTime(seconds: 1)))
  }

  // MARK: append

  @Test func everyChangeIsARowWithItsOperationPositionAndTime() async throws {
    let items = itemsSchema()
    let sink = try await open(.append)
    _ = try await deliver(sink) { builder in
      ModesTests.read(builder, items, [.int(1), builder.text("a"), .null])
      builder.update(items, [.int(1), builder.text("a"), .null], [.int(2), builder.text("b"), .int(5)])
    }
    let total = try await deliver(sink) { builder in
      builder.insert(items, [.int(1), builder.text("c"), .null])
      builder.insert(items, [.int(1), builder.text("c"), .null])
      builder.delete(items, [.int(2), builder.text("b"), .int(5)])
      builder.schemaChange(change(.truncate, items, items))
    }
    await sink.close()
    #expect(total == Outcome(delivered: 4))
    let first = "0000000000000001:000000000"
    let second = "0000000000000002:000000000"
    #expect(
      try harness.rows("SELECT * FROM items") == [
        "1|'a'|NULL|'r'|'\(first)0:0-1-1'|\(ModesTests.time(1))", "2|'b'|5|'u'|'\(first)1:0-1-1'|\(ModesTests.time(1))",
        "1|'c'|NULL|'c'|'\(second)0:0-1-2'|\(ModesTests.time(2))",
        "1|'c'|NULL|'c'|'\(second)1:0-1-2'|\(ModesTests.time(2))",
        "2|'b'|5|'d'|'\(second)2:0-1-2'|\(ModesTests.time(2))",
        "NULL|NULL|NULL|'t'|'\(second)3:0-1-2'|\(ModesTests.time(2))",
      ])
  }

  @Test func aRowImageWithoutAColumnIsNotRecordedAsNull() async throws {
    let items = itemsSchema()
    let sink = try await open(.append)
    let found = await failure {
      _ = try await deliver(sink) { $0.update(items, [.int(1), .absent, .absent], [.absent, .absent, .int(3)]) }
    }
    #expect(found?.code == .serverSetting)
    #expect(found?.message.contains("\"name\"") == true && found?.hint.contains("binlog_row_image=FULL") == true)
  }

  @Test func recordedRowsKeepColumnsThatAreDroppedAndHaveNoneThatCameLater() async throws {
    let items = itemsSchema()
    let later = TableSchema(
      name: items.name,
      columns: [
        items.columns[0],
        ColumnSchema(
          name: "size", type: .integer(bits: 32, unsigned: false), isNullable: false, defaultValue: .literal("7")),
      ], key: [0])
    let sink = try await open(.append)
    _ = try await deliver(sink) { builder in
      builder.insert(items, [.int(1), builder.text("a"), .int(4)])
      builder.schemaChange(
        change(
          .alter, items, later,
          "ALTER TABLE items DROP COLUMN name, DROP COLUMN amount, ADD size INT NOT NULL DEFAULT 7"))
      builder.insert(later, [.int(2), .int(8)])
    }
    await sink.close()
    #expect(
      try harness.rows("SELECT id, name, amount, size, _op FROM items") == ["1|'a'|4|NULL|'c'", "2|NULL|NULL|8|'c'"])
  }

  // MARK: soft_delete

  @Test func deletedRowsStayMarkedUntilTheyComeBack() async throws {
    let items = itemsSchema()
    let sink = try await open(.softDelete)
    _ = try await deliver(sink) { builder in
      for id in 1...4 { builder.insert(items, [.int(Int64(id)), builder.text("a"), .int(1)]) }
    }
    let total = try await deliver(sink) { builder in
      // With the key only, as a MINIMAL row image has it.
      builder.delete(items, [.int(1), .absent, .absent])
      builder.delete(items, [.int(2), builder.text("a"), .int(1)])
      builder.delete(items, [.int(3), builder.text("a"), .int(1)])
      builder.insert(items, [.int(3), builder.text("b"), .int(2)])
    }
    #expect(total == Outcome(delivered: 3, superseded: 1))
    _ = try await deliver(sink) { builder in
      builder.insert(items, [.int(2), builder.text("c"), .int(3)])
      builder.update(items, [.int(4), .absent, .absent], [.absent, .absent, .int(9)])
    }
    #expect(
      try harness.rows("SELECT * FROM items ORDER BY id") == [
        "1|'a'|1|\(ModesTests.time(2))", "2|'c'|3|NULL", "3|'b'|2|NULL", "4|'a'|9|NULL",
      ])
    _ = try await deliver(sink) { $0.schemaChange(change(.truncate, items, items)) }
    await sink.close()
    #expect(
      try harness.rows("SELECT id, _deleted_at FROM items ORDER BY id") == [
        "1|\(ModesTests.time(2))", "2|\(ModesTests.time(4))", "3|\(ModesTests.time(4))", "4|\(ModesTests.time(4))",
      ])
  }

  @Test func ofEqualRowsWithoutAKeyOneIsMarked() async throws {
    let items = itemsSchema(key: [])
    let sink = try await open(.softDelete)
    _ = try await deliver(sink) { builder in
      for _ in 0..<3 { builder.insert(items, [.int(1), builder.text("a"), .null]) }
      builder.delete(items, [.int(1), builder.text("a"), .null])
      builder.delete(items, [.int(1), builder.text("a"), .null])
      builder.update(items, [.int(1), builder.text("a"), .null], [.int(2), builder.text("a"), .null])
    }
    await sink.close()
    #expect(
      try harness.rows("SELECT id, _deleted_at FROM items ORDER BY id, _deleted_at") == [
        "1|\(ModesTests.time(1))", "1|\(ModesTests.time(1))", "2|NULL",
      ])
  }

  // MARK: history

  private static let versions =
    "SELECT id, amount, version, valid_from, valid_to, is_current FROM items ORDER BY id, version"

  @Test func everyVersionOfARowHasTheTimeInWhichItHeld() async throws {
    let items = itemsSchema()
    let sink = try await open(.history)
    _ = try await deliver(sink) { ModesTests.read($0, items, [.int(1), .null, .int(10)]) }
    let total = try await deliver(sink) { builder in
      builder.update(items, [.int(1), .null, .int(10)], [.int(1), .null, .int(20)])
      builder.update(items, [.int(1), .null, .int(20)], [.int(1), .null, .int(30)])
      builder.insert(items, [.int(2), .null, .int(1)])
      builder.delete(items, [.int(2), .null, .int(1)])
    }
    #expect(total == Outcome(delivered: 2, superseded: 2))
    _ = try await deliver(sink) { $0.update(items, [.int(1), .null, .int(30)], [.int(5), .null, .int(30)]) }
    _ = try await deliver(sink) { $0.delete(items, [.int(5), .null, .int(30)]) }
    await sink.close()
    #expect(
      try harness.rows(ModesTests.versions) == [
        "1|10|1|\(ModesTests.time(1))|\(ModesTests.time(2))|0", "1|30|2|\(ModesTests.time(2))|\(ModesTests.time(3))|0",
        "5|30|3|\(ModesTests.time(3))|\(ModesTests.time(4))|0",
      ])
  }

  @Test func aVersionMadeOfAPartialImageHasTheOtherValuesOfTheOneBefore() async throws {
    let items = itemsSchema()
    let sink = try await open(.history)
    _ = try await deliver(sink) { $0.insert(items, [.int(1), $0.text("a"), .int(10)]) }
    _ = try await deliver(sink) { $0.update(items, [.int(1), .absent, .absent], [.absent, .absent, .int(20)]) }
    _ = try await deliver(sink) { $0.update(items, [.int(1), .absent, .absent], [.int(2), .absent, .absent]) }
    let found = await failure {
      _ = try await deliver(sink) { $0.update(items, [.int(7), .absent, .absent], [.absent, .absent, .int(20)]) }
    }
    #expect(found?.code == .badValue)
    await sink.close()
    #expect(
      try harness.rows("SELECT id, name, amount, version, is_current FROM items ORDER BY version") == [
        "1|'a'|10|1|0", "1|'a'|20|2|0", "2|'a'|20|3|1",
      ])
  }

  @Test func truncationAndDropEndVersionsAndATableThatComesBackGoesOn() async throws {
    let items = itemsSchema()
    let wider = TableSchema(
      name: items.name,
      columns: items.columns + [
        ColumnSchema(name: "note", type: .text(length: 9), isNullable: false, defaultValue: .literal("-"))
      ], key: [0])
    let sink = try await open(.history)
    _ = try await deliver(sink) { $0.insert(items, [.int(1), .null, .int(1)]) }
    _ = try await deliver(sink) { $0.schemaChange(change(.truncate, items, items)) }
    _ = try await deliver(sink) { $0.insert(items, [.int(1), .null, .int(2)]) }
    _ = try await deliver(sink) { $0.schemaChange(change(.drop, items, nil, "DROP TABLE items")) }
    await sink.close()
    let next = try await open(.history)
    _ = try await deliver(next) { builder in
      builder.schemaChange(
        SchemaChange(
          kind: .create, table: wider.name, before: nil, after: wider,
          statement: "CREATE TABLE items (note VARCHAR(9) NOT NULL DEFAULT '-')"))
      builder.insert(wider, [.int(1), .null, .int(3), builder.text("n")])
    }
    await next.close()
    #expect(
      try harness.rows(ModesTests.versions) == [
        "1|1|1|\(ModesTests.time(1))|\(ModesTests.time(2))|0", "1|2|3|\(ModesTests.time(3))|\(ModesTests.time(4))|0",
        "1|3|5|\(ModesTests.time(5))|NULL|1",
      ])
    #expect(try harness.rows("SELECT note FROM items ORDER BY version") == ["NULL", "NULL", "'n'"])
  }

  @Test func anAlteredTableKeepsTheColumnsOfItsOldVersions() async throws {
    let items = itemsSchema()
    let later = TableSchema(
      name: TableName(namespace: "shop", table: "goods"),
      columns: [
        items.columns[0],
        ColumnSchema(
          name: "size", type: .integer(bits: 32, unsigned: false), isNullable: false, defaultValue: .literal("7")),
      ], key: [0])
    let sink = try await open(.history)
    _ = try await deliver(sink) { $0.insert(items, [.int(1), $0.text("a"), .int(1)]) }
    _ = try await deliver(sink) { $0.update(items, [.int(1), $0.text("a"), .int(1)], [.int(1), $0.text("b"), .null]) }
    _ = try await deliver(sink) { builder in
      builder.schemaChange(
        change(
          .rename, items, later,
          "ALTER TABLE items RENAME goods, DROP name, DROP amount, ADD size INT NOT NULL DEFAULT 7"))
      builder.update(later, [.int(1), .int(7)], [.int(1), .int(8)])
    }
    await sink.close()
    #expect(
      try harness.rows("SELECT id, name, amount, size, version, is_current FROM goods ORDER BY version") == [
        "1|'a'|1|7|1|0", "1|'b'|NULL|7|2|0", "1|NULL|NULL|8|3|1",
      ])
  }

  // MARK: What is refused

  @Test func aNameThatIsTakenIsRefusedUnlessTheModesColumnGetsAnother() async throws {
    let taken = TableSchema(
      name: TableName(namespace: "shop", table: "items"),
      columns: itemsSchema().columns + [ColumnSchema(name: "VERSION", type: .integer(bits: 32, unsigned: false))],
      key: [0])
    let sink = try await open(.history)
    let found = await failure {
      _ = try await deliver(sink) { $0.insert(taken, [.int(1), .null, .null, .int(4)]) }
    }
    await sink.close()
    #expect(found?.code == .targetShape && found?.hint.contains("mode_columns: { version:") == true)
    let renamed = try await open(.history, names: [.version: "row_version"])
    _ = try await deliver(renamed) { $0.insert(taken, [.int(1), .null, .null, .int(4)]) }
    await renamed.close()
    #expect(try harness.rows("SELECT VERSION, row_version, is_current FROM items") == ["4|1|1"])
  }

  @Test func aTableWithoutAKeyHasNoHistoryAndThePlanSaysSo() async throws {
    let items = itemsSchema(key: [])
    let sink = try await open(.history)
    let found = await failure { _ = try await deliver(sink) { $0.insert(items, [.int(1), .null, .null]) } }
    await sink.close()
    #expect(found?.code == .targetShape && found?.place == "table \"shop.items\"")
    var settings = SQLiteSettings(path: harness.directory + "/other.db")
    settings.mode = TargetMode(.history)
    let plan = try await SQLiteSinkDefinition(settings: settings).plan(
      for: [items, itemsSchema("orders")], harness.context())
    #expect(plan.warnings.contains { $0.contains("has no history") && $0.contains("shop.items") })
    #expect(plan.statements.count == 1)
    #expect(plan.statements[0].contains(#"PRIMARY KEY ("id", "version")"#))
  }

  @Test func uniqueKeysOfTheSourceDoNotKeepWhatIsGoneApart() throws {
    let base = itemsSchema()
    let schema = TableSchema(
      name: base.name, columns: base.columns, key: [0], uniqueKeys: [[1]],
      indexes: [TableIndex(name: "u", kind: .unique, parts: [TableIndex.Part(column: 1)])])
    for kind in [TargetMode.Kind.softDelete, .history] {
      let target = try TargetMode(kind).reshape(schema)
      #expect(target.uniqueKeys.isEmpty && target.indexes?.map(\.kind) == [.ordinary])
    }
    #expect(try TargetMode(.append).reshape(schema).indexes == [])
  }

  @Test func twoColumnsOfAModeCannotShareAName() {
    #expect(throws: Failure.self) { try TargetMode(.history, names: [.validFrom: "at", .validTo: "AT"]) }
  }

  @Test(arguments: TargetMode.Kind.allCases.filter { $0 != .mirror })
  func aRowThatIsPutAsideIsTheSourcesRow(_ kind: TargetMode.Kind) async throws {
    let bad = TableSchema(
      name: TableName(namespace: "shop", table: "items"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
        ColumnSchema(name: "ratio", type: .float64),
      ], key: [0])
    let sink = try await open(kind, badRows: .quarantine)
    _ = try await deliver(sink) { builder in
      builder.insert(bad, [.int(1), .float64(0.5)])
      builder.insert(bad, [.int(2), .float64(0.5)])
    }
    let batch = harness.batch { builder in
      builder.insert(bad, [.int(3), .float64(0.5)])
      builder.update(bad, [.int(2), .float64(0.5)], [.int(2), .float64(.nan)])
    }
    try await sink.write(batch, parts: batch.transactions.indices)
    let receipt = try await sink.commit(harness.checkpoint(2))
    await sink.close()
    #expect(receipt.outcomes == [bad.name: Outcome(delivered: 1, quarantined: 1)])
    let aside = try harness.rows(#"SELECT operation, "key", "row" FROM _freshet_quarantine"#)
    #expect(aside == [#"'update'|'{"id":2}'|'{"id":2,"ratio":"nan"}'"#])
    #expect(try harness.rows("SELECT position FROM _freshet_quarantine")[0].contains("transaction 0-1-2"))
  }
}
