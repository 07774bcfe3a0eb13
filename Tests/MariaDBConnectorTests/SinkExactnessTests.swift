import Change
import ConnectorConformance
import MariaDBClient
import Pipeline
import SQLRendering
import TestServers
import Testing

@testable import MariaDBConnector

/// What the target would change by itself, keep for one, or not take at all.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SinkExactnessTests {
  private let items = itemsSchema()
  private static let clocked = TableSchema(
    name: TableName(namespace: "shop", table: "items"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "name", type: .text(length: 40)),
      ColumnSchema(name: "at", type: .timestampZoned(fraction: 0)),
    ], key: [0])
  private static let second = Cell.timestampZoned(microseconds: 1_000_000)
  private static let clock = "TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"

  @Test(arguments: [0, 128]) func aColumnThatAnUpdateSetsByItselfKeepsTheSourcesValue(_ quickEntries: Int) async throws
  {
    let target = try SinkTestTarget()
    try target.client.execute("CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40), `at` \(Self.clock))")
    let sink = try target.sink()
    sink.quickEntries = quickEntries
    _ = try await sink.open()
    let schema = Self.clocked
    try await sink.deliver(
      target.batch { $0.insert(schema, [.int(1), $0.text("a"), Self.second]) }, target.checkpoint(1))
    try await sink.deliver(
      target.batch { $0.update(schema, [.int(1), .absent, .absent], [.absent, $0.text("b"), .absent]) },
      target.checkpoint(2))
    #expect(try target.rows("SELECT id, name, UNIX_TIMESTAMP(`at`) FROM items") == ["1|b|1"])
    // Of whole rows, too, only what changed may be stored.
    try await sink.deliver(
      target.batch { $0.update(schema, [.int(1), $0.text("b"), Self.second], [.int(1), $0.text("c"), Self.second]) },
      target.checkpoint(3))
    #expect(try target.rows("SELECT id, name, UNIX_TIMESTAMP(`at`) FROM items") == ["1|c|1"])
    await sink.close()
  }

  @Test(arguments: [TargetMode.Kind.history, .softDelete])
  func aColumnThatAnUpdateSetsByItselfKeepsItsValueInEveryMode(_ kind: TargetMode.Kind) async throws {
    let target = try SinkTestTarget()
    let schema = Self.clocked
    var sink = try target.sink {
      $0.mode = TargetMode(kind)
      $0.keepsExistingRows = false
    }
    _ = try await sink.open()
    try await sink.deliver(
      target.batch { builder in
        for id: Int64 in 1...2 { builder.insert(schema, [.int(id), builder.text("a"), Self.second]) }
      }, target.checkpoint(1))
    await sink.close()
    try target.client.execute("ALTER TABLE items MODIFY `at` \(Self.clock)")
    sink = try target.sink {
      $0.mode = TargetMode(kind)
      $0.keepsExistingRows = false
    }
    _ = try await sink.open()
    try await sink.deliver(
      target.batch { builder in
        builder.update(
          schema, [.int(1), builder.text("a"), Self.second], [.int(1), builder.text("b"), Self.second])
        builder.delete(schema, [.int(2), builder.text("a"), Self.second])
      }, target.checkpoint(2))
    try await sink.deliver(
      target.batch { builder in
        builder.append(
          SchemaChange(kind: .truncate, table: schema.name, before: schema, after: schema, statement: ""),
          time: EventTime(seconds: 9), logOffset: 0)
      }, target.checkpoint(3))
    #expect(try target.rows("SELECT DISTINCT UNIX_TIMESTAMP(`at`) FROM items") == ["1"])
    await sink.close()
  }

  @Test func keysThatDifferInBlanksAtTheEndAreLeftToOneWriter() async throws {
    let target = try SinkTestTarget()
    let schema = TableSchema(
      name: TableName(namespace: "shop", table: "names"),
      columns: [
        ColumnSchema(
          name: "id", type: .text(length: 20), isNullable: false, nativeType: "varchar(20)", charset: "utf8mb4",
          collation: "utf8mb4_bin"),
        ColumnSchema(name: "n", type: .integer(bits: 32, unsigned: false)),
      ], key: [0])
    let sink = try target.sink {
      $0.workers = 3
      $0.lockWaitSeconds = 2
    }
    sink.sharedEntries = 1
    sink.quickEntries = 0
    _ = try await sink.open()
    try await sink.deliver(
      target.batch { builder in for n: Int64 in 0..<200 { builder.insert(schema, [builder.text("k\(n)"), .int(n)]) } },
      target.checkpoint(1))
    try await sink.deliver(
      target.batch { builder in
        for n: Int64 in 0..<200 {
          builder.delete(schema, [builder.text("k\(n)"), .int(n)])
          builder.insert(schema, [builder.text("k\(n) "), .int(n)])
        }
      }, target.checkpoint(2))
    #expect(try target.rows("SELECT COUNT(*), SUM(id LIKE '% ') FROM names") == ["200|200"])
    await sink.close()
  }

  @Test func aRowThatIsTooLargeEvenForTheQuarantineStopsWithWhatHelps() async throws {
    let server = try MariaDBServer(options: ["max_allowed_packet": "1M"])
    let target = try SinkTestTarget(server)
    let schema = TableSchema(
      name: TableName(namespace: "shop", table: "texts"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 32, unsigned: false), isNullable: false),
        ColumnSchema(name: "body", type: .text(length: 0)),
      ], key: [0])
    let batch = target.batch { $0.insert(schema, [.int(1), $0.text(String(repeating: "x", count: 2_000_000))]) }
    let sink = try target.sink(badRows: .quarantine)
    _ = try await sink.open()
    let failure = await #expect(throws: Failure.self) { try await sink.deliver(batch, target.checkpoint(1)) }
    #expect(failure?.code == .limit && failure?.hint.contains("max_allowed_packet") == true)
    #expect(failure?.description.contains("xxxx") == false)
    await sink.close()
    try target.client.execute("SET GLOBAL max_allowed_packet = 16777216")
    let next = try target.sink(badRows: .quarantine)
    _ = try await next.open()
    #expect(try await next.deliver(batch, target.checkpoint(1)).outcomes[schema.name] == Outcome(delivered: 1))
    await next.close()
  }
}
