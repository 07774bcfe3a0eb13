import Change
import ConnectorConformance
import MariaDBClient
import Pipeline
import SQLRendering
import TestServers
import Testing

@testable import MariaDBConnector

/// Tables that lose all their rows at once, in modes that keep what was.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SinkEmptyingTests {
  private let items = itemsSchema()

  private func open(_ target: SinkTestTarget, _ kind: TargetMode.Kind) async throws -> MariaDBSink {
    let sink = try target.sink {
      $0.mode = TargetMode(kind)
      $0.keepsExistingRows = false
    }
    _ = try await sink.open()
    return sink
  }

  private func change(_ kind: SchemaChange.Kind, _ before: TableSchema?, _ after: TableSchema?) -> SchemaChange {
    SchemaChange(kind: kind, table: items.name, before: before, after: after, statement: "")
  }

  /// The same table with one column more, of which rows that were there could not know the value.
  private var remade: TableSchema {
    TableSchema(
      name: items.name,
      columns: items.columns + [
        ColumnSchema(
          name: "made", type: .timestamp(fraction: 0), nativeType: "datetime",
          defaultValue: .expression("current_timestamp()"))
      ], key: [0])
  }

  @Test(arguments: [TargetMode.Kind.append, .history, .softDelete])
  func aTableThatIsReplacedInOneTransactionGoesOn(_ kind: TargetMode.Kind) async throws {
    let target = try SinkTestTarget()
    let sink = try await open(target, kind)
    try await sink.deliver(
      target.batch { builder in
        for id: Int64 in 1...3 { builder.insert(items, [.int(id), builder.text("old"), .int(1)]) }
      }, target.checkpoint(1))
    let remade = remade
    let replacement = target.batch { builder in
      builder.append(change(.drop, items, nil), time: EventTime(seconds: 2), logOffset: 0)
      builder.append(change(.create, nil, remade), time: EventTime(seconds: 2), logOffset: 0)
      builder.insert(remade, [.int(2), builder.text("new"), .int(1), .null])
    }
    try await sink.deliver(replacement, target.checkpoint(2))
    await sink.close()
    let found = try target.rows("SELECT * FROM items")
    switch kind {
    case .mirror: Issue.record("a mirror drops")
    case .append: #expect(try target.rows("SELECT _op FROM items ORDER BY _position") == ["c", "c", "c", "t", "c"])
    case .history:
      #expect(try target.rows("SELECT id, name FROM items WHERE is_current") == ["2|new"], "\(found)")
      #expect(found.count == 4)
    case .softDelete:
      #expect(try target.rows("SELECT id, name FROM items WHERE _deleted_at IS NULL") == ["2|new"], "\(found)")
      #expect(found.count == 3)
    }
  }

  @Test(arguments: [TargetMode.Kind.history, .softDelete])
  func aLargeTableIsEmptiedInPieces(_ kind: TargetMode.Kind) async throws {
    let target = try SinkTestTarget(MariaDBServer())
    let sink = try await open(target, kind)
    sink.emptyingRows = 100
    try await sink.deliver(
      target.batch { builder in
        for id: Int64 in 1...300 { builder.insert(items, [.int(id), builder.text("x"), .int(1)]) }
      }, target.checkpoint(1))
    let updates = "SHOW GLOBAL STATUS LIKE 'Com_update'"
    let before = try Int(target.client.query(updates).first?[1] ?? "") ?? 0
    try await sink.deliver(
      target.batch {
        $0.append(change(.truncate, items, items), time: EventTime(seconds: 2), logOffset: 0)
      }, target.checkpoint(2))
    let after = try Int(target.client.query(updates).first?[1] ?? "") ?? 0
    #expect(after - before >= 4, "three pieces and the checkpoint")
    let left = kind == .history ? "is_current" : "_deleted_at IS NULL"
    #expect(try target.rows("SELECT COUNT(*), COALESCE(SUM(\(left)), 0) FROM items") == ["300|0"])
    await sink.close()
  }

  @Test func aStatementMayTakeLongerThanALockIsWaitedFor() throws {
    let settings = try SinkTestTarget().settings { $0.lockWaitSeconds = 5 }
    #expect(settings.readTimeoutSeconds(.rows) >= 3600)
  }
}
