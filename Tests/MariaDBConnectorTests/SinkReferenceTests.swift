import Change
import ConnectorConformance
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

/// Foreign keys of the target while a snapshot is loaded, and behind it.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SinkReferenceTests {
  private static let items = itemsSchema()
  private static let parts = TableSchema(
    name: TableName(namespace: "shop", table: "parts"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "item", type: .integer(bits: 64, unsigned: false)),
    ], key: [0])

  private func target() throws -> SinkTestTarget {
    let target = try SinkTestTarget()
    try target.client.execute("CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40), amount INT)")
    try target.client.execute(
      "CREATE TABLE parts (id BIGINT PRIMARY KEY, item BIGINT, "
        + "FOREIGN KEY (item) REFERENCES items (id) ON DELETE CASCADE ON UPDATE CASCADE)")
    return target
  }

  private func position(_ number: UInt64, inSnapshot: Bool) -> Position {
    MariaDBPosition(
      log: LogPlace(file: "binlog.000001", offset: number), snapshot: inSnapshot ? SnapshotState(step: number) : nil
    ).position
  }

  private func checkpoint(_ number: UInt64, inSnapshot: Bool) -> Checkpoint {
    Checkpoint(position: position(number, inSnapshot: inSnapshot), watermark: EventTime(seconds: 1))
  }

  private func batch(
    _ number: UInt64, isSnapshot: Bool, inSnapshot: Bool, _ fill: (BatchBuilder) -> Void
  ) -> Batch {
    let builder = BatchBuilder()
    let mark = LogMark(sequence: number)
    builder.begin(commitTime: EventTime(seconds: 1), mark: mark, identifier: "", isSnapshot: isSnapshot)
    fill(builder)
    builder.end(mark: mark)
    return builder.take(position: position(number, inSnapshot: inSnapshot))
  }

  private func item(_ id: Int64, _ builder: BatchBuilder) -> [Cell] { [.int(id), builder.text("x"), .int(1)] }

  @Test func aSnapshotBringsItsTablesInAnyOrderAndTheLogCascades() async throws {
    let target = try target()
    let sink = try target.sink()
    _ = try await sink.open()
    try await sink.deliver(
      batch(1, isSnapshot: true, inSnapshot: true) { $0.insert(Self.parts, [.int(10), .int(1)]) },
      checkpoint(1, inSnapshot: true))
    try await sink.deliver(
      batch(2, isSnapshot: true, inSnapshot: false) { $0.insert(Self.items, item(1, $0)) },
      checkpoint(2, inSnapshot: false))
    let orphan = batch(3, isSnapshot: false, inSnapshot: false) { $0.delete(Self.items, item(1, $0)) }
    try await sink.deliver(orphan, checkpoint(3, inSnapshot: false))
    #expect(try target.rows("SELECT * FROM parts").isEmpty)
    await sink.close()
  }

  @Test func aSourceThatDoesNotTellItsSnapshotsStateEndsItWithItsLog() async throws {
    let target = try target()
    let sink = try target.sink()
    _ = try await sink.open()
    let (first, second) = (target.checkpoint(1), target.checkpoint(2))
    let read = batch(1, isSnapshot: true, inSnapshot: true) { $0.insert(Self.parts, [.int(10), .int(1)]) }
    try await sink.deliver(read, first)
    let parent = batch(2, isSnapshot: true, inSnapshot: true) { $0.insert(Self.items, item(1, $0)) }
    try await sink.deliver(parent, second)
    try await sink.deliver(target.batch { $0.delete(Self.items, item(1, $0)) }, target.checkpoint(3))
    #expect(try target.rows("SELECT * FROM parts").isEmpty)
    await sink.close()
  }

  @Test func aSnapshotWithoutAReferencedRowIsNotTakenForComplete() async throws {
    let target = try target()
    let sink = try target.sink()
    _ = try await sink.open()
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(
        batch(1, isSnapshot: true, inSnapshot: false) { $0.insert(Self.parts, [.int(10), .int(1)]) },
        checkpoint(1, inSnapshot: false))
    }
    #expect(failure?.code == .badValue && failure?.message.contains("\(target.database).parts") == true)
    await sink.close()
    #expect(try target.rows("SELECT * FROM parts").isEmpty)
  }

  @Test func anInterruptedSnapshotIsTakenUpWithoutCascades() async throws {
    let target = try target()
    let first = try target.sink()
    _ = try await first.open()
    try await first.deliver(
      batch(1, isSnapshot: true, inSnapshot: true) { builder in
        builder.insert(Self.items, item(1, builder))
        builder.insert(Self.parts, [.int(10), .int(1)])
      }, checkpoint(1, inSnapshot: true))
    await first.close()
    let second = try target.sink()
    #expect(try await second.open() == position(1, inSnapshot: true))
    // The parent's key moves to where the snapshot has not read yet: what is left of the update is a delete.
    try await second.deliver(
      batch(2, isSnapshot: false, inSnapshot: true) { builder in
        builder.delete(Self.items, item(1, builder))
        builder.insert(Self.parts, [.int(11), .int(7)])
      }, checkpoint(2, inSnapshot: true))
    #expect(try target.rows("SELECT id, item FROM parts ORDER BY id") == ["10|1", "11|7"])
    // The cascade of the source, which the log does not tell, is missed.
    let rest = batch(3, isSnapshot: true, inSnapshot: false) { $0.insert(Self.items, item(7, $0)) }
    let failure = await #expect(throws: Failure.self) {
      try await second.deliver(rest, checkpoint(3, inSnapshot: false))
    }
    #expect(failure?.code == .badValue)
    await second.close()
    try target.client.execute("UPDATE parts SET item = NULL WHERE id = 10")
    let third = try target.sink()
    _ = try await third.open()
    try await third.deliver(rest, checkpoint(3, inSnapshot: false))
    try await third.deliver(
      batch(4, isSnapshot: false, inSnapshot: false) { $0.delete(Self.items, item(7, $0)) },
      checkpoint(4, inSnapshot: false))
    #expect(try target.rows("SELECT id FROM parts ORDER BY id") == ["10"])
    await third.close()
  }
}
