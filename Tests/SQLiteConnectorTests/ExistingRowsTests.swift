import Change
import ConnectorConformance
import Foundation
import Glibc
import Pipeline
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

/// Rows at the target that the sink has not written: a stranger's, or those of an abandoned life of the pipeline.
@Suite struct ExistingRowsTests {
  private let harness: SinkHarness

  init() throws {
    harness = try SinkHarness()
    try harness.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER)")
  }

  private func truncation(_ kind: SchemaChange.Kind) -> Batch {
    harness.batch {
      $0.schemaChange(
        SchemaChange(
          kind: kind, table: itemsSchema().name, before: itemsSchema(), after: kind == .drop ? nil : itemsSchema(),
          statement: ""))
    }
  }

  private func insertion(_ id: Int64) -> Batch { harness.batch { $0.insert(itemsSchema(), [.int(id), .null, .null]) } }

  private func expectRefusal(_ batch: Batch, _ left: [String]) async throws {
    let sink = harness.sink()
    _ = try await sink.open()
    let failure = await #expect(throws: Failure.self) { try await sink.deliver(batch, harness.checkpoint(9)) }
    #expect(failure?.code == .targetShape)
    #expect(failure?.hint.contains("existing_rows: keep") == true)
    await sink.close()
    #expect(try harness.rows("SELECT id FROM items ORDER BY id") == left)
  }

  @Test func aStrangersRowsAreNeitherMixedNorEmptiedNorDropped() async throws {
    try harness.execute("INSERT INTO items VALUES (7, 'mine', 1)")
    try await expectRefusal(insertion(1), ["7"])
    try await expectRefusal(truncation(.truncate), ["7"])
    try await expectRefusal(truncation(.drop), ["7"])
    let plan = try await SQLiteSinkDefinition(settings: SQLiteSettings(path: harness.path)).plan(
      for: [itemsSchema()], harness.context())
    #expect(plan.warnings.contains { $0.contains("existing_rows") })
  }

  @Test func anEmptyTableIsTakenOver() async throws {
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(insertion(1), harness.checkpoint(1))
    await sink.close()
    #expect(try harness.rows("SELECT id FROM items") == ["1"])
  }

  @Test func rowsAreKeptWhereTheOptionsSaySo() async throws {
    try harness.execute("INSERT INTO items VALUES (7, 'copied before', 1)")
    let sink = harness.sink { $0.keepsExistingRows = true }
    _ = try await sink.open()
    try await sink.deliver(insertion(1), harness.checkpoint(1))
    await sink.close()
    // From now on they are the sink's own.
    let next = harness.sink()
    _ = try await next.open()
    try await next.deliver(insertion(2), harness.checkpoint(2))
    await next.close()
    #expect(try harness.rows("SELECT id FROM items ORDER BY id") == ["1", "2", "7"])
  }

  @Test func aSinkWhoseCheckpointWasRemovedDoesNotMixTwoSnapshots() async throws {
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(insertion(1), harness.checkpoint(1))
    await sink.close()
    try harness.execute("DELETE FROM _freshet_checkpoint")
    try await expectRefusal(insertion(2), ["1"])
  }

  @Test func aNewSnapshotOfOwnTablesEmptiesThemFirst() async throws {
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(insertion(1), harness.checkpoint(1))
    await sink.close()
    let next = harness.sink()
    _ = try await next.open()
    try await next.deliver(truncation(.truncate), harness.checkpoint(2))
    try await next.deliver(insertion(2), harness.checkpoint(3))
    await next.close()
    #expect(try harness.rows("SELECT id FROM items") == ["2"])
  }

  @Test func theWatermarkIsNullUntilThereIsOneAndStaysWhereItWas() async throws {
    var stored: [[String]] = []
    for (number, watermark) in [(1, .distantPast), (2, EventTime(seconds: 50)), (3, .distantPast)] {
      let sink = harness.sink()
      _ = try await sink.open()
      try await sink.deliver(
        insertion(Int64(number)), Checkpoint(position: harness.checkpoint(number).position, watermark: watermark))
      await sink.close()
      stored.append(try harness.rows("SELECT position, watermark FROM _freshet_checkpoint"))
    }
    #expect(stored == [["'0-1-1'|NULL"], ["'0-1-2'|50000000"], ["'0-1-3'|50000000"]])
  }
}
