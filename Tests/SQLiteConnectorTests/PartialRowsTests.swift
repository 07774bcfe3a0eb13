import Change
import ConnectorConformance
import Pipeline
import SQLRendering
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

/// Rows whose images do not hold all columns, as with binlog_row_image=MINIMAL.
@Suite struct PartialRowsTests {
  private static let number = ColumnType.integer(bits: 32, unsigned: false)

  private static func schema(_ last: ColumnSchema) -> TableSchema {
    TableSchema(
      name: TableName(namespace: "shop", table: "t"),
      columns: [
        ColumnSchema(name: "k", type: number, isNullable: false), ColumnSchema(name: "a", type: number), last,
      ], key: [0])
  }

  private static let plain = schema(ColumnSchema(name: "b", type: number))

  @Test(arguments: [false, true], [false, true])
  func aRowThatComesBackHasNothingOfTheOneBeforeIt(_ isOneGroup: Bool, _ trades: Bool) async throws {
    let harness = try SinkHarness()
    if trades { try harness.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER UNIQUE, b INTEGER)") }
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { builder in
        builder.insert(Self.plain, [.int(1), .int(5), .int(7)])
        builder.insert(Self.plain, [.int(2), .int(9), .int(8)])
      }, harness.checkpoint(1))
    try await sink.write(harness.batch { $0.delete(Self.plain, [.int(1), .absent, .absent]) }, parts: 0..<1)
    if !isOneGroup { _ = try await sink.commit(harness.checkpoint(2)) }
    try await sink.deliver(
      harness.batch { builder in
        // Both trade the value of `a`, which may be unique.
        builder.update(Self.plain, [.int(2), .absent, .absent], [.absent, .int(5), .absent])
        builder.insert(Self.plain, [.int(1), .int(9), .absent])
      }, harness.checkpoint(3))
    await sink.close()
    #expect(try harness.rows("SELECT * FROM t ORDER BY k") == ["1|9|NULL", "2|5|8"])
  }

  @Test func aMarkedRowThatComesBackHasNothingOfTheOneBeforeIt() async throws {
    let harness = try SinkHarness()
    let sink = harness.sink { $0.mode = TargetMode(.softDelete) }
    _ = try await sink.open()
    try await sink.deliver(harness.batch { $0.insert(Self.plain, [.int(1), .int(5), .int(7)]) }, harness.checkpoint(1))
    try await sink.deliver(
      harness.batch { $0.delete(Self.plain, [.int(1), .absent, .absent]) }, harness.checkpoint(2))
    try await sink.deliver(harness.batch { $0.insert(Self.plain, [.int(1), .int(9), .absent]) }, harness.checkpoint(3))
    await sink.close()
    #expect(try harness.rows("SELECT * FROM t") == ["1|9|NULL|NULL"])
  }

  @Test func aColumnThatAnInsertLeavesOutHasTheSourcesDefaultAndNotTheTargets() async throws {
    let harness = try SinkHarness()
    try harness.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER DEFAULT 3, b TEXT DEFAULT 'old')")
    let schema = Self.schema(ColumnSchema(name: "b", type: .text(length: 9), defaultValue: .literal("new")))
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(harness.batch { $0.insert(schema, [.int(1), .absent, .absent]) }, harness.checkpoint(1))
    await sink.close()
    #expect(try harness.rows("SELECT * FROM t") == ["1|NULL|'new'"])
  }

  @Test(arguments: [
    ColumnSchema(name: "b", type: .timestampZoned(fraction: 0), defaultValue: .literal("2024-01-01 00:00:00")),
    ColumnSchema(name: "b", type: number, defaultValue: .expression("rand()")),
    ColumnSchema(name: "b", type: number, isNullable: false),
    ColumnSchema(name: "b", type: number, generation: .virtual),
  ]) func aRowWhoseDefaultCannotBeToldIsSetAside(_ column: ColumnSchema) async throws {
    let harness = try SinkHarness()
    let schema = Self.schema(column)
    let sink = harness.sink(badRows: .quarantine)
    _ = try await sink.open()
    let receipt = try await sink.deliver(
      harness.batch { $0.insert(schema, [.int(1), .int(2), .absent]) }, harness.checkpoint(1))
    await sink.close()
    #expect(receipt.outcomes[schema.name] == Outcome(quarantined: 1))
    #expect(try harness.rows("SELECT count(*) FROM t") == ["0"])
  }

  @Test func columnsFarApartInAWideTableAreNotMistakenForEachOther() async throws {
    let harness = try SinkHarness()
    try harness.execute("CREATE TABLE t (c0 INTEGER PRIMARY KEY, c1 INTEGER, c65 INTEGER)")
    let schema = TableSchema(
      name: TableName(namespace: "shop", table: "t"),
      columns: (0..<70).map { ColumnSchema(name: "c\($0)", type: Self.number) }, key: [0])
    func image(_ values: [Int: Int64]) -> [Cell] { (0..<70).map { values[$0].map(Cell.int) ?? .absent } }
    let sink = harness.sink(policy: .ignore)
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { builder in
        for id in 1...2 { builder.insert(schema, (0..<70).map { .int(Int64($0 == 0 ? id : 0)) }) }
      }, harness.checkpoint(1))
    try await sink.deliver(
      harness.batch { builder in
        builder.update(schema, image([0: 1]), image([1: 11]))
        builder.update(schema, image([0: 2]), image([65: 22]))
      }, harness.checkpoint(2))
    await sink.close()
    #expect(try harness.rows("SELECT * FROM t ORDER BY c0") == ["1|11|0", "2|0|22"])
  }
}
