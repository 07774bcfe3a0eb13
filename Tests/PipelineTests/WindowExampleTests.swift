import Change
import MemoryConnector
import Pipeline
import PipelineConfiguration
import Testing

/// The running example of "The Dataflow Model" and "Streaming Systems": nine scores of a team, and windows of two minutes.
///
/// The book's own: complete windows told once with the late 9 behind them, early results at each minute, a result for each
/// score, and the sessions of figures 8-13 and 8-14, all with its sums. The watermark here stays 26 seconds behind the scores,
/// which makes of its heuristic one a rule, so the instants are derived; so are all results of two changes, of late ones at
/// multiples of a duration, and the sessions that wait for a watermark.
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

  private struct Trial {
    var window = "{ tumbling: 2m }"
    /// With one of an hour the watermark passes nothing before all scores are known.
    var delay = "26s"
    var trigger = ""
    var accumulation: String
  }

  private static func told(_ trigger: String, _ accumulation: String) throws -> [String] {
    try told(Trial(trigger: trigger, accumulation: accumulation))
  }

  /// What is told, as the minute at which the window begins, the sum, and when; what is deleted with a cross.
  private static func told(_ trial: Trial) throws -> [String] {
    let output = try WindowTrial.run(
      """
      { name: totals, from: game.scores, event_time: happened, max_delay: \(trial.delay), idle_after: 1m,
        window: \(trial.window), aggregate: { total: sum(score) }, allowed_lateness: 10m, \(trial.trigger)
        accumulation: \(trial.accumulation) }
      """, log, until: noon + 7200)
    return try output.rows.map { row in
      let values = try #require(row.after ?? row.before)
      guard case .timestamp(let start) = values[0] else { throw Failure(.internal, "a window has a start") }
      let (minute, second) = (start / 1_000_000 - noon).quotientAndRemainder(dividingBy: 60)
      let place = trial.window.contains("session") ? "\(minute):\(second)" : "\(minute)"
      let sign = values.count > 6 && values[6] == .int(-1) ? "-" : row.after == nil ? "x" : ""
      return "\(place) \(sign)\(WindowTrial.text(values[2])) \(WindowTrial.text(values[3]))"
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

  // A result for each score: the book's figure.

  private static func eachScore(_ accumulation: String) throws -> [String] {
    try told(Trial(delay: "1h", trigger: "trigger: { early: 1 },", accumulation: accumulation))
  }

  @Test func withAResultForEachScoreTheSumsGrowScoreByScore() throws {
    #expect(
      try WindowExampleTests.eachScore("accumulating") == [
        "0 5 early", "2 7 early", "2 10 early", "4 4 early", "2 18 early", "6 3 early", "0 14 early", "6 11 early",
        "6 12 early", "0 14 on_time", "2 18 on_time", "4 4 on_time", "6 12 on_time",
      ])
    #expect(
      try WindowExampleTests.eachScore("discarding") == [
        "0 5 early", "2 7 early", "2 3 early", "4 4 early", "2 8 early", "6 3 early", "0 9 early", "6 8 early",
        "6 1 early", "0 NULL on_time", "2 NULL on_time", "4 NULL on_time", "6 NULL on_time",
      ])
    #expect(
      try WindowExampleTests.eachScore("retracting") == [
        "0 5 early", "2 7 early", "2 -7 early", "2 10 early", "4 4 early", "2 -10 early", "2 18 early", "6 3 early",
        "0 -5 early", "0 14 early", "6 -3 early", "6 11 early", "6 -11 early", "6 12 early", "0 -14 on_time",
        "0 14 on_time", "2 -18 on_time", "2 18 on_time", "4 -4 on_time", "4 4 on_time", "6 -12 on_time", "6 12 on_time",
      ])
  }

  // A result for two scores of a window: derived. The third of the second window, and of the last, waits for the watermark.

  @Test func withAResultForTwoScoresTheOddOneWaitsForTheEndOfItsWindow() throws {
    let trigger = "trigger: { early: 2 },"
    #expect(
      try WindowExampleTests.told(trigger, "accumulating") == [
        "0 5 on_time", "2 10 early", "2 18 on_time", "4 4 on_time", "0 14 late", "6 11 early", "6 12 on_time",
      ])
    #expect(
      try WindowExampleTests.told(trigger, "discarding") == [
        "0 5 on_time", "2 10 early", "2 8 on_time", "4 4 on_time", "0 9 late", "6 11 early", "6 1 on_time",
      ])
    #expect(
      try WindowExampleTests.told(trigger, "retracting") == [
        "0 5 on_time", "2 10 early", "2 -10 on_time", "2 18 on_time", "4 4 on_time", "0 -5 late", "0 14 late",
        "6 11 early", "6 -11 on_time", "6 12 on_time",
      ])
  }

  // Late results at multiples of two minutes: derived. The 9, known at 12:08:19, is told at 12:10, when the last window ends too.

  @Test func aLateScoreWaitsForTheNextMultipleOfItsTrigger() throws {
    let trigger = "trigger: { late: 2m },"
    let before = ["0 5 on_time", "2 18 on_time", "4 4 on_time", "6 12 on_time"]
    #expect(try WindowExampleTests.told(trigger, "accumulating") == before + ["0 14 late"])
    #expect(try WindowExampleTests.told(trigger, "discarding") == before + ["0 9 late"])
    #expect(try WindowExampleTests.told(trigger, "retracting") == before + ["0 -5 late", "0 14 late"])
  }

  @Test func earlyResultsAtEachMinuteGoWithLateOnesAtEachSecond() throws {
    let trigger = "trigger: { early: 1m, late: 2m },"
    #expect(
      try WindowExampleTests.told(trigger, "accumulating") == [
        "0 5 on_time", "2 7 early", "2 10 early", "4 4 early", "2 18 on_time", "4 4 on_time", "6 3 early",
        "6 12 early", "6 12 on_time", "0 14 late",
      ])
    #expect(
      try WindowExampleTests.told(trigger, "discarding") == [
        "0 5 on_time", "2 7 early", "2 3 early", "4 4 early", "2 8 on_time", "4 NULL on_time", "6 3 early",
        "6 9 early", "6 NULL on_time", "0 9 late",
      ])
    #expect(
      try WindowExampleTests.told(trigger, "retracting") == [
        "0 5 on_time", "2 7 early", "2 -7 early", "2 10 early", "4 4 early", "2 -10 on_time", "2 18 on_time",
        "4 -4 on_time", "4 4 on_time", "6 3 early", "6 -3 early", "6 12 early", "6 -12 on_time", "6 12 on_time",
        "0 -5 late", "0 14 late",
      ])
  }

  // Sessions. Those of the book hold scores that follow each other at its gap of one minute exactly, as the first three do;
  // here rows are closer than the gap, so it is a second longer.

  private static func sessions(_ delay: String, _ trigger: String, _ accumulation: String) throws -> [String] {
    try told(Trial(window: "{ session: { gap: 61s } }", delay: delay, trigger: trigger, accumulation: accumulation))
  }

  /// Figure 8-13, of which the sums are the book's; what goes of sessions that were joined is ours, and what the watermark
  /// adds behind.
  @Test func sessionsGrowScoreByScore() throws {
    #expect(
      try WindowExampleTests.sessions("1h", "trigger: { early: 1 },", "accumulating") == [
        "0:26 5 early", "2:26 7 early", "3:39 3 early", "3:39 7 early", "2:26 22 early", "3:39 x7 early",
        "6:39 3 early",
        "0:26 36 early", "2:26 x22 early", "6:39 11 early", "6:39 12 early", "0:26 36 on_time", "6:39 12 on_time",
      ])
  }

  /// Figure 8-14, with what is taken back; that the 8 of the last session is known behind the 9 is the order of our log.
  @Test func sessionsThatGrowTakeBackWhatTheyHaveJoined() throws {
    #expect(
      try WindowExampleTests.sessions("1h", "trigger: { early: 1 },", "retracting") == [
        "0:26 5 early", "2:26 7 early", "3:39 3 early", "3:39 -3 early", "3:39 7 early", "2:26 -7 early",
        "2:26 22 early", "3:39 -7 early", "6:39 3 early", "0:26 -5 early", "0:26 36 early", "2:26 -22 early",
        "6:39 -3 early", "6:39 11 early", "6:39 -11 early", "6:39 12 early", "0:26 -36 on_time", "0:26 36 on_time",
        "6:39 -12 on_time", "6:39 12 on_time",
      ])
  }

  /// Derived: the 8 joins the session of the 7, which was complete, to one that is not.
  @Test func sessionsWaitForTheWatermarkAndAreJoinedByALateScore() throws {
    let told = try WindowExampleTests.sessions("26s", "", "accumulating")
    #expect(
      told == [
        "0:26 5 on_time", "2:26 7 on_time", "2:26 22 on_time", "0:26 36 late", "2:26 x22 on_time", "6:39 12 on_time",
      ])
    #expect(
      try WindowExampleTests.sessions("26s", "", "retracting") == [
        "0:26 5 on_time", "2:26 7 on_time", "2:26 -7 on_time", "2:26 22 on_time", "0:26 -5 late", "0:26 36 late",
        "2:26 -22 late", "6:39 12 on_time",
      ])
  }

  /// Derived: a session is early again where a late score makes it longer than the watermark has come.
  @Test func sessionsWithEarlyResultsAndAWatermark() throws {
    #expect(
      try WindowExampleTests.sessions("26s", "trigger: { early: 1 },", "accumulating") == [
        "0:26 5 early", "0:26 5 on_time", "2:26 7 early", "3:39 3 early", "2:26 7 on_time", "3:39 7 early",
        "2:26 22 early", "3:39 x7 early", "2:26 22 on_time", "6:39 3 early", "0:26 36 late", "2:26 x22 on_time",
        "6:39 11 early", "6:39 12 early", "6:39 12 on_time",
      ])
    #expect(
      try WindowExampleTests.sessions("26s", "trigger: { early: 1 },", "retracting") == [
        "0:26 5 early", "0:26 -5 on_time", "0:26 5 on_time", "2:26 7 early", "3:39 3 early", "2:26 -7 on_time",
        "2:26 7 on_time", "3:39 -3 early", "3:39 7 early", "2:26 -7 early", "2:26 22 early", "3:39 -7 early",
        "2:26 -22 on_time", "2:26 22 on_time", "6:39 3 early", "0:26 -5 late", "0:26 36 late", "2:26 -22 late",
        "6:39 -3 early", "6:39 11 early", "6:39 -11 early", "6:39 12 early", "6:39 -12 on_time", "6:39 12 on_time",
      ])
  }

  /// No result of a session can be what came since the last one, when its rows were told as another's.
  @Test func sessionsCannotDiscard() throws {
    #expect(throws: PipelineProblems.self) { try WindowExampleTests.sessions("26s", "", "discarding") }
  }
}
