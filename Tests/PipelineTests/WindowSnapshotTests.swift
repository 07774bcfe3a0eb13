import Change
import Foundation
import Logging
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Windows over snapshots that are broken off anywhere, by sinks that fail and by pipelines that are ended, again and again.
@Suite(.timeLimit(.minutes(5))) struct WindowSnapshotTests {
  private static func withDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-\(UUID().uuidString)").path
    do {
      try await body(directory)
    } catch {
      try FileManager.default.removeItem(atPath: directory)
      throw error
    }
    try FileManager.default.removeItem(atPath: directory)
  }

  private static func run(
    _ log: SnapshotLog, _ targets: [MemoryTarget], _ block: String, _ directory: String
  ) throws -> PipelineRun {
    var definition = PipelineDefinition(
      name: "shop", source: .init(name: "source", definition: SnapshotSourceDefinition(log: log)), transforms: [],
      windows: try WindowTrial.definitions(block),
      sinks: targets.enumerated().map {
        .init(
          name: "copy\($0)",
          definition: MemorySinkDefinition(target: $1, traits: SinkTraits(groupBytes: $0 == 0 ? 1 : 1 << 20)))
      },
      stateDirectory: directory)
    definition.windowStateInterval = 0
    return PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// Runs again and again; each time a sink fails at some step, or everything ends at some moment.
  private static func runBroken(
    _ log: SnapshotLog, _ targets: [MemoryTarget], _ block: String, _ directory: String, _ random: inout SeededRandom
  ) async throws {
    // The first time at the second chunk.
    targets[0].faults.fail(.commit, visit: 2, with: Failure(.conflict, "ordered by the test"))
    for round in 0..<9 {
      let run = try run(log, targets, block, directory)
      if round % 3 == 2 {
        let task = Task { try await run.run(until: .now) }
        try await Task.sleep(nanoseconds: UInt64.random(in: 0...8_000_000, using: &random))
        task.cancel()
        if case .failure(let error) = await task.result, !(error is CancellationError) { try expectOrdered(error) }
        continue
      }
      if let faults = targets.randomElement(using: &random)?.faults {
        let step = [MemoryFaults.Step.write, .commit, .committed].randomElement(using: &random) ?? .commit
        let visit = faults.visits(of: step) + Int.random(in: 1...8, using: &random)
        faults.fail(step, visit: visit, with: Failure(.conflict, "ordered by the test"))
      }
      _ = try await isWhole(run)
    }
  }

  /// Whether a run came to the log's end.
  private static func isWhole(_ run: PipelineRun) async throws -> Bool {
    do {
      try await run.run(until: .now)
      return true
    } catch {
      try expectOrdered(error)
      return false
    }
  }

  /// What the test has ordered, or the end of a levelling, may end a run; nothing else.
  private static func expectOrdered(_ error: any Error) throws {
    guard let failure = error as? Failure, failure.code == .conflict || failure.code == .busy else { throw error }
  }

  /// Once more as a whole; then behind a row far ahead, which completes the windows.
  private static func end(
    _ log: SnapshotLog, _ targets: [MemoryTarget], _ block: String, _ directory: String, at commit: Int64
  ) async throws {
    log.complete()
    try await runWhole(log, targets, block, directory)
    let row = WindowTrial.order(1_000_000, "end", 0, at: commit + 20_000)
    log.append(WindowTrial.transaction(commit + 20_000, [.insert(WindowTrial.orders, row)]))
    try await runWhole(log, targets, block, directory)
  }

  /// What was ordered and has not happened yet may happen now.
  private static func runWhole(
    _ log: SnapshotLog, _ targets: [MemoryTarget], _ block: String, _ directory: String
  ) async throws {
    for _ in 0..<30 where try await isWhole(run(log, targets, block, directory)) { return }
    throw Failure(.internal, "the pipeline does not come to the end of the log")
  }

  private static func results(_ target: MemoryTarget) -> [TransformedRow] {
    target.content.journal.filter { $0.table == WindowTrial.results }.map {
      TransformedRow(operation: $0.operation, table: $0.table, before: $0.before, after: $0.after)
    }
  }

  @Test(arguments: RandomWindowTests.Shape.allCases, 0..<6)
  func whereverASnapshotIsBrokenOffTheLastPaneIsWhatAQueryGives(
    _ shape: RandomWindowTests.Shape, _ seed: Int
  ) async throws {
    var random = SeededRandom(seed: UInt64(seed) + 40_000)
    let work = RandomWindowTests.Workload(seed: UInt64(seed) + 700, transactions: 160, disorder: 60)
    let images = seed % 2 == 0 ? RememberTests.Images.full : .minimal
    let log = SnapshotLog(work.log, visible: 60, images: images, seed: UInt64(seed))
    var block = RandomWindowTests.block(shape, "accumulating", &random)
    if images != .full { block = "\(block.dropLast(2)), remember: true }" }
    try await WindowSnapshotTests.withDirectory { directory in
      let targets = [MemoryTarget(), MemoryTarget()]
      try await WindowSnapshotTests.runBroken(log, targets, block, directory, &random)
      try await WindowSnapshotTests.end(log, targets, block, directory, at: work.commit)
      #expect(log.resumedInside > 0)
      for target in targets {
        // A result whose row before it is not the one that was told last fails here.
        let held = try WindowTrial.applied(
          WindowSnapshotTests.results(target), key: shape == .cumulative ? [0, 1, 2] : [0, 2])
        let last = Set(held.values.filter { $0[2] != .text("end") }.map { row in row[..<11].map(WindowTrial.text) })
        #expect(last == RandomWindowTests.model(work.rows.values, shape), "\(block)")
        let rows = target.content.tables[WindowTrial.orders.name]?.rows ?? []
        #expect(Set(rows.filter { $0[1] != .text("end") }) == Set(work.rows.values))
      }
      #expect(WindowSnapshotTests.results(targets[0]).count == WindowSnapshotTests.results(targets[1]).count)
    }
  }
}
