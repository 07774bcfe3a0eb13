import Change
import ConnectorConformance
import Pipeline
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

@Suite struct CheckpointTests {
  @Test func aCommitStoresTheRowsAndThePositionWithWhichTheNextWriterResumes() async throws {
    let harness = try SinkHarness()
    let schema = itemsSchema()
    let sink = harness.sink()
    #expect(try await sink.open() == nil)
    let receipt = try await sink.deliver(
      harness.batch { builder in
        builder.insert(schema, [.int(1), builder.text("one"), .int(10)])
        builder.insert(schema, [.int(2), builder.text("two"), .null])
      }, harness.checkpoint(1))
    #expect(receipt.outcomes == [schema.name: Outcome(delivered: 2)])
    await sink.close()
    #expect(try harness.rows("SELECT * FROM items") == ["1|'one'|10", "2|'two'|NULL"])
    let next = harness.sink()
    #expect(try await next.open() == harness.checkpoint(1).position)
    await next.close()
    #expect(try harness.rows("SELECT epoch, position, watermark FROM _freshet_checkpoint") == ["2|'0-1-1'|1000000"])
  }

  @Test func aWriterThatWasReplacedCannotCommit() async throws {
    let harness = try SinkHarness()
    let schema = itemsSchema()
    let old = harness.sink()
    _ = try await old.open()
    let new = harness.sink()
    _ = try await new.open()
    let batch = harness.batch { $0.insert(schema, [.int(1), .null, .null]) }
    let failure = await #expect(throws: Failure.self) {
      try await old.write(batch, parts: 0..<1)
      _ = try await old.commit(harness.checkpoint(1))
    }
    #expect(failure?.code == .fenced)
    #expect(try harness.rows("SELECT name FROM sqlite_schema WHERE name = 'items'") == [])
    try await new.deliver(harness.batch { $0.insert(schema, [.int(2), .null, .null]) }, harness.checkpoint(2))
    #expect(try harness.rows("SELECT id FROM items") == ["2"])
    await old.close()
    await new.close()
  }

  @Test func twoSinksOfOnePipelineKeepTheirOwnCheckpoints() async throws {
    let harness = try SinkHarness()
    let one = harness.sink(name: "one")
    let two = harness.sink(name: "two") { $0.tableName = "two_{table}" }
    _ = try await one.open()
    _ = try await two.open()
    try await one.deliver(harness.batch { $0.insert(itemsSchema(), [.int(1), .null, .null]) }, harness.checkpoint(1))
    try await two.deliver(harness.batch { $0.insert(itemsSchema(), [.int(1), .null, .null]) }, harness.checkpoint(2))
    await one.close()
    await two.close()
    #expect(
      try harness.rows("SELECT sink, position FROM _freshet_checkpoint ORDER BY sink") == [
        "'one'|'0-1-1'", "'two'|'0-1-2'",
      ])
  }
}
