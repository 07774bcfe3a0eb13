import Change
import Foundation
import Logging
import MemoryConnector
import Pipeline
import Synchronization
import Testing

/// Sinks that begin at several places: what each is given until they are level.
@Suite(.timeLimit(.minutes(1))) struct CatchUpTests {
  private static func state() -> String {
    FileManager.default.temporaryDirectory.appending(path: "freshet-catch-up-\(UUID())").path
  }

  /// The sink that is ahead gets the rest of a batch of one source, and then a change of a schema of the other.
  @Test func aSchemaChangeComesBehindCommittedRowsAlsoWhileASinkCatchesUp() async throws {
    let (a, b) = (Shop.log(1...4), MemoryLog([]))
    b.append(contentsOf: [CatchUpTests.insert(7, at: 500)])
    let state = CatchUpTests.state()
    let (first, second) = (MemoryTarget(), MemoryTarget())
    let ahead = AttentiveSinkDefinition(target: first)
    try await Shop.merge(
      [MemorySourceDefinition(log: a), MemorySourceDefinition(log: b)], into: [("A", ahead)], state: state
    ).run(until: .now)
    a.append(contentsOf: (5...7).map { Shop.transaction($0) })
    let change = SchemaChange(
      kind: .alter, table: Shop.orders.name, before: Shop.orders, after: Shop.orders, statement: "")
    b.append(contentsOf: [MemoryTransaction(at: EventTime(microseconds: 5500), [.schema(change)])])
    for _ in 0..<2 {
      try await Shop.merge(
        [MemorySourceDefinition(log: a), MemorySourceDefinition(log: b)],
        into: [("A", ahead), ("B", MemorySinkDefinition(target: second))], state: state
      ).run(until: .now)
    }
    for target in [first, second] {
      #expect(Shop.keys(target).filter { $0 > 0 }.sorted() == [7] + (1...7).map { $0 * 1_000_000 })
    }
  }

  /// A source that nobody waited for brings something before what one of the sinks was promised.
  @Test func aSinkThatIsAheadGetsNothingBehindItsWatermark() async throws {
    let (a, b) = (Shop.log(1...10), MemoryLog([]))
    let state = CatchUpTests.state()
    let (first, second) = (MemoryTarget(), MemoryTarget())
    let ahead = AttentiveSinkDefinition(target: first)
    let run = Shop.merge(
      [MemorySourceDefinition(log: a), MemorySourceDefinition(log: b)], order: OrderSettings(idleAfter: 30_000_000),
      into: [("A", ahead)], state: state)
    let task = Task { try await run.run(until: .never) }
    let heart = Task {
      for beat in Int64(0)... {
        a.promise(EventTime(microseconds: 10_000 + beat))
        try await Task.sleep(nanoseconds: 5_000_000)
      }
    }
    try await eventually { (first.content.checkpoint?.watermark ?? .distantPast) > EventTime(microseconds: 8000) }
    heart.cancel()
    task.cancel()
    _ = await task.result
    b.append(contentsOf: [CatchUpTests.insert(11, at: 5000)])
    try await Shop.merge(
      [MemorySourceDefinition(log: a), MemorySourceDefinition(log: b)],
      into: [("A", ahead), ("B", MemorySinkDefinition(target: second))], state: state
    ).run(until: .now)
    for target in [first, second] { #expect(Shop.keys(target).sorted() == [11] + (1...10).map { $0 * 1_000_000 }) }
  }

  private static func insert(_ key: Int64, at time: Int64) -> MemoryTransaction {
    MemoryTransaction(at: EventTime(microseconds: time), [.insert(Shop.orders, [.int(key), .text("b")])])
  }

  /// One snapshot is over and told, and the other begins late, twice.
  @Test func noResultComesBetweenTwoBeginningsOfOneSnapshot() async throws {
    let trial = try LateSnapshotTrial()
    let run = try trial.makeRun()
    let task = Task { try await run.run(until: .now) }
    try await eventually {
      let token = trial.targets[0].content.checkpoint?.position.token ?? ""
      return token.contains("s1") && token.contains("buckets")
    }
    task.cancel()
    _ = await task.result
    for target in trial.targets {
      #expect(target.content.checkpoint?.position.token.hasPrefix(#"{"panes":0"#) ?? true)
    }
    trial.logs[0].pauses.withLock { $0.log = 0 }
    try await trial.makeRun().run(until: .now)
    let results = trial.targets.map { $0.content.tables[WindowTrial.results]?.rows ?? [] }
    #expect(!results[0].isEmpty && Set(results[0]) == Set(results[1]))
    let rows = trial.targets.map { Set($0.content.tables[WindowTrial.orders.name]?.rows ?? []) }
    #expect(rows[0].count >= 60 && rows[0] == rows[1])
  }
}

/// Windows over two snapshots, of which the second begins late, into a sink that stores everything and one that waits.
private struct LateSnapshotTrial {
  let logs: [SnapshotLog]
  let targets = [MemoryTarget(), MemoryTarget()]
  private let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-late-\(UUID())").path

  init() throws {
    logs = [
      LateSnapshotTrial.log(0, SnapshotLog.Pauses(log: 1_100_000_000)),
      LateSnapshotTrial.log(1, SnapshotLog.Pauses(start: 1_000_000_000, chunk: 20_000_000)),
    ]
  }

  private static func log(_ source: Int64, _ pauses: SnapshotLog.Pauses) -> SnapshotLog {
    let rows = (Int64(0)..<120).map { number in
      WindowTrial.transaction(
        number + 1,
        [
          .insert(
            WindowTrial.orders, WindowTrial.order(source * 1_000_000 + number + 1, "x", 100, at: number))
        ])
    }
    return SnapshotLog(rows, visible: 30, images: .full, seed: UInt64(source), pauses: pauses)
  }

  func makeRun() throws -> PipelineRun {
    let block = WindowTrial.block(
      "event_time: happened, max_delay: 0s, idle_after: 20s, allowed_lateness: 1h, window: { tumbling: 1m },"
        + " group_by: [status], aggregate: { orders: count() }, trigger: { early: 1 }, accumulation: accumulating")
    var definition = PipelineDefinition(
      name: "shop",
      sources: logs.enumerated().map { .init(name: "s\($0)", definition: SnapshotSourceDefinition(log: $1)) },
      order: OrderSettings(idleAfter: 1_000_000), windows: try WindowTrial.definitions(block),
      sinks: zip(targets, [SinkTraits(groupBytes: 1), SinkTraits(commitInterval: 900_000_000)]).enumerated().map {
        .init(name: "copy\($0)", definition: MemorySinkDefinition(target: $1.0, traits: $1.1))
      }, stateDirectory: directory)
    definition.windowStateInterval = 0
    return PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }
}

/// A sink that looks at what it is given: no schema change behind rows that are not committed, and nothing at or before the
/// watermark that was stored when it was made.
private struct AttentiveSinkDefinition: SinkDefinition {
  let target: MemoryTarget

  func makeSink(_ context: ConnectorContext) throws -> any Sink {
    AttentiveSink(
      inner: MemorySink(target: target, traits: SinkTraits(separatesSchemaChanges: true)),
      promised: target.content.checkpoint?.watermark ?? .distantPast)
  }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan { SinkPlan(target: "") }
}

private final class AttentiveSink: Sink {
  private let inner: MemorySink
  private let promised: EventTime
  private var hasRows = false

  init(inner: MemorySink, promised: EventTime) {
    self.inner = inner
    self.promised = promised
  }

  var traits: SinkTraits { inner.traits }
  func open() async throws -> Position? { try await inner.open() }

  func write(_ batch: Batch, parts: Range<Int>) async throws {
    for part in batch.transactions[parts] {
      #expect(part.isSnapshot || part.commitTime > promised)
      for change in batch.changes[part.range] {
        #expect(change.operation != .schema || !hasRows)
        hasRows = hasRows || change.operation != .schema
      }
    }
    try await inner.write(batch, parts: parts)
  }

  func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    hasRows = false
    return try await inner.commit(checkpoint)
  }

  func close() async { await inner.close() }
}
