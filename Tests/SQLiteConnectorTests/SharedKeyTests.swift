import Change
import ConnectorConformance
import Pipeline
import SQLRendering
import Testing

@testable import SQLiteConnector

/// Keys that two sources of a merged table have at one time.
@Suite struct SharedKeyTests {
  static let kinds: [TargetMode.Kind] = [.mirror, .softDelete]

  private static func trial(
    _ harness: SinkHarness, _ kind: TargetMode.Kind = .mirror, hasTextKey: Bool = false, hasUnique: Bool = false,
    keeps: Bool = false, badRows: BadRowPolicy = .stop
  ) -> SharedKeyTrial {
    SharedKeyTrial(
      table: SharedKeyTrial.table(hasTextKey: hasTextKey, hasUnique: hasUnique),
      open: {
        let sink = harness.sink(badRows: badRows, merged: SharedKeyTrial.merged) {
          $0.mode = TargetMode(kind)
          $0.keepsExistingRows = keeps
        }
        _ = try await sink.open()
        return sink
      },
      rows: {
        try harness.rows(
          "SELECT id, value FROM items\(kind == .softDelete ? " WHERE _deleted_at IS NULL" : "") ORDER BY id")
      })
  }

  private func failure(
    _ kind: TargetMode.Kind, _ steps: SharedKeyTrial.Step..., badRows: BadRowPolicy = .stop
  ) async throws -> Failure? {
    let harness = try SinkHarness()
    var trial = SharedKeyTests.trial(harness, kind, badRows: badRows)
    return try await trial.deliver(steps)
  }

  @Test(arguments: kinds) func aKeyOfTwoSourcesStopsThePipelineInOneGroupAndInTwo(_ kind: TargetMode.Kind) async throws
  {
    let together = try #require(try await failure(kind, .insert(0, 1), .insert(1, 1)))
    #expect(together.code == .badValue)
    #expect(together.message == #"source "south" brings a row with a key (id) that source "north" has brought"#)
    #expect(together.place.contains(#"table "shop.items""#) && together.place.contains("transaction 0-1-2"))
    let apart = try #require(
      try await failure(kind, .insert(0, 1), .commit, .insert(1, 1), badRows: .quarantine))
    #expect(apart.message.contains(#"source "south" brings a row with a key (id) that the target already has"#))
    #expect(apart.hint.contains("shared_keys"))
    #expect(try await failure(kind, .read(0, 1), .commit, .read(1, 1)) != nil)
    #expect(try await failure(kind, .insert(0, 1), .insert(1, 2), .commit, .move(1, 2, to: 1)) != nil)
    #expect(try await failure(kind, .insert(0, 1), .commit, .insert(1, 1), .delete(1, 1)) != nil)
    #expect(try await failure(kind, .insert(0, 1), .delete(1, 1)) != nil)
  }

  @Test(arguments: kinds) func aRowMayLeaveOneSourceAndComeToAnother(_ kind: TargetMode.Kind) async throws {
    #expect(try await failure(kind, .insert(0, 1), .delete(0, 1), .insert(1, 1)) == nil)
    #expect(try await failure(kind, .insert(0, 1), .commit, .delete(0, 1), .insert(1, 1)) == nil)
    #expect(try await failure(kind, .insert(0, 1), .commit, .delete(0, 1), .commit, .insert(1, 1)) == nil)
    #expect(try await failure(kind, .insert(0, 1), .commit, .move(0, 1, to: 2), .insert(1, 1)) == nil)
  }

  @Test func rowsThatWereThereBeforeMayBeTheSources() async throws {
    let harness = try SinkHarness()
    var first = SharedKeyTests.trial(harness)
    #expect(try await first.deliver([.insert(0, 1)]) == nil)
    var second = SharedKeyTests.trial(harness, keeps: true)
    #expect(try await second.deliver([.read(1, 1)]) == nil)
  }

  @Test(arguments: kinds) func noRowIsRefusedButThoseOfAnotherSource(_ kind: TargetMode.Kind) async throws {
    let harness = try SinkHarness()
    for seed in UInt64(0)..<240 {
      try harness.execute(
        "PRAGMA synchronous = off; DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS parent")
      // A foreign key with an action makes the sink apply each change by itself.
      if seed % 4 == 3 {
        try harness.execute(
          "CREATE TABLE parent (u INTEGER PRIMARY KEY); CREATE TABLE child (u REFERENCES parent ON DELETE CASCADE)")
      }
      var trial = SharedKeyTests.trial(harness, kind, hasTextKey: seed % 2 == 0, hasUnique: seed % 3 == 0)
      #expect(try await trial.play(seed: seed) == nil, "\(kind), seed \(seed)")
    }
  }
}
