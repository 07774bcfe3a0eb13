import Change
import Foundation
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Windows over several sources, whose sinks fail, whose runs are broken off, and whose sources fall silent and come back.
@Suite(.timeLimit(.minutes(5))) struct MergedWindowTests {
  @Test func theLogsAloneSayWhatTheResultsAre() async throws {
    try await TestSeeds.forEach(30) { seed in
      var whole = MergedWindowTrial(seed: seed, isSteady: true)
      try await whole.finish()
      var broken = MergedWindowTrial(seed: seed, isSteady: true)
      try await broken.breakOff()
      try await broken.finish()
      let expected = whole.results(0)
      for sink in broken.targets.indices {
        #expect(
          MergedWindowTests.difference(broken.results(sink), expected) == nil, "seed \(seed) sink \(sink)")
      }
      broken.expectLastPanes()
    }
  }

  @Test func whateverComesLateTheLastPaneIsWhatAQueryOverAllRowsGives() async throws {
    try await TestSeeds.forEach(30) { seed in
      var trial = MergedWindowTrial(seed: seed, isSteady: false)
      try await trial.breakOff()
      try await trial.finish()
      trial.expectLastPanes()
      for sink in trial.targets.indices {
        #expect(
          MergedWindowTests.difference(trial.results(sink), trial.results(0)) == nil, "seed \(seed) sink \(sink)")
      }
    }
  }

  @Test(arguments: [
    "{\"at\":\n", "{}\n", "\0\n", "[1,2]\n",
    #"{"at":{"a":[1]},"source":"a","transactions":1,"watermark":5}"# + "\n",
    #"{"at":{},"source":"a","transactions":18446744073709551615,"watermark":5}"# + "\n",
    #"{"at":{"b":[1,-1]},"source":"a","transactions":1,"watermark":5}"# + "\n",
  ])
  func aDamagedListOfBreaksIsRefusedWithItsFile(_ text: String) async throws {
    var refused = 0
    for seed in UInt64(0)..<8 {
      var trial = MergedWindowTrial(seed: seed, isSteady: true)
      try await trial.breakOff()
      try trial.replaceBreaks(text)
      do {
        // Where no sink has results that the stored state has not, the list is not read.
        try await trial.finish()
      } catch let failure as Failure {
        #expect(failure.code == .corruptState && failure.place.hasSuffix("/order-breaks"), "\(failure)")
        refused += 1
      }
    }
    #expect(refused > 0)
  }

  @Test func aBreakThatACrashHasCutWasNeverReliedOn() async throws {
    var trial = MergedWindowTrial(seed: 3, isSteady: true)
    try await trial.begin()
    try trial.replaceBreaks(#"{"at":{"a":[1,"#)
    try await trial.finish()
    trial.expectLastPanes()
  }

  /// The first result that is not as expected.
  private static func difference(_ found: [String], _ expected: [String]) -> String? {
    for (index, pair) in zip(found, expected).enumerated() where pair.0 != pair.1 {
      return "\(index): \(pair.0) instead of \(pair.1)"
    }
    return found.count == expected.count ? nil : "\(found.count) instead of \(expected.count)"
  }
}

/// Random logs of several sources over one table, windows over it, and the sinks that they flow into over several runs.
struct MergedWindowTrial {
  private let seed: UInt64
  private var random: SeededRandom
  private let isSteady: Bool
  /// What the logs will hold in the end; `logs` has the beginning of each.
  private let written: [[MemoryTransaction]]
  private let logs: [MemoryLog]
  private let rows: [[MemoryValue]]
  private let shape: RandomWindowTests.Shape
  private let block: String
  private let interval: UInt64
  let targets: [MemoryTarget]
  private let traits: [SinkTraits]
  private let state = FileManager.default.temporaryDirectory.appending(path: "freshet-merged-windows-\(UUID())").path

  /// - Parameter isSteady: everything is in the logs from the beginning, and no source is let go.
  init(seed: UInt64, isSteady: Bool) {
    self.seed = seed
    self.isSteady = isSteady
    var random = SeededRandom(seed: seed)
    let shape = RandomWindowTests.Shape.allCases[Int(seed % 4)]
    self.shape = shape
    block = RandomWindowTests.block(shape, "accumulating", &random)
    let count = Int.random(in: 2...4, using: &random)
    var rows: [[MemoryValue]] = []
    written = (0..<count).map { source in
      let firstID = Int64(source) * 1_000_000 + 1
      let work = RandomWindowTests.Workload(
        seed: random.next(), transactions: Int.random(in: 1...50, using: &random), disorder: 40, firstID: firstID)
      rows += work.rows.values
      // It completes every window before it.
      let end = WindowTrial.order(firstID + 900_000, "end", 0, at: 100_000)
      return work.log + [WindowTrial.transaction(100_000, [.insert(WindowTrial.orders, end)])]
    }
    self.rows = rows
    logs = written.map { MemoryLog(isSteady ? $0 : []) }
    interval = [0, 2_000_000, 1_000_000_000].randomElement(using: &random) ?? 0
    let sinks = Int.random(in: 1...3, using: &random)
    targets = (0..<sinks).map { _ in MemoryTarget() }
    traits = (0..<sinks).map { _ in
      SinkTraits(
        groupBytes: [1, 5000, 1 << 20].randomElement(using: &random) ?? 1,
        commitInterval: Bool.random(using: &random) ? 0 : 300_000)
    }
    self.random = random
  }

  /// Runs that end early: by a request, a cancellation, or the failure of a sink.
  mutating func breakOff() async throws {
    if isSteady { try await begin() }
    for _ in 0..<Int.random(in: 0...4, using: &random) { orderFailure() }
    for _ in 0..<Int.random(in: 1...5, using: &random) {
      let run = try makeRun(isLast: false)
      let running = Task { try await run.run(until: .never) }
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        if !isSteady { write() }
        try await Task.sleep(nanoseconds: UInt64.random(in: 0...6_000_000, using: &random))
      }
      if Int.random(in: 0..<3, using: &random) == 0 { run.requestStop() } else { running.cancel() }
      if case .failure(let error) = await running.result { try expectOrdered(error) }
      #expect(run.status.sinks.allSatisfy { $0.reading.unaccounted == 0 }, "seed \(seed)")
    }
  }

  /// Until every sink has a checkpoint: sinks that begin in different runs are told early results at once.
  mutating func begin() async throws {
    let run = try makeRun(isLast: false)
    let running = Task { try await run.run(until: .never) }
    while targets.contains(where: { $0.content.checkpoint == nil }) { try await Task.sleep(nanoseconds: 500_000) }
    running.cancel()
    if case .failure(let error) = await running.result { try expectOrdered(error) }
  }

  /// Puts other bytes in the place of the list of where the order was broken.
  func replaceBreaks(_ text: String) throws {
    try text.write(toFile: state + "/order-breaks", atomically: true, encoding: .utf8)
  }

  /// A run to the end of everything.
  mutating func finish() async throws {
    for (log, written) in zip(logs, written) { log.append(contentsOf: Array(written[log.count...])) }
    for attempt in 1... {
      let run = try makeRun(isLast: true)
      do {
        try await run.run(until: .now)
        break
      } catch {
        try expectOrdered(error)
        try #require(attempt < 60, "seed \(seed) never ends: \(error)")
      }
    }
    try FileManager.default.removeItem(atPath: state)
  }

  /// Some more of a log, while others stay silent.
  private mutating func write() {
    guard let source = logs.indices.randomElement(using: &random) else { return }
    let (log, written) = (logs[source], written[source])
    let end = min(written.count - 1, log.count + Int.random(in: 0...12, using: &random))
    if end > log.count { log.append(contentsOf: Array(written[log.count..<end])) }
  }

  private mutating func orderFailure() {
    let steps: [MemoryFaults.Step] = [.open, .write, .commit, .committed]
    guard let target = targets.randomElement(using: &random), let step = steps.randomElement(using: &random) else {
      return
    }
    let code: Failure.Code = Bool.random(using: &random) ? .conflict : .inputOutput
    target.faults.fail(
      step, visit: Int.random(in: 1...30, using: &random), with: Failure(code, "ordered by seed \(seed)"))
  }

  private func expectOrdered(_ error: any Error) throws {
    if error is CancellationError { return }
    let failure = try #require(error as? Failure)
    if failure.code == .corruptState { throw failure }
    try #require(failure.message.hasPrefix("ordered by"), "seed \(seed): \(failure)")
  }

  private mutating func makeRun(isLast: Bool) throws -> PipelineRun {
    let sources = logs.map {
      MemorySourceDefinition(
        log: $0, batchBytes: [300, 4000, 1 << 20].randomElement(using: &random) ?? 300,
        transactionsPerBatch: Int.random(in: 1...9, using: &random))
    }
    let patience: [UInt64?] = isSteady || isLast ? [nil] : [1_000_000, 5_000_000, nil]
    return Shop.merge(
      sources, order: OrderSettings(idleAfter: patience.randomElement(using: &random) ?? nil),
      into: zip(targets, traits).enumerated().map {
        ("copy\($0)", MemorySinkDefinition(target: $1.0, traits: $1.1))
      },
      windows: try WindowTrial.definitions(block), windowStateInterval: interval, state: state)
  }

  /// The results by their numbers; within one the order says nothing.
  func results(_ sink: Int) -> [String] {
    targets[sink].content.journal.filter { $0.table != WindowTrial.orders.name }.map { record in
      let row = TransformedRow(
        operation: record.operation, table: record.table, before: record.before, after: record.after)
      return String(repeating: "0", count: 8 - "\(record.sequence)".count) + "\(record.sequence) "
        + WindowTrial.told(row)
    }.sorted()
  }

  func expectLastPanes() {
    let expected = RandomWindowTests.model(rows, shape)
    for (number, target) in targets.enumerated() {
      let content = target.content
      let held = content.tables[WindowTrial.results]?.rows ?? []
      let last = Set(held.map { row in row[..<11].map(WindowTrial.text) }.filter { $0[2] != "end" })
      #expect(last == expected, "seed \(seed) sink \(number) \(block)")
      let plain = content.tables[WindowTrial.orders.name]?.rows ?? []
      #expect(Set(plain.filter { $0[1] != .text("end") }) == Set(rows), "seed \(seed) sink \(number)")
      #expect(content.tables[WindowTrial.late] == nil, "seed \(seed) sink \(number)")
    }
  }
}
