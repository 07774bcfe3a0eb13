import Change
import ConnectorConformance
import Pipeline
import SQLiteDatabase
import TestRandom
import Testing

@testable import SQLiteConnector

@Suite struct RandomChangesTests {
  @Test func whateverTheChangesAndTheirGroupsTheTargetEqualsTheSource() async throws {
    let harness = try SinkHarness()
    for seed in 0..<2000 { try await play(UInt64(seed), harness) }
  }

  private func play(_ seed: UInt64, _ harness: SinkHarness) async throws {
    var player = RandomPlayer(seed: seed, hasPartialImages: seed % 2 == 1, hasPartialInserts: seed % 2 == 1)
    player.quote = "'"
    try harness.execute(
      "PRAGMA journal_mode = off; PRAGMA synchronous = off; DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS child")
    let key = ["id INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY", "id INTEGER"][Int(seed % 3)]
    let isUnique = seed % 5 < 3
    let composite = seed % 3 == 2 ? ", PRIMARY KEY (id, part)" : ""
    try harness.execute(
      "CREATE TABLE items (\(key), name TEXT DEFAULT 'not the source''s', part INTEGER, u INTEGER \(isUnique ? "UNIQUE" : ""), amount INTEGER DEFAULT 77\(composite))"
    )
    // A foreign key with an action makes the sink apply each change by itself.
    if seed % 7 == 0 { try harness.execute("CREATE TABLE child (u INTEGER REFERENCES items (u) ON DELETE CASCADE)") }
    let sink = harness.sink(memory: seed % 4 == 0 ? 1 << 20 : 64 << 20) {
      $0.foreignKeys = !(seed % 7 == 0 && !isUnique)
      $0.journalMode = "memory"
    }
    _ = try await sink.open()
    var total = Outcome()
    for group in 0..<(3 + player.random.next(below: 3)) {
      for _ in 0..<(1 + player.random.next(below: 3)) {
        let batch = harness.batch { builder in
          for _ in 0..<player.random.next(below: 25) { player.play(builder) }
        }
        try await sink.write(batch, parts: batch.transactions.indices)
      }
      let receipt = try await sink.commit(harness.checkpoint(group))
      for outcome in receipt.outcomes.values { total += outcome }
      #expect(try harness.rows("SELECT * FROM items").sorted() == player.expected, "seed \(seed), group \(group)")
    }
    await sink.close()
    #expect(total.total == player.changes, "seed \(seed)")
    #expect(total.quarantined == 0 && total.filtered == 0)
  }
}
