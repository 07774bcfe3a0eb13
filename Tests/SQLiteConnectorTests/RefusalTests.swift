import Change
import ConnectorConformance
import Pipeline
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

/// Rows that constraints and triggers of the target refuse.
@Suite struct RefusalTests {
  private let harness: SinkHarness

  init() throws { harness = try SinkHarness() }

  private func deliver(_ sink: SQLiteSink, _ number: Int, _ fill: (BatchBuilder) -> Void) async throws -> Outcome? {
    try await sink.deliver(harness.batch(fill), harness.checkpoint(number)).outcomes[itemsSchema().name]
  }

  @Test(arguments: [
    "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL ON CONFLICT ROLLBACK, amount INTEGER)",
    """
    CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER);
    CREATE TRIGGER guard BEFORE INSERT ON items WHEN new.name IS NULL BEGIN SELECT RAISE(ROLLBACK, 'no'); END
    """,
  ]) func aTargetThatUndoesAWholeGroupForOneRowStopsTheSinkAtItsCheckpoint(_ definition: String) async throws {
    try harness.execute(definition)
    let sink = harness.sink(badRows: .quarantine)
    _ = try await sink.open()
    _ = try await deliver(sink, 1) { $0.insert(itemsSchema(), [.int(1), $0.text("a"), .null]) }
    let failure = await #expect(throws: Failure.self) {
      _ = try await deliver(sink, 2) { builder in
        builder.insert(itemsSchema(), [.int(2), builder.text("b"), .null])
        builder.insert(itemsSchema(), [.int(3), .null, .null])
        builder.insert(itemsSchema(), [.int(4), builder.text("c"), .null])
      }
    }
    #expect(failure?.code == .targetShape)
    await sink.close()
    #expect(try harness.rows("SELECT id FROM items") == ["1"])
    #expect(try harness.rows("SELECT position FROM _freshet_checkpoint") == ["'0-1-1'"])
    #expect(try harness.rows("SELECT * FROM _freshet_quarantine").isEmpty)
  }

  private func refuseDeletion(of id: Int) throws {
    try harness.execute(
      "CREATE TRIGGER guard BEFORE DELETE ON items WHEN old.id = \(id) BEGIN SELECT RAISE(ABORT, 'kept'); END")
  }

  @Test func aRefusedDeletionOfAKeyThatMovedAwayNamesItsOwnChange() async throws {
    try harness.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER)")
    try refuseDeletion(of: 5)
    let sink = harness.sink(badRows: .quarantine)
    _ = try await sink.open()
    _ = try await deliver(sink, 1) { $0.insert(itemsSchema(), [.int(5), .null, .null]) }
    let outcome = try await deliver(sink, 2) { builder in
      builder.insert(itemsSchema(), [.int(1), .null, .null])
      builder.update(itemsSchema(), [.int(5), .null, .null], [.int(6), .null, .null])
    }
    await sink.close()
    #expect(outcome == Outcome(delivered: 2))
    #expect(try harness.rows("SELECT operation, key FROM _freshet_quarantine") == [#"'update'|'{"id":5}'"#])
  }

  @Test func aRowThatIsRefusedWhileOthersTradeTheirValuesIsCountedOnce() async throws {
    try harness.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER UNIQUE)")
    try refuseDeletion(of: 3)
    let sink = harness.sink(badRows: .quarantine)
    _ = try await sink.open()
    let schema = itemsSchema()
    _ = try await deliver(sink, 1) { builder in
      for id in 1...3 { builder.insert(schema, [.int(Int64(id)), .null, .int(Int64(id))]) }
    }
    let outcome = try await deliver(sink, 2) { builder in
      let name = builder.text("x")
      builder.update(schema, [.int(3), .absent, .absent], [.absent, name, .absent])
      builder.update(schema, [.int(1), .absent, .absent], [.absent, .absent, .int(9)])
      builder.update(schema, [.int(2), .absent, .absent], [.absent, .absent, .int(1)])
      builder.update(schema, [.int(1), .absent, .absent], [.absent, .absent, .int(2)])
    }
    await sink.close()
    #expect(outcome == Outcome(delivered: 2, superseded: 1, quarantined: 1))
    #expect(try harness.rows("SELECT * FROM items ORDER BY id") == ["1|NULL|2", "2|NULL|1", "3|NULL|3"])
    #expect(try harness.rows("SELECT key FROM _freshet_quarantine") == [#"'{"id":3}'"#])
  }
}
