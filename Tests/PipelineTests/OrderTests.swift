import Change
import Foundation
import MemoryConnector
import Pipeline
import Testing

/// What the order of several sources stores, and what it reads back.
@Suite(.timeLimit(.minutes(1))) struct OrderTests {
  private struct Nothing: PositionCoverage {
    func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) -> Bool { false }
    func hasReached(_ checkpoint: Position, at position: Position) -> Bool { true }
  }

  @Test(arguments: [
    #"{"sources":[{"name":"a"}]}"#, #"{"sources":["#, #"{"watermark":"soon","sources":[]}"#, #"{"sources":[{}]}"#,
    #"{"sources":[{"name":"a","text":"1","token":"1"},{"name":"a","text":"2","token":"2"}]}"#,
    #"{"sources":[{"name":"a","ended":18446744073709551615,"mark":[0,0,1,1,0,0]}]}"#,
    #"{"sources":[{"name":"a","token":"1","ended":1,"mark":[0,0,1]}]}"#,
  ])
  func aVectorThatMakesNoSenseIsRefused(_ token: String) {
    let failure = #expect(throws: Failure.self) { _ = try VectorPosition(Position(text: "a=1", token: token)) }
    #expect(failure?.code == .corruptState)
  }

  @Test func aVectorIsWrittenAndReadBack() throws {
    let mark = LogMark(streamHigh: 1, streamLow: 2, sequence: 3, file: 5, endOffset: .max, server: 6)
    let count = TransactionCount(epoch: 7, transactions: 8)
    let vector = VectorPosition(
      watermark: EventTime(microseconds: -9),
      components: [
        .init(
          name: "a", progress: SourceProgress(position: Position(text: "0-1", token: "{\"é\\\n\"}"), count: count)),
        .init(
          name: "b",
          progress: SourceProgress(position: Position(text: "", token: ""), ended: 2, last: mark, count: count)),
        .init(name: "c", progress: SourceProgress(ended: 1, last: mark)),
      ])
    let position = vector.position
    #expect(position.text == "a=0-1 b=+2 c=+1")
    #expect(
      position.token
        == #"{"watermark":-9,"sources":[{"name":"a","text":"0-1","token":"{\"é\\\u000a\"}","count":[7,8]},"#
        + #"{"name":"b","text":"","token":"","ended":2,"mark":[1,2,3,18446744073709551615,5,6],"count":[7,8]},"#
        + #"{"name":"c","ended":1,"mark":[1,2,3,18446744073709551615,5,6]}]}"#)
    #expect(try VectorPosition(position) == vector)
    let nothing = VectorPosition(watermark: .distantPast, components: [.init(name: "a", progress: SourceProgress())])
    #expect(nothing.position == Position(text: "", token: #"{"sources":[]}"#))
  }

  @Test func thePositionOfOneSourceIsNoVector() throws {
    for token in ["7", #"{"n":1}"#, #"{"gtid":"0-1-42"}"#, ""] {
      #expect(try VectorPosition(Position(text: "7", token: token)) == nil)
    }
  }

  @Test func whereTheLogGoesOnBehindASnapshotInOneBatchItsOrderBegins() throws {
    let builder = BatchBuilder()
    for number in 1...3 {
      let time = EventTime(microseconds: Int64(number) * 100)
      builder.begin(
        commitTime: time, mark: LogMark(sequence: UInt64(number)), identifier: "\(number)", isSnapshot: number == 1)
      MemoryChange.insert(Shop.orders, [.int(Int64(number)), .text("")]).append(to: builder, at: time, offset: 4)
      builder.end(mark: LogMark(sequence: UInt64(number)))
    }
    var order = CommitOrder(
      ["a", "b"].enumerated().map { index, name in
        SourceLane(index: UInt16(index), name: name, progress: SourceProgress(), coverage: Nothing(), now: 0)
      }, watermark: .distantPast)
    let batch = builder.take(position: Position(text: "3", token: "3"))
    _ = try order.receive([batch], watermark: .distantPast, isLast: false, into: 0, now: 1)
    let copied = order.nextRun()
    #expect(copied?.parts == 0..<1)
    #expect(copied?.isWholeBatch == false)
    try order.leave(#require(copied))
    let tooSoon = order.nextRun()
    #expect(tooSoon == nil)
    _ = try order.receive([], watermark: EventTime(microseconds: 250), isLast: false, into: 1, now: 2)
    let next = order.nextRun()
    #expect(next?.parts == 1..<2)
  }

  @Test func aTableMayBeEmptiedAgainBeforeTheFirstRowThatAnotherSourceBrings() async throws {
    let change = SchemaChange(
      kind: .truncate, table: Shop.orders.name, before: Shop.orders, after: Shop.orders, statement: "")
    let logs = [
      MemoryLog([
        MergeTests.transaction(10, 1), MemoryTransaction(at: EventTime(microseconds: 20), [.schema(change)]),
      ]), MemoryLog([MergeTests.transaction(30, 2)]),
    ]
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-owners-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: directory) }  // a rest in the temporary directory harms nobody
    // Nothing of the first run is at the second target: everything comes again.
    for _ in 0..<2 {
      let target = MemoryTarget()
      try await Shop.merge(
        logs.map { MemorySourceDefinition(log: $0) }, into: [("copy", MemorySinkDefinition(target: target))],
        state: directory
      ).run(until: .now)
      #expect(target.content.tables[Shop.orders.name]?.rowCount == 1)
    }
    logs[0].append(MemoryTransaction(at: EventTime(microseconds: 40), [.schema(change)]))
    let late = Shop.merge(
      logs.map { MemorySourceDefinition(log: $0) }, into: [("copy", MemorySinkDefinition(target: MemoryTarget()))],
      state: directory)
    #expect(await #expect(throws: Failure.self) { try await late.run(until: .now) }?.code == .schemaChange)
  }

  @Test func aListOfMergedTablesThatMakesNoSenseIsRefused() async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-owners-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }  // a rest in the temporary directory harms nobody
    for line in [#"["shop","orders"]"#, #"["shop","orders","a","soon"]"#, "{}"] {
      try "\(line)\n".write(to: directory.appending(path: "merged-tables"), atomically: true, encoding: .utf8)
      let run = Shop.merge(
        [MemorySourceDefinition(log: MemoryLog([])), MemorySourceDefinition(log: MemoryLog([]))],
        into: [("copy", MemorySinkDefinition(target: MemoryTarget()))], state: directory.path)
      #expect(await #expect(throws: Failure.self) { try await run.run(until: .now) }?.code == .corruptState)
    }
  }
}
