import Change
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Rows of hopping and cumulative windows are added together by slices where the aggregates allow it. With one aggregate more
/// that does not, each row goes into each of its windows: the results must be the same.
@Suite(.timeLimit(.minutes(5))) struct SlicedWindowTests {
  static let windows = [
    "{ hopping: { size: 60s, every: 20s } }", "{ hopping: { size: 50s, every: 20s } }",
    "{ hopping: { size: 100s, every: 7s } }", "{ cumulative: { size: 60s, every: 20s } }",
    "{ cumulative: { size: 150s, every: 5s } }",
  ]
  static let sums =
    "n: count(), known: count(amount), total: sum(amount), mean: avg(amount), spread: stddev(amount), twice: sum(amount * 2)"
  /// The column of the aggregate that needs every row.
  static let least = 9

  struct Trial {
    let work: RandomWindowTests.Workload
    let sliced: String
    let whole: String

    init(_ seed: Int) {
      var random = SeededRandom(seed: UInt64(seed) + 70_000)
      work = RandomWindowTests.Workload(seed: UInt64(seed) + 700, transactions: 100, disorder: [0, 10, 60][seed % 3])
      let early = ["", "early: 7s, ", "early: 30s, "].randomElement(using: &random) ?? ""
      let late = ["late: each", "late: 11s"].randomElement(using: &random) ?? ""
      let delay = [0, 5, 40].randomElement(using: &random) ?? 0
      let accumulation = ["accumulating", "discarding", "retracting"].randomElement(using: &random) ?? ""
      let group = ["status", "id"].randomElement(using: &random) ?? ""
      let lateness = ["0s", "15s", "1h"].randomElement(using: &random) ?? ""
      let window = SlicedWindowTests.windows[seed % SlicedWindowTests.windows.count]
      let block = { (aggregates: String) in
        WindowTrial.block(
          "event_time: happened, max_delay: \(delay)s, allowed_lateness: \(lateness), window: \(window),"
            + " group_by: [\(group)], aggregate: { \(aggregates) }, trigger: { \(early)\(late) },"
            + " accumulation: \(accumulation)")
      }
      sliced = block(SlicedWindowTests.sums)
      whole = block(SlicedWindowTests.sums + ", least: min(amount)")
    }
  }

  /// Every transaction of results, in order, without the column that one of the windows lacks.
  private static func told(_ output: WindowTrial.Output, without column: Int?) -> [[String]] {
    output.panes.map { pane in
      pane.map { row in
        var row = row
        if let column, row.table == WindowTrial.results {
          row.before?.remove(at: column)
          row.after?.remove(at: column)
        }
        return "\(row.table) \(row.before ?? []) " + WindowTrial.told(row)
      }
    }
  }

  @Test(arguments: TestSeeds.range(20)) func slicesTellWhatEachRowInEachWindowTells(_ seed: Int) throws {
    let trial = Trial(seed)
    var random = SeededRandom(seed: UInt64(seed))
    let cutting = RandomWindowTests.cutting(&random)
    let end = trial.work.commit + 4000
    let sliced = try WindowTrial.run(trial.sliced, trial.work.log, cutting, until: end)
    let whole = try WindowTrial.run(trial.whole, trial.work.log, cutting, until: end)
    #expect(
      SlicedWindowTests.told(sliced, without: nil) == SlicedWindowTests.told(whole, without: SlicedWindowTests.least),
      "\(trial.sliced)")
    #expect(sliced.panes.contains { !$0.isEmpty })
  }

  /// What lies in a slice goes with the state.
  @Test(arguments: TestSeeds.range(10)) func aStateIsStoredWithItsSlices(_ seed: Int) throws {
    let trial = Trial(seed)
    var random = SeededRandom(seed: UInt64(seed) + 1)
    let end = trial.work.commit + 4000
    let whole = try WindowTrial.run(trial.whole, trial.work.log, until: end)
    var output = WindowTrial.Output()
    var windows = WindowSet(try WindowTrial.definitions(trial.sliced))
    var first = 0
    while first < trial.work.log.count {
      let next = min(trial.work.log.count, first + Int.random(in: 1...20, using: &random))
      try WindowTrial.run(
        windows, Array(trial.work.log[..<next]), RandomWindowTests.cutting(&random), from: first, into: &output)
      // Storing it twice changes nothing; some go on with the state itself, and some with what was read of it.
      let bytes = try windows.encode([])
      #expect(try windows.encode([]) == bytes)
      if Bool.random(using: &random) {
        let other = WindowSet(try WindowTrial.definitions(trial.sliced))
        try other.decode(bytes, panes: windows.panes, log: windows.log)
        #expect(other.heldCount == 0)
        windows = other
      }
      first = next
    }
    for batch in try windows.advance(to: EventTime(microseconds: end * 1_000_000)) { output.take(batch) }
    let sorted = { (panes: [[String]]) in panes.map { $0.sorted() } }
    #expect(
      sorted(SlicedWindowTests.told(output, without: nil))
        == sorted(SlicedWindowTests.told(whole, without: SlicedWindowTests.least)), "\(trial.sliced)")
  }
}
