import Change
import MemoryConnector
import Pipeline
import Testing

/// Sessions whose rows come out of order, late or in great numbers.
@Suite(.timeLimit(.minutes(1))) struct SessionWindowTests {
  private static func insert(_ id: Int64, _ status: String, at seconds: Int64) -> MemoryChange {
    .insert(WindowTrial.orders, WindowTrial.order(id, status, 100, at: seconds))
  }

  @Test func rowsThatLengthenASessionSetNoTimers() throws {
    let block = WindowTrial.block(
      "event_time: happened, max_delay: 1h, window: { session: { gap: 10s } }, aggregate: { n: count() }")
    let rows = (Int64(1)...30_000).map { id in
      MemoryChange.insert(WindowTrial.orders, [.int(id), .text("a"), .null, .timestamp(microseconds: id * 1000)])
    }
    let windows = WindowSet(try WindowTrial.definitions(block))
    var output = WindowTrial.Output()
    try WindowTrial.run(windows, [WindowTrial.transaction(40, rows)], into: &output)
    // A row has its count, its place in the list of its group and, where the list has grown, room for one more.
    #expect(windows.byteCount > 30_000 * (8 + 16))
    #expect(windows.byteCount < 30_000 * (8 + 16 + 16))
  }

  @Test func aSessionEndsWhereARowThatWentHadMadeItLonger() throws {
    let block = WindowTrial.block(
      "event_time: happened, max_delay: 20s, window: { session: { gap: 10s } }, aggregate: { n: count() }")
    let gone = WindowTrial.order(2, "a", 100, at: 108)
    let log = [
      WindowTrial.transaction(
        110, [SessionWindowTests.insert(1, "a", at: 100), .insert(WindowTrial.orders, gone)]),
      WindowTrial.transaction(111, [.delete(WindowTrial.orders, gone)]),
      // Behind the end of the first alone, before that of both.
      WindowTrial.transaction(135, [SessionWindowTests.insert(3, "a", at: 132)]),
      // Between two rows, without reaching either; the watermark passes it first.
      WindowTrial.transaction(136, [SessionWindowTests.insert(4, "a", at: 120)]),
      WindowTrial.transaction(160, [SessionWindowTests.insert(5, "a", at: 151)]),
      WindowTrial.transaction(200, [SessionWindowTests.insert(6, "a", at: 190)]),
    ]
    let output = try WindowTrial.run(block, log)
    #expect(
      output.panes.map { $0.map(WindowTrial.told) } == [
        ["insert 100 110 1 on_time 0 true"], ["insert 120 130 1 on_time 0 true"],
        ["insert 132 142 1 on_time 0 true", "insert 151 161 1 on_time 0 true"],
      ])
  }

  @Test func aLateRowThatLengthensASessionToTheFrontTakesNothingBackBeforeItsTrigger() throws {
    let block = WindowTrial.block(
      "event_time: happened, allowed_lateness: 1h, window: { session: { gap: 5s } }, group_by: [status], "
        + "aggregate: { n: count() }, trigger: { late: 60s }")
    let log = [
      WindowTrial.transaction(
        50, [SessionWindowTests.insert(1, "a", at: 10), SessionWindowTests.insert(2, "a", at: 12)]),
      WindowTrial.transaction(61, [SessionWindowTests.insert(3, "b", at: 50)]),
      WindowTrial.transaction(62, [SessionWindowTests.insert(4, "a", at: 8)]),
      WindowTrial.transaction(63, [SessionWindowTests.insert(5, "b", at: 60)]),
      WindowTrial.transaction(130, [SessionWindowTests.insert(6, "b", at: 61)]),
    ]
    let output = try WindowTrial.run(block, log)
    #expect(
      output.panes.map { $0.map(WindowTrial.told) } == [
        ["insert 10 17 a 2 on_time 0 false"], ["insert 50 55 b 1 on_time 0 false"],
        ["insert 8 17 a 3 late 0 false", "delete 10 17 a 2 on_time 0 false"],
      ])
  }
}
