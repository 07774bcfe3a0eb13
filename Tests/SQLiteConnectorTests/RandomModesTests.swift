import Change
import ConnectorConformance
import Pipeline
import SQLRendering
import SQLiteDatabase
import TestRandom
import Testing

@testable import SQLiteConnector

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
    let hasPartial = seed % 2 == 1 && kind != .append
    var trial = ModesTrial(
      player: RandomPlayer(seed: seed, hasPartialImages: hasPartial, hasPartialInserts: hasPartial),
      model: ModeModel(kind), open: { try await open(harness, kind) }, apply: { try $0.applyAll() },
      rows: { try harness.rows("SELECT * FROM items").sorted() })
    (trial.player.quote, trial.model.quote, trial.model.zone) = ("'", "'", "Z")
    trial.second = { $0 / 3 }
    #expect(try await trial.play(checkpoint: harness.checkpoint) == nil, "\(kind), seed \(seed)")
    #expect(trial.total.quarantined == 0 && trial.total.filtered == 0)
    #expect(trial.total.total == trial.player.changes, "\(kind), seed \(seed)")
  }

  private func open(_ harness: SinkHarness, _ kind: TargetMode.Kind) async throws -> SQLiteSink {
    let sink = harness.sink {
      $0.mode = TargetMode(kind)
      $0.journalMode = "memory"
    }
    _ = try await sink.open()
    return sink
  }
}
