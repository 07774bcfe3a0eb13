import Change
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// The last panes of random windows, with the rows that came too late, against what GROUP BY gives over the table.
@Suite(.timeLimit(.minutes(5))) struct RandomWindowProofTests {
  private typealias Row = [MemoryValue]
  typealias Shape = RandomWindowTests.Shape
  private typealias Workload = RandomWindowTests.Workload

  /// What a window holds at the end: its bounds and group, as in the result, and the rows.
  private typealias Contents = [[String]: [Row]]

  /// One with every aggregate.
  private static func block(
    _ shape: Shape, offset: Int64, lateness: String, _ random: inout SeededRandom
  ) -> String {
    RandomWindowTests.block(shape, "accumulating", &random)
      .replacing(
        "first_time: min(happened)",
        with: "first_time: min(happened), opening: first(amount), closing: last(amount), spread: stddev(amount),"
          + " usual: 'percentile(amount, 0.5)', high: 'percentile(amount, 0.9)',"
          + " far: stddev(cast(amount as double) + 1000000000)"
      )
      .replacing("window: \(shape.text)", with: "window: \(shape.text.dropLast(2)), offset: \(offset)s }")
      .replacing("allowed_lateness: 1h", with: "allowed_lateness: \(lateness)")
  }

  /// What the aggregates of a result are not, over these rows.
  private static func problems(_ told: Row, _ rows: [Row], _ work: Workload) -> [String] {
    var problems: [String] = []
    let exact = RandomWindowTests.aggregated(rows)
    if told[3..<11].map(WindowTrial.text) != exact { problems.append("not \(exact)") }
    let known = rows.filter { $0[2] != .null }.sorted {
      (RandomWindowTests.time($0) ?? 0, work.written[$0] ?? 0)
        < (RandomWindowTests.time($1) ?? 0, work.written[$1] ?? 0)
    }
    if told[11] != known.first?[2] ?? .null { problems.append("another is first") }
    if told[12] != known.last?[2] ?? .null { problems.append("another is last") }
    let cents = known.compactMap(RandomWindowTests.cents).sorted()
    let count = Int64(cents.count)
    var spread: Double?
    if count > 1 {
      let sum = cents.reduce(0, +)
      spread =
        (Double(count * cents.reduce(0) { $0 + $1 * $1 } - sum * sum) / Double(count * (count - 1))).squareRoot() / 100
    }
    if !isNear(told[13], spread, 1e-14) { problems.append("the deviation is \(spread as Double?)") }
    // A value a thousand million times as large has lost seven digits before it came.
    if !isNear(told[16], spread, 1e-6) { problems.append("the deviation far from zero is \(spread as Double?)") }
    for (column, percent) in [(14, 50), (15, 90)] {
      let value = cents.isEmpty ? nil : Double(cents[percent * (cents.count - 1) / 100]) / 100
      if !isNear(told[column], value, 0, of: 0.01) {
        problems.append("the percentile \(percent) is \(value as Double?)")
      }
    }
    return problems
  }

  /// - Parameters:
  ///   - error: how far it may be off, where it is not exact.
  ///   - part: the same in parts of the value.
  private static func isNear(_ told: MemoryValue, _ value: Double?, _ error: Double, of part: Double = 1e-14) -> Bool {
    guard let value else { return told == .null }
    guard case .float64(let bits) = told else { return false }
    return abs(Double(bitPattern: bits) - value) <= error + part * 1.000001 * abs(value)
  }

  /// What windows of the calendar hold at the end: the rows of the table that lie in them, without those that came too late,
  /// and with those that were taken back too late.
  private static func contents(
    _ rows: [Row], late: [(end: Int64, sign: Int, row: Row)], _ shape: Shape, offset: Int64
  ) -> Contents {
    var contents: Contents = [:]
    var used = 0
    for status in ["a", "b", "c"].map(MemoryValue.text) {
      let rows = rows.filter { $0[1] == status && $0[3] != .null }
      let late = late.filter { $0.row[1] == status }
      for window in shape.windows((rows + late.map(\.row)).compactMap(RandomWindowTests.time), offset: offset) {
        let isInside = { (row: Row) in
          RandomWindowTests.time(row).map { $0 >= window.start && $0 < window.end } ?? false
        }
        var counts: [Row: Int] = [:]
        for row in rows where isInside(row) { counts[row, default: 0] += 1 }
        for change in late where change.end == window.end && isInside(change.row) {
          counts[change.row, default: 0] -= change.sign
          used += 1
        }
        #expect(counts.values.allSatisfy { $0 == 0 || $0 == 1 })
        let held = counts.filter { $0.value == 1 }.map(\.key)
        if !held.isEmpty { contents[["\(window.start)", "\(window.end)", WindowTrial.text(status)]] = held }
      }
    }
    #expect(used == late.count, "a row is late for a window that it does not lie in")
    return contents
  }

  private static func expect(
    _ held: some Collection<Row>, holds contents: Contents, _ work: Workload, _ block: String
  ) {
    var told: [[String]: Row] = [:]
    for row in held { told[row[..<3].map(WindowTrial.text)] = row }
    #expect(Set(told.keys) == Set(contents.keys), "\(block)")
    for (key, rows) in contents {
      guard let row = told[key] else { continue }
      let problems = problems(row, rows, work)
      #expect(problems.isEmpty, "\(key) \(row) \(block)")
    }
  }

  private static func offset(_ shape: Shape, _ random: inout SeededRandom) -> Int64 {
    let offset = Int64.random(in: 0..<20, using: &random)
    return shape == .session ? 0 : offset
  }

  @Test(arguments: Shape.allCases, 0..<12)
  func theLastPaneIsWhatAQueryOverTheRowsGives(_ shape: Shape, _ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 7000)
    let work = Workload(seed: UInt64(seed), transactions: 120, disorder: 60)
    let offset = RandomWindowProofTests.offset(shape, &random)
    let block = RandomWindowProofTests.block(shape, offset: offset, lateness: "1h", &random)
    let output = try WindowTrial.run(block, work.log, RandomWindowTests.cutting(&random), until: work.commit + 10_000)
    #expect(output.rows.allSatisfy { $0.table == WindowTrial.results })
    let held = try WindowTrial.applied(output.rows, key: shape.key)
    let contents = RandomWindowProofTests.contents(Array(work.rows.values), late: [], shape, offset: offset)
    RandomWindowProofTests.expect(held.values, holds: contents, work, block)
  }

  /// The changes in the table of late ones.
  private static func late(_ rows: [TransformedRow]) throws -> [(end: Int64, sign: Int, row: Row)] {
    try rows.filter { $0.table == WindowTrial.late }.enumerated().map { number, change in
      let values = try #require(change.after)
      guard case .timestamp(let end) = values[1], values[0] == .int(Int64(number + 1)) else {
        throw Failure(.internal, "a late change has a number and a window")
      }
      return (end / 1_000_000, values[3] == .int(1) ? 1 : -1, Array(values[4...]))
    }
  }

  /// With a lateness that makes many rows too late.
  @Test(arguments: Shape.allCases, 0..<10)
  func lateRowsAndLastPanesAreTogetherWhatAQueryGives(_ shape: Shape, _ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 8000)
    let work = Workload(seed: UInt64(seed) + 1500, transactions: 120, disorder: 60)
    let offset = RandomWindowProofTests.offset(shape, &random)
    let lateness = ["0s", "4s", "15s"].randomElement(using: &random) ?? "0s"
    let block = RandomWindowProofTests.block(shape, offset: offset, lateness: lateness, &random)
      .replacing("max_delay: 40s", with: "max_delay: 2s")
    let output = try WindowTrial.run(block, work.log, RandomWindowTests.cutting(&random), until: work.commit + 10_000)
    let late = try RandomWindowProofTests.late(output.rows)
    #expect(!late.isEmpty)
    let held = try WindowTrial.applied(output.rows, key: shape.key)
    let rows = Array(work.rows.values)
    guard shape == .session else {
      let contents = RandomWindowProofTests.contents(rows, late: late, shape, offset: offset)
      return RandomWindowProofTests.expect(held.values, holds: contents, work, block)
    }
    // Which session a late row would have joined, and what it would have joined it to, nothing tells: a query has other
    // sessions. But each row is in one of them, or among the late ones.
    for status in ["a", "b", "c"].map(MemoryValue.text) {
      var counts: [Int] = [0, 0, 0]
      for row in rows where row[1] == status && row[3] != .null { RandomWindowProofTests.count(row, 1, &counts) }
      for change in late where change.row[1] == status {
        RandomWindowProofTests.count(change.row, -change.sign, &counts)
      }
      for row in held.values where row[2] == status {
        guard case .int(let rows) = row[3], case .int(let known) = row[4] else { continue }
        let cents = RandomWindowTests.cents(Array(row[3...])) ?? 0
        for (index, value) in [rows, known, cents].enumerated() { counts[index] -= Int(value) }
      }
      #expect(counts == [0, 0, 0], "\(status) \(block)")
    }
  }

  /// Adds a row to the number of rows, of known amounts, and of cents.
  private static func count(_ row: Row, _ sign: Int, _ counts: inout [Int]) {
    counts[0] += sign
    guard let cents = RandomWindowTests.cents(row) else { return }
    counts[1] += sign
    counts[2] += sign * Int(cents)
  }
}
