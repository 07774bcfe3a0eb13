import Change
import Logging
import MemoryConnector
import Pipeline
import Synchronization
import TestRandom
import Testing

/// Snapshots, and windows over them, that are broken off anywhere, by sinks that fail and by pipelines that are ended, again and again.
@Suite(.timeLimit(.minutes(60))) struct WindowSnapshotTests {
  private struct Trial {
    let logs: [SnapshotLog]
    let targets = [MemoryTarget(), MemoryTarget()]
    /// Nil: there are no windows.
    let block: String?
    let directory: String
    var idleAfter: UInt64? = nil
    /// Whether there is another sink, which keeps no checkpoint.
    var isThird = false

    func makeRun() throws -> PipelineRun {
      var definition = PipelineDefinition(
        name: "shop",
        sources: logs.enumerated().map { .init(name: "source\($0)", definition: SnapshotSourceDefinition(log: $1)) },
        order: OrderSettings(idleAfter: idleAfter), windows: try block.map(WindowTrial.definitions) ?? [],
        sinks: targets.enumerated().map {
          .init(
            name: "copy\($0)",
            definition: AttentiveSinkDefinition(
              target: $1,
              traits: SinkTraits(
                groupBytes: $0 == 0 ? 1 : 1 << 20, commitInterval: $0 == 1 && idleAfter != nil ? 4_000_000 : 0)))
        },
        stateDirectory: directory)
      if isThird { definition.sinks.append(.init(name: "third", definition: BlackholeSinkDefinition())) }
      definition.windowStateInterval = 0
      return PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Runs again and again; each time some sources begin late, or take long, and everything ends at some moment.
    func breakOffLate(_ random: inout SeededRandom) async throws {
      for _ in 0..<9 {
        for log in logs {
          let pauses = SnapshotLog.Pauses(
            start: Bool.random(using: &random) ? 0 : UInt64.random(in: 0...60_000_000, using: &random),
            chunk: Bool.random(using: &random) ? 0 : UInt64.random(in: 0...4_000_000, using: &random))
          log.pauses.withLock { $0 = pauses }
        }
        try await endAfter(UInt64.random(in: 0...120_000_000, using: &random))
      }
      for log in logs { log.pauses.withLock { $0 = SnapshotLog.Pauses() } }
    }

    private func endAfter(_ nanoseconds: UInt64) async throws {
      let run = try makeRun()
      let task = Task { try await run.run(until: .now) }
      try await Task.sleep(nanoseconds: nanoseconds)
      task.cancel()
      if case .failure(let error) = await task.result, !(error is CancellationError) { try expectOrdered(error) }
    }

    /// Runs again and again; each time a sink fails at some step, or everything ends at some moment.
    func breakOff(_ random: inout SeededRandom) async throws {
      // The first time at the second chunk.
      targets[0].faults.fail(.commit, visit: 2, with: Failure(.conflict, "ordered by the test"))
      for round in 0..<9 {
        if round % 3 == 2 {
          try await endAfter(UInt64.random(in: 0...8_000_000, using: &random))
          continue
        }
        if let faults = targets.randomElement(using: &random)?.faults {
          let step = [MemoryFaults.Step.write, .commit, .committed].randomElement(using: &random) ?? .commit
          let visit = faults.visits(of: step) + Int.random(in: 1...8, using: &random)
          faults.fail(step, visit: visit, with: Failure(.conflict, "ordered by the test"))
        }
        _ = try await isWhole(makeRun())
      }
    }

    /// Whether a run came to the log's end.
    private func isWhole(_ run: PipelineRun) async throws -> Bool {
      do {
        try await run.run(until: .now)
        return true
      } catch {
        try expectOrdered(error)
        return false
      }
    }

    /// What the test has ordered, or the end of a levelling, may end a run; nothing else.
    private func expectOrdered(_ error: any Error) throws {
      guard let failure = error as? Failure, failure.code == .conflict || failure.code == .busy else { throw error }
    }

    /// Once more as a whole; then behind rows far ahead, which complete the windows.
    func end(at commit: Int64) async throws {
      for log in logs { log.complete() }
      try await runWhole()
      for (source, log) in logs.enumerated() {
        let row = WindowTrial.order(WindowSnapshotTests.firstID(of: source) + 900_000, "end", 0, at: commit + 20_000)
        log.append(WindowTrial.transaction(commit + 20_000, [.insert(WindowTrial.orders, row)]))
      }
      try await runWhole()
    }

    /// What was ordered and has not happened yet may happen now.
    private func runWhole() async throws {
      for _ in 0..<60 where try await isWhole(makeRun()) { return }
      throw Failure(.internal, "the pipeline does not come to the end of the log")
    }

    /// How often each change of the log came.
    static func changes(of target: MemoryTarget) -> [LoggedChange: Int] {
      let records = target.content.journal.filter { $0.table == WindowTrial.orders.name && $0.operation != .read }
      let changes = records.map { record in
        LoggedChange(
          transaction: record.sequence, operation: record.operation, row: (record.before ?? record.after)?[0] ?? .null)
      }
      return Dictionary(changes.map { ($0, 1) }, uniquingKeysWith: +)
    }

    static func changes(of work: RandomWindowTests.Workload) -> [LoggedChange: Int] {
      let changes = work.log.enumerated().flatMap { number, transaction in
        transaction.changes.compactMap { change -> LoggedChange? in
          let sequence = UInt64(number + 1)
          switch change {
          case .insert(_, let row): return LoggedChange(transaction: sequence, operation: .insert, row: row[0])
          case .update(_, let row, _): return LoggedChange(transaction: sequence, operation: .update, row: row[0])
          case .delete(_, let row): return LoggedChange(transaction: sequence, operation: .delete, row: row[0])
          default: return nil
          }
        }
      }
      return Dictionary(changes.map { ($0, 1) }, uniquingKeysWith: +)
    }

    func results(_ target: MemoryTarget) -> [TransformedRow] {
      target.content.journal.filter { $0.table == WindowTrial.results }.map {
        TransformedRow(operation: $0.operation, table: $0.table, before: $0.before, after: $0.after)
      }
    }
  }

  /// A change of a row by a transaction of its source, which the row's identifier tells.
  private struct LoggedChange: Hashable {
    var transaction: UInt64
    var operation: Change.Operation
    var row: MemoryValue
  }

  private static func firstID(of source: Int) -> Int64 { Int64(source) * 1_000_000 + 1 }

  private static let seeds = TestSeeds.range(2)

  @Test(arguments: RandomWindowTests.Shape.allCases, WindowSnapshotTests.seeds)
  func whereverASnapshotIsBrokenOffTheLastPaneIsWhatAQueryGives(
    _ shape: RandomWindowTests.Shape, _ seed: Int
  ) async throws {
    try await WindowSnapshotTests.expectEnd(shape, seed, sources: 1)
  }

  @Test(arguments: RandomWindowTests.Shape.allCases, WindowSnapshotTests.seeds)
  func whereverSnapshotsOfSeveralSourcesAreBrokenOffTheLastPaneIsWhatAQueryGives(
    _ shape: RandomWindowTests.Shape, _ seed: Int
  ) async throws {
    try await WindowSnapshotTests.expectEnd(shape, seed, sources: 2 + seed % 2)
  }

  /// Sinks that are ahead in one source and behind in another do not wait for one another.
  @Test(arguments: WindowSnapshotTests.seeds)
  func whereverSnapshotsOfSeveralSourcesAreBrokenOffTheCopiesAreWhole(_ seed: Int) async throws {
    try await WindowSnapshotTests.expectEnd(nil, seed, sources: 2 + seed % 3)
  }

  /// Results of some are told when the snapshots of others begin.
  @Test(arguments: RandomWindowTests.Shape.allCases, WindowSnapshotTests.seeds)
  func whereverLateSnapshotsAreBrokenOffTheLastPaneIsWhatAQueryGives(
    _ shape: RandomWindowTests.Shape, _ seed: Int
  ) async throws {
    try await WindowSnapshotTests.expectEnd(
      shape, seed, sources: 2 + seed % 2, idleAfter: 1_000_000, isLate: true)
  }

  @Test(arguments: WindowSnapshotTests.seeds)
  func whereverLateSnapshotsAreBrokenOffTheCopiesAreWhole(_ seed: Int) async throws {
    try await WindowSnapshotTests.expectEnd(nil, seed, sources: 2 + seed % 3, idleAfter: 1_000_000, isLate: true)
  }

  @Test(arguments: RandomWindowTests.Shape.allCases, WindowSnapshotTests.seeds)
  func aSinkWithoutACheckpointChangesNothing(_ shape: RandomWindowTests.Shape, _ seed: Int) async throws {
    try await WindowSnapshotTests.expectEnd(shape, seed, sources: 1 + seed % 3, isThird: true)
  }

  @Test(arguments: WindowSnapshotTests.seeds)
  func aSinkWithoutACheckpointBesideCopiesChangesNothing(_ seed: Int) async throws {
    try await WindowSnapshotTests.expectEnd(nil, seed, sources: 1 + seed % 3, isThird: true)
  }

  private static func expectEnd(
    _ shape: RandomWindowTests.Shape?, _ seed: Int, sources: Int, idleAfter: UInt64? = nil, isLate: Bool = false,
    isThird: Bool = false
  ) async throws {
    var random = SeededRandom(seed: UInt64(seed) + 40_000)
    let works = (0..<sources).map { source in
      RandomWindowTests.Workload(
        seed: UInt64(seed) + 700 + UInt64(source) * 100_000, transactions: 160 / sources, disorder: 60,
        firstID: firstID(of: source))
    }
    let images = seed % 2 == 0 ? RememberTests.Images.full : .minimal
    var block = shape.map { RandomWindowTests.block($0, "accumulating", &random) }
    if images != .full { block = block.map { "\($0.dropLast(2)), remember: true }" } }
    let logs = works.enumerated().map { source, work in
      SnapshotLog(
        work.log, visible: 60 / sources, images: images, seed: UInt64(seed * 7 + source))
    }
    let (rows, commit) = (works.flatMap(\.rows.values), works.map(\.commit).max() ?? 0)
    let written = works.reduce(into: [:]) { $0.merge(Trial.changes(of: $1)) { $1 } }
    try await withStateDirectory { directory in
      let trial = Trial(logs: logs, block: block, directory: directory, idleAfter: idleAfter, isThird: isThird)
      if isLate { try await trial.breakOffLate(&random) } else { try await trial.breakOff(&random) }
      try await trial.end(at: commit)
      #expect(logs.reduce(0) { $0 + $1.resumedInside } > 0 || isLate)
      for target in trial.targets {
        let copied = target.content.tables[WindowTrial.orders.name]?.rows ?? []
        #expect(Set(copied.filter { $0[1] != .text("end") }) == Set(rows))
        for (change, count) in Trial.changes(of: target) {
          #expect(count <= (written[change] ?? 1), "\(change) came \(count) times")
        }
        guard let shape else { continue }
        // A result whose row before it is not the one that was told last fails here.
        let held = try WindowTrial.applied(trial.results(target), key: shape == .cumulative ? [0, 1, 2] : [0, 2])
        let last = Set(held.values.filter { $0[2] != .text("end") }.map { row in row[..<11].map(WindowTrial.text) })
        #expect(last == RandomWindowTests.model(rows, shape), "\(block ?? "")")
      }
      #expect(trial.results(trial.targets[0]).count == trial.results(trial.targets[1]).count)
    }
  }
}
