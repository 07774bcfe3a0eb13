import Change
import Foundation
import Logging
import MemoryConnector
import Pipeline
import Synchronization
import Testing

/// Results of a restored state wait until the log has come to its place: few of them in memory, and told as ever.
@Suite(.timeLimit(.minutes(3))) struct HeldResultTests {
  private static let block = WindowTrial.block(
    "event_time: happened, window: { tumbling: 10s }, group_by: [status], aggregate: { n: count(), least: min(id) }")
  private static let early = String(block.dropLast(2)) + ", trigger: { early: 1 } }"

  /// One group for each row, and one row behind their window.
  private static func rows(_ count: Int64, width: Int = 40) -> [[MemoryValue]] {
    let tail = String(repeating: "x", count: width)
    return (0..<count).map { WindowTrial.order($0, "\($0) \(tail)", 1, at: 5) }
      + [WindowTrial.order(count, "last", 1, at: 1000)]
  }

  private static func place(_ number: Int) -> Position { MemoryPosition.position(behind: number) }

  private static func empty(_ directory: String, _ limit: Int) throws -> WindowSet {
    let windows = WindowSet(try WindowTrial.definitions(block), memoryLimit: 1 << 30, directory: directory)
    windows.resultLimit = limit
    return windows
  }

  /// Takes what is held, at a place further on, while nothing else is there to be taken.
  private static func drain(_ windows: WindowSet, at log: Position) throws -> WindowTrial.Output {
    var output = WindowTrial.Output()
    while true {
      #expect(try windows.next() == nil)
      guard let batch = try windows.nextHeld(at: log) else { return output }
      #expect(batch.position.text == log.text)
      output.take(batch)
    }
  }

  @Test(arguments: [0, 1 << 20, Int.max]) func resultsThatComeWithAStateWaitWithinTheLimit(_ limit: Int) throws {
    let windows = WindowSet(try WindowTrial.definitions(HeldResultTests.block))
    let changes = HeldResultTests.rows(12_000).map { MemoryChange.insert(WindowTrial.orders, $0) }
    var (told, right) = ([Batch](), WindowTrial.Output())
    for batch in WindowTrial.batches([WindowTrial.transaction(10, changes)], WindowTrial.Cutting()) {
      told += try windows.take(batch).filter { $0.transactions.contains { $0.mark.streamHigh == .max } }
    }
    for batch in told { right.take(batch) }
    try #require(right.rows.count == 12_000 && right.panes.count == 1)
    let bytes = try windows.encode(told)
    try SpilledWindowTests.withDirectory { directory in
      let restored = try HeldResultTests.empty(directory, limit)
      try restored.decode(bytes, panes: 0, log: HeldResultTests.place(1))
      #expect(restored.waitingByteCount <= limit)
      #expect(limit < .max || restored.waitingByteCount > 2 << 20)
      #expect((restored.panes, restored.heldCount) == (1, 1))
      // What the sinks are given meanwhile does not count them.
      var passed = WindowTrial.Output()
      for batch in WindowTrial.batches([WindowTrial.transaction(20, [])], WindowTrial.Cutting()) {
        for batch in try restored.take(batch) { passed.take(batch) }
      }
      #expect(passed.positions.map(\.panes) == [0])
      let output = try HeldResultTests.drain(restored, at: HeldResultTests.place(7))
      #expect(output.panes == right.panes)
      #expect(output.numbers == [1])
      #expect(output.positions.map(\.panes) == right.positions.map(\.panes))
      #expect((restored.panes, restored.heldCount) == (1, 0))
      #expect(try restored.next() == nil)
      #expect(restored.waitingByteCount == 0)
    }
  }

  @Test(arguments: [0, 1 << 20]) func resultsOfASnapshotThatAreHeldWaitWithinTheLimit(_ limit: Int) throws {
    let changes = HeldResultTests.rows(12_000).map { MemoryChange.read(WindowTrial.orders, $0) }
    let log = [MemoryTransaction(at: EventTime(microseconds: 10_000_000), changes, isSnapshot: true)]
    func inside(_ windows: WindowSet) throws -> WindowSet {
      windows.beginSnapshot()
      for batch in WindowTrial.batches(log, WindowTrial.Cutting()) { _ = try windows.take(batch) }
      return windows
    }
    var right = WindowTrial.Output()
    let whole = try inside(WindowSet(WindowTrial.definitions(HeldResultTests.block)))
    for batch in try whole.endSnapshot() { right.take(batch) }
    try #require(right.rows.count == 12_000)
    try SpilledWindowTests.withDirectory { directory in
      let windows = try inside(HeldResultTests.empty(directory, limit))
      try windows.endSnapshotAhead()
      #expect(windows.waitingByteCount <= limit)
      #expect((windows.panes, windows.heldCount) == (1, 1))
      let output = try HeldResultTests.drain(windows, at: HeldResultTests.place(7))
      #expect(output.panes == right.panes)
      #expect(output.positions.map(\.panes) == right.positions.map(\.panes))
    }
  }

  // MARK: Pipelines

  /// Where the results of a restart come from.
  enum Origin: CaseIterable {
    /// The state that is stored at the end of a snapshot.
    case snapshot
    /// The first state, which holds what the log's first transaction has brought about.
    case firstState
  }

  /// A sink that waits, or fails, at its first results and at their commit.
  private struct HookedDefinition: SinkDefinition {
    let target: MemoryTarget
    var write: @Sendable () async throws -> Void = {}
    var commit: @Sendable () async throws -> Void = {}

    func makeSink(_ context: ConnectorContext) throws -> any Sink { HookedSink(self) }

    func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan { SinkPlan(target: "") }
  }

  private final class HookedSink: Sink {
    private let hooks: HookedDefinition
    private let inner: MemorySink

    init(_ hooks: HookedDefinition) {
      self.hooks = hooks
      inner = MemorySink(target: hooks.target, traits: SinkTraits(groupBytes: 1))
    }

    var traits: SinkTraits { inner.traits }
    func open() async throws -> Position? { try await inner.open() }

    func write(_ batch: Batch, parts: Range<Int>) async throws {
      if batch.transactions[parts].contains(where: { $0.mark.streamHigh == .max }) { try await hooks.write() }
      try await inner.write(batch, parts: parts)
    }

    func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
      if WindowPosition(checkpoint.position).panes > 0 { try await hooks.commit() }
      return try await inner.commit(checkpoint)
    }

    func close() async { await inner.close() }
  }

  private static func run(
    _ source: any SourceDefinition, _ block: String, into copy: any SinkDefinition, _ journal: Journal,
    _ directory: String
  ) throws -> PipelineRun {
    var definition = PipelineDefinition(
      name: "shop", source: .init(name: "source", definition: source), windows: try WindowTrial.definitions(block),
      sinks: [.init(name: "copy", definition: copy), .init(name: "journal", definition: journal)],
      // The windows have 24 MiB of it, and their results 4.
      memoryLimit: 112 << 20, stateDirectory: directory)
    definition.windowStateInterval = 0
    return PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private static func results(_ journal: Journal) -> [TransformedRow] {
    journal.changes.map(\.row).filter { $0.table == WindowTrial.results }
  }

  /// Bytes of the files without a name that this process has open for the windows of a pipeline.
  private static func spilledBytes(_ directory: String) throws -> Int {
    let manager = FileManager.default
    return try manager.contentsOfDirectory(atPath: "/proc/self/fd").reduce(0) { sum, number in
      // It may have been closed by now.
      let path = (try? manager.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")) ?? ""
      guard path.contains(directory), path.hasSuffix("spilled (deleted)") else { return sum }
      var status = stat()
      return fstat(Int32(number) ?? -1, &status) == 0 ? sum + Int(status.st_size) : sum
    }
  }

  @Test(arguments: Origin.allCases)
  func afterAKillTheResultsOfAStateWaitInAFileAndAreDeliveredOnce(_ origin: Origin) async throws {
    // Behind a first state nothing completes the windows: what it has told is all.
    let rows = HeldResultTests.rows(40_000, width: 200).dropLast(origin == .firstState ? 1 : 0)
    let transaction = WindowTrial.transaction(10, rows.map { .insert(WindowTrial.orders, $0) })
    let block = origin == .snapshot ? HeldResultTests.block : HeldResultTests.early
    let source: any SourceDefinition =
      switch origin {
      case .snapshot:
        SnapshotSourceDefinition(log: SnapshotLog([transaction], visible: 1, images: .full, seed: 1))
      case .firstState: MemorySourceDefinition(log: MemoryLog([transaction]))
      }
    let count = 40_000
    try await withStateDirectory { directory in
      let (target, first, second) = (MemoryTarget(), Journal(), Journal())
      let failing = HookedDefinition(
        target: target,
        commit: {
          while HeldResultTests.results(first).count < count { try await Task.sleep(nanoseconds: 100_000_000) }
          throw Failure(.internal, "ordered by the test")
        })
      let killed = try HeldResultTests.run(source, block, into: failing, first, directory)
      let failure = await #expect(throws: Failure.self) { try await killed.run(until: .now) }
      try #require(failure?.message == "ordered by the test")
      #expect(!target.content.journal.contains { $0.table == WindowTrial.results })

      // What no channel has room for is seen in the file while the sink does not go on.
      let spilled = Mutex(0)
      let waiting = HookedDefinition(
        target: target,
        write: {
          for _ in 0..<200 where spilled.withLock(\.self) < 10 << 20 {
            try await Task.sleep(nanoseconds: 20_000_000)
            let bytes = try HeldResultTests.spilledBytes(directory)
            spilled.withLock { $0 = max($0, bytes) }
          }
        })
      try await HeldResultTests.run(source, block, into: waiting, second, directory).run(until: .now)
      #expect(spilled.withLock(\.self) > 10 << 20, "results wait in memory")

      let told = HeldResultTests.results(first)
      #expect(Set(told.compactMap { $0.after?[2] }).count == count)
      #expect(HeldResultTests.results(second) == told)
      let delivered = target.content.journal.filter { $0.table == WindowTrial.results }
      #expect(delivered.map(\.after) == told.map(\.after))
      #expect(target.content.journal.count == rows.count + count)
      #expect(try HeldResultTests.spilledBytes(directory) == 0)
    }
  }
}
