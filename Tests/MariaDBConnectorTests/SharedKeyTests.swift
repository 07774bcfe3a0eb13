import Change
import ConnectorConformance
import MariaDBClient
import Pipeline
import SQLRendering
import Testing

@testable import MariaDBConnector

/// Keys that two sources of a merged table have at one time.
@Suite(.serialized) struct SharedKeyTests {
  static let kinds: [TargetMode.Kind] = [.mirror, .softDelete]

  private static func trial(
    _ target: SinkTestTarget, _ kind: TargetMode.Kind = .mirror, hasTextKey: Bool = false, hasUnique: Bool = false,
    quickEntries: Int = 128, workers: Int = 1
  ) -> SharedKeyTrial {
    SharedKeyTrial(
      table: SharedKeyTrial.table(hasTextKey: hasTextKey, hasUnique: hasUnique),
      open: {
        let sink = try target.sink(merged: SharedKeyTrial.merged) {
          $0.mode = TargetMode(kind)
          $0.keepsExistingRows = false
          $0.workers = workers
        }
        _ = try await sink.open()
        sink.quickEntries = quickEntries
        sink.sharedEntries = 1
        return sink
      },
      rows: {
        try target.rows(
          "SELECT id, value FROM items\(kind == .softDelete ? " WHERE _deleted_at IS NULL" : "") ORDER BY id")
      })
  }

  private func failure(
    _ kind: TargetMode.Kind, quickEntries: Int, _ steps: SharedKeyTrial.Step...
  ) async throws -> Failure? {
    var trial = try SharedKeyTests.trial(SinkTestTarget(), kind, quickEntries: quickEntries)
    return try await trial.deliver(steps)
  }

  @Test(arguments: kinds, [0, 128])
  func aKeyOfTwoSourcesStopsThePipelineInOneGroupAndInTwo(_ kind: TargetMode.Kind, _ quick: Int) async throws {
    let together = try #require(try await failure(kind, quickEntries: quick, .insert(0, 1), .insert(1, 1)))
    #expect(together.code == .badValue)
    #expect(together.message == #"source "south" brings a row with a key (id) that source "north" has brought"#)
    let apart = try #require(try await failure(kind, quickEntries: quick, .insert(0, 1), .commit, .insert(1, 1)))
    #expect(apart.message.contains(#"source "south" brings a row with a key (id) that the target already has"#))
    #expect(apart.place.contains(#"table "shop.items""#) && apart.place.contains("transaction 0-1-2"))
    #expect(
      try await failure(kind, quickEntries: quick, .insert(0, 1), .commit, .insert(1, 1), .delete(1, 1)) != nil)
    #expect(try await failure(kind, quickEntries: quick, .insert(0, 1), .commit, .delete(0, 1), .insert(1, 1)) == nil)
    #expect(
      try await failure(kind, quickEntries: quick, .insert(0, 1), .commit, .delete(0, 1), .commit, .insert(1, 1)) == nil
    )
  }

  @Test func oneKeyAmongThousandsIsFound() async throws {
    for workers in [1, 3] {
      var trial = try SharedKeyTests.trial(SinkTestTarget(), quickEntries: 0, workers: workers)
      let north = (1...3000).map { SharedKeyTrial.Step.insert(0, Int64($0) * 2) }
      let south = (1...3000).map { SharedKeyTrial.Step.insert(1, Int64($0) * 2 + 1) }
      #expect(try await trial.deliver(north) == nil)
      let failure = try await trial.deliver(south + [.insert(1, 4000)])
      #expect(failure?.place.contains("transaction 0-1-6001") == true, "\(String(describing: failure))")
      #expect(try trial.rows().count == 3000)
    }
  }

  @Test(arguments: kinds) func noRowIsRefusedButThoseOfAnotherSource(_ kind: TargetMode.Kind) async throws {
    for seed in UInt64(0)..<24 {
      let target = try SinkTestTarget()
      var trial = SharedKeyTests.trial(
        target, kind, hasTextKey: seed % 2 == 0, hasUnique: seed % 3 == 0, quickEntries: seed % 5 < 3 ? 0 : 128,
        workers: seed % 7 == 0 ? 2 : 1)
      // A foreign key makes the sink apply each change by itself.
      if seed % 4 == 3 {
        try target.client.execute(
          """
          CREATE TABLE items (part VARCHAR(20) NOT NULL, id BIGINT NOT NULL, value BIGINT NOT NULL\
          \(kind == .softDelete ? ", _deleted_at TIMESTAMP(6) NULL" : ""), PRIMARY KEY (id))
          """)
        try target.client.execute("CREATE TABLE child (id BIGINT PRIMARY KEY, FOREIGN KEY (id) REFERENCES items (id))")
      }
      #expect(try await trial.play(seed: seed) == nil, "\(kind), seed \(seed)")
    }
  }
}
