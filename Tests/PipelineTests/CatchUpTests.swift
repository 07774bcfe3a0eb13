import Change
import Foundation
import MemoryConnector
import Pipeline
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

  /// A batch of one source was cut by the order where the sinks are, at two places of it: it comes again as a whole.
  @Test func whatEverySinkHasIsNotLateWhenItComesAgain() async throws {
    let (a, b) = (Shop.log(1...4), MemoryLog([CatchUpTests.insert(7, at: 3500)]))
    let targets = [MemoryTarget(), MemoryTarget()]
    for (target, ended) in zip(targets, [2, 3] as [UInt64]) {
      let place = VectorPosition(
        watermark: EventTime(microseconds: 2499),
        components: [
          .init(
            name: "a",
            progress: SourceProgress(
              ended: ended, last: LogMark(sequence: ended, endOffset: ended),
              count: TransactionCount(epoch: 5, transactions: ended))),
          .init(name: "b", progress: SourceProgress()),
        ])
      let sink = MemorySink(target: target, traits: SinkTraits())
      _ = try await sink.open()
      _ = try await sink.commit(Checkpoint(position: place.position, watermark: place.watermark))
      await sink.close()
    }
    let run = Shop.merge(
      [MemorySourceDefinition(log: a), MemorySourceDefinition(log: b)],
      order: OrderSettings(idleAfter: nil, late: .stop),
      into: [
        ("A", MemorySinkDefinition(target: targets[0])), ("B", AttentiveSinkDefinition(target: targets[1])),
      ], state: CatchUpTests.state())
    try await run.run(until: .now)
    #expect(run.report.sources["a"]?.late == 0)
    #expect(Shop.keys(targets[0]) == [3_000_000, 7, 4_000_000])
    #expect(Shop.keys(targets[1]) == [7, 4_000_000])
  }

  private static func insert(_ key: Int64, at time: Int64) -> MemoryTransaction {
    MemoryTransaction(at: EventTime(microseconds: time), [.insert(Shop.orders, [.int(key), .text("b")])])
  }
}
