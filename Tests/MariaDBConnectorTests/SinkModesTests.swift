import Change
import ConnectorConformance
import Pipeline
import SQLRendering
import TestRandom
import Testing

@testable import MariaDBConnector

@Suite(.serialized) struct SinkModesTests {
  static let kinds = TargetMode.Kind.allCases

  @Test(arguments: kinds)
  func whateverTheChangesTheirCutsAndTheRestartsTheTableIsWhatTheModeSays(_ kind: TargetMode.Kind) async throws {
    for seed in 0..<12 { try await play(UInt64(seed), kind, SinkTestTarget()) }
  }

  private func play(_ seed: UInt64, _ kind: TargetMode.Kind, _ target: SinkTestTarget) async throws {
    var trial = ModesTrial(
      player: RandomPlayer(seed: seed, hasPartialImages: seed % 2 == 1 && kind != .append), model: ModeModel(kind),
      open: { try await open(target, kind) }, apply: { try await $0.applyAll() },
      rows: { try target.rows("SELECT * FROM items").sorted() })
    #expect(try await trial.play(checkpoint: target.checkpoint) == nil, "\(kind), seed \(seed)")
    #expect(trial.total.quarantined == 0 && trial.total.filtered == 0)
    #expect(trial.total.total == trial.player.changes, "\(kind), seed \(seed)")
  }

  private func open(_ target: SinkTestTarget, _ kind: TargetMode.Kind) async throws -> MariaDBSink {
    let sink = try target.sink {
      $0.mode = TargetMode(kind)
      $0.keepsExistingRows = false
      $0.stateDatabase = "\(target.database)_state"
    }
    _ = try await sink.open()
    return sink
  }
}
