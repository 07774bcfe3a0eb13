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

  private static func delete(_ id: Int64, _ status: String, at seconds: Int64) -> MemoryChange {
    .delete(WindowTrial.orders, WindowTrial.order(id, status, 100, at: seconds))
  }

  private static func told(_ rest: String, _ log: [MemoryTransaction], until watermark: Int64? = nil) throws
    -> [[String]]
  {
    let block = WindowTrial.block(
      "event_time: happened, window: { session: { gap: 10s } }, group_by: [status], aggregate: { n: count() }, \(rest)")
    return try WindowTrial.run(block, log, until: watermark).panes.map { $0.map(WindowTrial.told) }
  }

  /// Nothing was ever on time.
  @Test func aSessionThatWasOnlyEarlyIsTakenBackEarly() throws {
    let log = [
      WindowTrial.transaction(
        10, [SessionWindowTests.insert(1, "a", at: 10), SessionWindowTests.insert(2, "a", at: 25)]),
      // Joins them.
      WindowTrial.transaction(11, [SessionWindowTests.insert(3, "a", at: 17)]),
      // Parts them, and ends one: what is left of it lies in its place.
      WindowTrial.transaction(
        12, [SessionWindowTests.delete(3, "a", at: 17), SessionWindowTests.delete(1, "a", at: 10)]),
      // Nothing lies in the place of this one.
      WindowTrial.transaction(13, [SessionWindowTests.delete(2, "a", at: 25)]),
      // A session begins there once more.
      WindowTrial.transaction(14, [SessionWindowTests.insert(4, "a", at: 25)]),
    ]
    let told = try SessionWindowTests.told(
      "max_delay: 1h, accumulation: retracting, trigger: { early: 1 }", log)
    #expect(
      told == [
        ["insert 10 20 a 1 early 0 false 1", "insert 25 35 a 1 early 0 false 1"],
        [
          "insert 10 20 a 1 early 1 false -1", "insert 10 35 a 3 early 1 false 1", "insert 25 35 a 1 early 1 false -1",
        ],
        ["insert 25 35 a 1 early 2 false 1", "insert 10 35 a 3 early 2 false -1"],
        ["insert 25 35 a 1 early 3 false -1"], ["insert 25 35 a 1 early 4 false 1"],
      ])
  }

  @Test func aSessionThatIsTakenBackHasTheTimingOfTheOneInItsPlace() throws {
    let log = [
      WindowTrial.transaction(20, [SessionWindowTests.insert(1, "a", at: 10)]),
      WindowTrial.transaction(21, [SessionWindowTests.insert(2, "a", at: 24)]),
      // The first is complete, and this joins it to the front.
      WindowTrial.transaction(22, [SessionWindowTests.insert(3, "a", at: 5)]),
      // Both that are there are one now, and open.
      WindowTrial.transaction(23, [SessionWindowTests.insert(4, "a", at: 15)]),
      // The session is complete, and then its first rows go: what stays is complete as well.
      WindowTrial.transaction(60, [SessionWindowTests.insert(5, "b", at: 60)]),
      WindowTrial.transaction(
        61, [SessionWindowTests.delete(3, "a", at: 5), SessionWindowTests.delete(1, "a", at: 10)]),
      WindowTrial.transaction(
        62, [SessionWindowTests.delete(4, "a", at: 15), SessionWindowTests.delete(2, "a", at: 24)]),
    ]
    let told = try SessionWindowTests.told(
      "allowed_lateness: 1h, accumulation: retracting, trigger: { early: 1 }", log)
    #expect(
      told == [
        ["insert 10 20 a 1 early 0 false 1"],
        [
          "insert 10 20 a 1 on_time 1 false -1", "insert 10 20 a 1 on_time 1 false 1",
          "insert 24 34 a 1 early 0 false 1",
        ],
        ["insert 5 20 a 2 late 0 false 1", "insert 10 20 a 1 late 2 false -1"],
        [
          "insert 5 20 a 2 early 1 false -1", "insert 5 34 a 4 early 1 false 1", "insert 24 34 a 1 early 1 false -1",
        ],
        [
          "insert 60 70 b 1 early 0 false 1", "insert 5 34 a 4 on_time 2 false -1", "insert 5 34 a 4 on_time 2 false 1",
        ],
        ["insert 15 34 a 2 late 0 false 1", "insert 5 34 a 4 late 3 false -1"],
        ["insert 15 34 a 2 late 1 false -1"],
      ])
  }

  /// An update of a row of a session that is gone, beside one that is kept: neither half of it belongs there.
  @Test func noSessionBeginsWhereOneHasBegunThatIsGone() throws {
    let log = [
      WindowTrial.transaction(10, [SessionWindowTests.insert(1, "a", at: 10)]),
      WindowTrial.transaction(21, [SessionWindowTests.insert(2, "b", at: 21)]),
      WindowTrial.transaction(22, [SessionWindowTests.insert(3, "a", at: 19)]),
      WindowTrial.transaction(
        23,
        [
          .update(
            WindowTrial.orders, before: WindowTrial.order(1, "a", 100, at: 10),
            after: WindowTrial.order(1, "a", 200, at: 10))
        ]),
      // Makes that session longer than the one that the next row would have alone.
      WindowTrial.transaction(24, [SessionWindowTests.insert(4, "a", at: 28)]),
      WindowTrial.transaction(33, [SessionWindowTests.insert(5, "b", at: 33)]),
      WindowTrial.transaction(34, [SessionWindowTests.insert(6, "a", at: 20)]),
      WindowTrial.transaction(60, [SessionWindowTests.insert(7, "b", at: 60)]),
    ]
    let told = try SessionWindowTests.told("allowed_lateness: 0s", log)
    #expect(
      told == [
        ["insert 10 20 a 1 on_time 0 true"], ["insert 1 20 20 -1 1 a 10", "insert 2 20 20 1 1 a 10"],
        ["insert 21 31 b 1 on_time 0 true"], ["insert 19 38 a 3 on_time 0 true", "insert 33 43 b 1 on_time 0 true"],
      ])
  }

  @Test func aLateRowOfOneSessionTellsNoOtherEarly() throws {
    let log = [
      WindowTrial.transaction(10, [SessionWindowTests.insert(1, "a", at: 10)]),
      WindowTrial.transaction(40, [SessionWindowTests.insert(2, "a", at: 40)]),
      WindowTrial.transaction(41, [SessionWindowTests.insert(3, "a", at: 11)]),
    ]
    let rest = "allowed_lateness: 1h"
    let panes = [["insert 10 20 a 1 on_time 0 false"], ["update 10 21 a 2 late 1 false"]]
    #expect(try SessionWindowTests.told(rest, log) == panes)
    #expect(
      try SessionWindowTests.told(rest + ", trigger: { early: 7s }", log) == [
        ["insert 10 20 a 1 early 0 false"], ["update 10 20 a 1 on_time 1 false"], ["update 10 21 a 2 late 2 false"],
      ])
  }

  /// The numbers of the results of sessions that were taken back go when nothing can begin there any more.
  @Test(arguments: ["0s", "30s"]) func nothingIsLeftOfSessionsThatWereTakenBack(_ lateness: String) throws {
    let block = WindowTrial.block(
      "event_time: happened, max_delay: 1m, allowed_lateness: \(lateness), window: { session: { gap: 10s } }, "
        + "group_by: [status], aggregate: { n: count() }, accumulation: retracting, trigger: { early: 1 }")
    let windows = WindowSet(try WindowTrial.definitions(block))
    var log: [MemoryTransaction] = []
    var bytes: [Int] = []
    for round in Int64(0)..<4 {
      let time = round * 1000 + 100
      let rows = { (first: Int64, change: (Int64, String) -> MemoryChange) in
        (0..<50).map { change(round * 1000 + first + $0, "\(round) \($0)") }
      }
      let first = log.count
      for changes in [
        rows(0) { SessionWindowTests.insert($0, $1, at: time) },
        rows(100) { SessionWindowTests.insert($0, $1, at: time + 15) },
        // Joined, and parted.
        rows(200) { SessionWindowTests.insert($0, $1, at: time + 8) },
        rows(200) { SessionWindowTests.delete($0, $1, at: time + 8) },
        rows(0) { SessionWindowTests.delete($0, $1, at: time) },
        rows(100) { SessionWindowTests.delete($0, $1, at: time + 15) },
        [SessionWindowTests.insert(round * 1000 + 900, "x", at: time + 500)],
      ] {
        log.append(WindowTrial.transaction(time + Int64(log.count), changes))
      }
      var output = WindowTrial.Output()
      try WindowTrial.run(windows, log, from: first, into: &output)
      #expect(output.rows.count >= 50 * 10)
      bytes.append(windows.byteCount)
    }
    #expect(Set(bytes[1...]).count == 1, "\(bytes)")
  }
}
