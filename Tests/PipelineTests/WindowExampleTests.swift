import Change
import MemoryConnector
import Pipeline
import Testing

/// The running example of "The Dataflow Model" and "Streaming Systems": nine scores of a team, and windows of two minutes.
@Suite(.timeLimit(.minutes(1))) struct WindowExampleTests {
  private static let scores = TableSchema(
    name: TableName(namespace: "game", table: "scores"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "score", type: .integer(bits: 32, unsigned: false), isNullable: false),
      ColumnSchema(name: "happened", type: .timestamp(fraction: 6), isNullable: false),
    ], key: [0])

  /// Each score with the time when it happened and the time when it was committed, behind 12:00, as minute and second.
  private static let events: [(score: Int64, happened: (Int64, Int64), committed: (Int64, Int64))] = [
    (5, (0, 26), (5, 19)), (7, (2, 26), (5, 39)), (3, (3, 39), (6, 13)), (4, (4, 19), (6, 39)), (8, (3, 6), (7, 6)),
    (3, (6, 39), (7, 19)), (9, (1, 26), (8, 19)), (8, (7, 26), (8, 39)), (1, (7, 46), (9, 0)),
  ]
  private static let noon: Int64 = 43_200

  private static let log = events.enumerated().map { number, event in
    WindowTrial.transaction(
      noon + event.committed.0 * 60 + event.committed.1,
      [
        .insert(
          scores,
          [
            .int(Int64(number)), .int(event.score),
            .timestamp(microseconds: (noon + event.happened.0 * 60 + event.happened.1) * 1_000_000),
          ])
      ])
  }

  /// What is told, as the minute at which the window begins, the sum, and when.
  private static func told(_ trigger: String, _ accumulation: String) throws -> [String] {
    let output = try WindowTrial.run(
      """
      { name: totals, from: game.scores, event_time: happened, max_delay: 26s, idle_after: 1m,
        window: { tumbling: 2m }, aggregate: { total: sum(score) }, allowed_lateness: 10m, \(trigger)
        accumulation: \(accumulation) }
      """, log, until: noon + 3600)
    return try output.rows.map { row in
      let values = try #require(row.after)
      guard case .timestamp(let start) = values[0] else { throw Failure(.internal, "a window has a start") }
      let sign = values.count > 6 && values[6] == .int(-1) ? "-" : ""
      return "\(start / 60_000_000 - noon / 60) \(sign)\(WindowTrial.text(values[2])) \(WindowTrial.text(values[3]))"
    }
  }

  private static let triggers = "trigger: { early: 1m, late: each },"

  @Test func completeWindowsAreToldOnceAndALateScoreCorrectsItsOwn() throws {
    #expect(
      try WindowExampleTests.told("", "accumulating")
        == ["0 5 on_time", "2 18 on_time", "4 4 on_time", "0 14 late", "6 12 on_time"])
    #expect(
      try WindowExampleTests.told("", "discarding")
        == ["0 5 on_time", "2 18 on_time", "4 4 on_time", "0 9 late", "6 12 on_time"])
    #expect(
      try WindowExampleTests.told("", "retracting")
        == ["0 5 on_time", "2 18 on_time", "4 4 on_time", "0 -5 late", "0 14 late", "6 12 on_time"])
  }

  @Test func withEarlyResultsEachSaysAllOfItsWindow() throws {
    #expect(
      try WindowExampleTests.told(WindowExampleTests.triggers, "accumulating") == [
        "0 5 on_time", "2 7 early", "2 10 early", "4 4 early", "2 18 on_time", "4 4 on_time", "6 3 early", "0 14 late",
        "6 12 early", "6 12 on_time",
      ])
  }

  @Test func withEarlyResultsEachSaysWhatCameSinceTheLast() throws {
    #expect(
      try WindowExampleTests.told(WindowExampleTests.triggers, "discarding") == [
        "0 5 on_time", "2 7 early", "2 3 early", "4 4 early", "2 8 on_time", "4 NULL on_time", "6 3 early", "0 9 late",
        "6 9 early", "6 NULL on_time",
      ])
  }

  @Test func withEarlyResultsEachTakesTheLastOneBack() throws {
    #expect(
      try WindowExampleTests.told(WindowExampleTests.triggers, "retracting") == [
        "0 5 on_time", "2 7 early", "2 -7 early", "2 10 early", "4 4 early", "2 -10 on_time", "2 18 on_time",
        "4 -4 on_time", "4 4 on_time", "6 3 early", "0 -5 late", "0 14 late", "6 -3 early", "6 12 early",
        "6 -12 on_time", "6 12 on_time",
      ])
  }
}
