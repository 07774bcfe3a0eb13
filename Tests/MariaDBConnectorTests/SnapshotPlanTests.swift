import Change
import Testing

@testable import MariaDBConnector

/// Which sinks a run of a snapshot brings level, and that what it stores on the way stands for nothing else.
struct SnapshotPlanTests {
  private static func place(_ step: UInt64?, _ level: UInt64 = 0, at offset: UInt64 = 100) -> MariaDBPosition {
    MariaDBPosition(
      log: LogPlace(file: "binlog.000001", offset: offset),
      snapshot: step.map { SnapshotState(step: $0, levelStep: level) })
  }

  private static func plan(_ checkpoints: [MariaDBPosition?]) throws -> SnapshotPlan {
    var options = MariaDBSourceOptions(files: [])
    options.snapshotMode = .initial
    return try #require(try SnapshotPlan(checkpoints, options))
  }

  @Test func theOneThatIsFurthestBehindIsBroughtLevelWithTheOneThatIsFurthest() throws {
    let plan = try SnapshotPlanTests.plan([
      SnapshotPlanTests.place(10), SnapshotPlanTests.place(8, 3), SnapshotPlanTests.place(8, 1),
    ])
    #expect(plan.isLevelling && plan.rank == .partial(step: 8, levelStep: 1))
    #expect(plan.target?.snapshot?.step == 10)
    #expect(plan.levelStep == 3)
    // Neither the second, which waits for its turn, nor the third when it is there, but the third on its way.
    #expect(!plan.isBehind(SnapshotPlanTests.place(8, 3)) && !plan.isBehind(SnapshotPlanTests.place(10)))
    #expect(plan.isBehind(SnapshotPlanTests.place(8, 1)) && plan.isBehind(SnapshotPlanTests.place(8, 4)))
  }

  @Test func oneWithNothingIsBroughtLevelWithOneThatIsComplete() throws {
    let plan = try SnapshotPlanTests.plan([nil, SnapshotPlanTests.place(nil), SnapshotPlanTests.place(0, 2)])
    #expect(plan.isLevelling && plan.rank == .nothing && plan.base == nil)
    #expect(plan.target != nil && plan.target?.snapshot == nil)
    #expect(plan.levelStep == 2)
    #expect(plan.isBehind(nil) && plan.isBehind(SnapshotPlanTests.place(0, 3)))
  }

  @Test func thoseAtOnePlaceGoOnTogether() throws {
    let plan = try SnapshotPlanTests.plan([SnapshotPlanTests.place(8, at: 300), SnapshotPlanTests.place(8)])
    #expect(!plan.isLevelling && plan.target == nil && plan.base?.log.offset == 100)
  }

  @Test func twoThatWereOnTheirWayToOneThatIsGoneAreRefused() {
    let failure = #expect(throws: Failure.self) {
      _ = try SnapshotPlanTests.plan([SnapshotPlanTests.place(8, 3), SnapshotPlanTests.place(8, 1)])
    }
    #expect(failure?.code == .identity)
  }
}
