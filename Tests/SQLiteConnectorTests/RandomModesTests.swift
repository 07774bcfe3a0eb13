import Change
import ConnectorConformance
import Pipeline
import SQLRendering
import SQLiteDatabase
import TestRandom
import Testing

@testable import SQLiteConnector

/// Random transactions that are cut into batches anywhere, delivered in groups by sinks that are killed and started again.
@Suite struct RandomModesTests {
  static let kinds = TargetMode.Kind.allCases.filter { $0 != .mirror }

  @Test(arguments: kinds)
  func whateverTheChangesTheirCutsAndTheRestartsTheTableIsWhatTheModeSays(_ kind: TargetMode.Kind) async throws {
    let harness = try SinkHarness()
    for seed in 0..<300 { try await play(UInt64(seed), kind, harness) }
  }

  private func play(_ seed: UInt64, _ kind: TargetMode.Kind, _ harness: SinkHarness) async throws {
    try harness.execute(
      "PRAGMA journal_mode = off; PRAGMA synchronous = off; DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS _freshet_sequence; DROP TABLE IF EXISTS _freshet_checkpoint; DROP TABLE IF EXISTS child"
    )
    // A foreign key with an action makes the sink apply each change by itself.
    if seed % 7 == 0 {
      try harness.execute(
        "CREATE TABLE parent (u INTEGER PRIMARY KEY); CREATE TABLE child (u REFERENCES parent ON DELETE CASCADE)")
    }
    defer { _ = Result { try harness.execute("DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS parent") } }
    var player = RandomPlayer(
      seed: seed, hasPartialImages: seed % 2 == 1 && kind != .append,
      hasPartialInserts: seed % 2 == 1 && kind != .append)
    var model = ModeModel(kind)
    (player.quote, model.quote, model.zone) = ("'", "'", "Z")
    var total = Outcome()
    var sink = try await open(harness, kind)
    var transaction = 0
    for group in 0..<4 {
      let builder = BatchBuilder()
      var batches: [Batch] = []
      for _ in 0..<(1 + player.random.next(below: 4)) {
        transaction += 1
        let second = transaction / 3
        builder.begin(
          commitTime: EventTime(seconds: UInt32(second)), mark: LogMark(sequence: UInt64(transaction)),
          identifier: "0-1-\(transaction)")
        player.events = []
        repeat {
          for _ in 0..<(1 + player.random.next(below: 12)) { player.play(builder) }
          if player.random.next(below: 3) == 0 { batches.append(take(builder, transaction - 1)) }
        } while player.events.isEmpty || player.random.next(below: 3) == 0
        builder.end(mark: LogMark(sequence: UInt64(transaction)))
        if player.random.next(below: 2) == 0 { batches.append(take(builder, transaction)) }
        model.take(player.events, transaction: transaction, second: second, player)
      }
      batches.append(take(builder, transaction))
      if player.random.next(below: 2) == 0 {
        try await write(batches, to: sink, &player)
        await sink.close()
        sink = try await open(harness, kind)
      }
      try await write(batches, to: sink, &player)
      for outcome in try await sink.commit(harness.checkpoint(group)).outcomes.values { total += outcome }
      let rows = try harness.rows("SELECT * FROM items").sorted()
      #expect(rows == model.expected(player), "\(kind), seed \(seed), group \(group)")
      guard rows == model.expected(player) else { break }
    }
    await sink.close()
    #expect(total.quarantined == 0 && total.filtered == 0)
    #expect(total.total == player.changes, "\(kind), seed \(seed)")
  }

  private func open(_ harness: SinkHarness, _ kind: TargetMode.Kind) async throws -> SQLiteSink {
    let sink = harness.sink {
      $0.mode = TargetMode(kind)
      $0.journalMode = "memory"
    }
    _ = try await sink.open()
    return sink
  }

  private func take(_ builder: BatchBuilder, _ transaction: Int) -> Batch {
    builder.take(position: Position(text: "0-1-\(transaction)", token: "{}"))
  }

  /// Part by part, and now and then applied before the transaction's end, as a transaction larger than memory is.
  private func write(_ batches: [Batch], to sink: SQLiteSink, _ player: inout RandomPlayer) async throws {
    for batch in batches {
      for part in batch.transactions.indices {
        try await sink.write(batch, parts: part..<(part + 1))
        if player.random.next(below: 4) == 0 { try sink.applyAll() }
      }
    }
  }
}
