import Change
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Random logs, windows, triggers and cuts, against a model that groups the rows that are there at the end.
@Suite(.timeLimit(.minutes(5))) struct RandomWindowTests {
  /// The rows of a table, and the log that made them.
  struct Workload {
    var log: [MemoryTransaction] = []
    var rows: [Int64: [MemoryValue]] = [:]
    /// When each row was written, in the order of the log.
    var written: [[MemoryValue]: Int] = [:]
    var commit: Int64 = 1000

    init(seed: UInt64, transactions: Int, disorder: Int64, firstID: Int64 = 1) {
      var random = SeededRandom(seed: seed)
      var nextID = firstID
      for _ in 0..<transactions {
        commit += Int64.random(in: 0...9, using: &random)
        var changes: [MemoryChange] = []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          let time = commit - Int64.random(in: 0...disorder, using: &random)
          let status = ["a", "b", "c"].randomElement(using: &random) ?? "a"
          let cents: Int64? = Int.random(in: 0..<9, using: &random) == 0 ? nil : .random(in: -500...900, using: &random)
          let happened: Int64? = Int.random(in: 0..<20, using: &random) == 0 ? nil : time
          let kind = Int.random(in: 0..<10, using: &random)
          let known = rows.keys.sorted().randomElement(using: &random)
          if kind < 5 || known == nil {
            let row = WindowTrial.order(nextID, status, cents, at: happened)
            rows[nextID] = row
            written[row] = 100 * log.count + changes.count
            nextID += 1
            changes.append(.insert(WindowTrial.orders, row))
          } else if let known, let before = rows[known] {
            if kind < 8 {
              let row = WindowTrial.order(known, status, cents, at: happened)
              rows[known] = row
              written[row] = 100 * log.count + changes.count
              changes.append(.update(WindowTrial.orders, before: before, after: row))
            } else {
              rows[known] = nil
              changes.append(.delete(WindowTrial.orders, before))
            }
          }
        }
        log.append(WindowTrial.transaction(commit, changes))
      }
    }
  }

  enum Shape: CaseIterable {
    case tumbling, hopping, cumulative, session

    var text: String {
      switch self {
      case .tumbling: "{ tumbling: 30s }"
      case .hopping: "{ hopping: { size: 50s, every: 20s } }"
      case .cumulative: "{ cumulative: { size: 60s, every: 20s } }"
      case .session: "{ session: { gap: 4s } }"
      }
    }

    /// The columns that tell a window and group from the others.
    var key: [Int] { self == .cumulative ? [0, 1, 2] : [0, 2] }

    /// The windows of a group's event times, in seconds.
    /// - Parameter offset: by how much later those of the calendar begin.
    func windows(_ times: [Int64], offset: Int64) -> [(start: Int64, end: Int64)] {
      windows(times.map { $0 - offset }).map { ($0.start + offset, $0.end + offset) }
    }

    func windows(_ times: [Int64]) -> [(start: Int64, end: Int64)] {
      switch self {
      case .tumbling: return grid(times, starts: 30, ends: 30, step: 30)
      case .hopping: return grid(times, starts: 20, ends: 50, step: 50)
      case .cumulative:
        return Set(times.map { $0 / 60 * 60 }).flatMap { start in
          [20, 40, 60].map { (start, start + $0) }.filter { window in
            times.contains { $0 >= window.0 && $0 < window.1 }
          }
        }
      case .session:
        var windows: [(start: Int64, end: Int64)] = []
        for time in times.sorted() {
          if let last = windows.last, time < last.end {
            windows[windows.count - 1].end = time + 4
          } else {
            windows.append((time, time + 4))
          }
        }
        return windows
      }
    }

    private func grid(_ times: [Int64], starts: Int64, ends: Int64, step: Int64) -> [(start: Int64, end: Int64)] {
      let first = ((times.min() ?? 0) - step) / starts * starts
      return stride(from: first, through: times.max() ?? 0, by: Int64.Stride(starts)).map { ($0, $0 + ends) }
        .filter { window in times.contains { $0 >= window.0 && $0 < window.1 } }
    }
  }

  static let aggregates =
    "aggregate: { n: count(), known: count(amount), total: sum(amount), least: min(amount), most: max(amount),"
    + " different: count(distinct amount), mean: avg(amount), first_time: min(happened) }"

  /// The columns of a result that the model knows: the window, the group and the aggregates.
  static func model(_ rows: some Collection<[MemoryValue]>, _ shape: Shape) -> Set<[String]> {
    var groups: [String: [[MemoryValue]]] = [:]
    for row in rows where row[3] != .null { groups[WindowTrial.text(row[1]), default: []].append(row) }
    var results: Set<[String]> = []
    for (status, rows) in groups {
      for window in shape.windows(rows.compactMap(time)) {
        let inside = rows.filter { row in time(row).map { $0 >= window.start && $0 < window.end } ?? false }
        results.insert(["\(window.start)", "\(window.end)", status] + aggregated(inside))
      }
    }
    return results
  }

  static func time(_ row: [MemoryValue]) -> Int64? {
    if case .timestamp(let microseconds) = row[3] { microseconds / 1_000_000 } else { nil }
  }

  static func cents(_ row: [MemoryValue]) -> Int64? {
    if case .decimal(let text) = row[2] { Int64(text.filter { $0 != "." }) } else { nil }
  }

  static func aggregated(_ rows: [[MemoryValue]]) -> [String] {
    let amounts = rows.compactMap(cents)
    let sum = amounts.reduce(0, +)
    let text = { (value: Int64?) in value.map(WindowTrial.decimal) ?? "NULL" }
    var mean = "NULL"
    if !amounts.isEmpty {
      // Six digits behind the point, the half rounded away from zero.
      let count = Int64(amounts.count)
      let scaled = sum * 10_000
      let rounded = (abs(scaled) * 2 + count) / (2 * count)
      let digits = "\(rounded)"
      let padded = String(repeating: "0", count: max(0, 7 - digits.count)) + digits
      mean = (scaled < 0 && rounded > 0 ? "-" : "") + padded.dropLast(6) + "." + padded.suffix(6)
    }
    return [
      "\(rows.count)", "\(amounts.count)", text(amounts.isEmpty ? nil : sum), text(amounts.min()), text(amounts.max()),
      "\(Set(amounts).count)", mean, "\(rows.compactMap(time).min() ?? 0)",
    ]
  }

  static func trigger(_ random: inout SeededRandom) -> String {
    let early = ["", "early: 7s, ", "early: 3, ", "early: 1, "].randomElement(using: &random) ?? ""
    let late = ["late: each", "late: 11s"].randomElement(using: &random) ?? ""
    return "trigger: { \(early)\(late) }"
  }

  static func block(_ shape: Shape, _ accumulation: String, _ random: inout SeededRandom) -> String {
    let delay = [0, 5, 40].randomElement(using: &random) ?? 0
    let idle = ["idle_after: 20s, ", "idle_after: 100s, "].randomElement(using: &random) ?? ""
    return WindowTrial.block(
      "event_time: happened, max_delay: \(delay)s, \(idle)allowed_lateness: 1h, window: \(shape.text),"
        + " group_by: [status], \(aggregates), \(trigger(&random)), accumulation: \(accumulation)")
  }

  static func cutting(_ random: inout SeededRandom) -> WindowTrial.Cutting {
    WindowTrial.Cutting(
      bytes: [200, 1500, 512 << 10].randomElement(using: &random) ?? 200,
      transactions: [1, 3, .max].randomElement(using: &random) ?? 1,
      heartbeats: [0, 50, 100].randomElement(using: &random) ?? 0,
      random: SeededRandom(seed: .random(in: 0...1000, using: &random)))
  }

  /// What the panes of each window and group say together, of the number of rows and their sum.
  private static func totals(_ rows: [TransformedRow], sign: Int?) -> [[String]: [Int64]] {
    var totals: [[String]: [Int64]] = [:]
    for row in rows {
      guard let values = row.after else { continue }
      var factor: Int64 = 1
      if let sign, case .int(let value) = values[sign] { factor = value }
      guard case .int(let count) = values[3] else { continue }
      var cents: Int64 = 0
      if case .decimal(let text) = values[5] { cents = Int64(text.filter { $0 != "." }) ?? 0 }
      let key = values[..<3].map(WindowTrial.text)
      let old = totals[key] ?? [0, 0]
      totals[key] = [old[0] + factor * count, old[1] + factor * cents]
    }
    return totals.filter { $0.value != [0, 0] }
  }

  /// Also of sessions, whose bounds move: what was told of one that is no more is taken back with the bounds that it had.
  @Test(arguments: Shape.allCases, TestSeeds.range(6))
  func retractingAndDiscardingPanesAddUpToTheAccumulatingOnes(_ shape: Shape, _ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 9000)
    let work = Workload(seed: UInt64(seed) + 100, transactions: 100, disorder: 60)
    let accumulating = RandomWindowTests.block(shape, "accumulating", &random)
    let end = work.commit + 10_000
    let cutting = RandomWindowTests.cutting(&random)
    let last = try WindowTrial.applied(
      WindowTrial.run(accumulating, work.log, cutting, until: end).rows, key: shape.key)
    let expected = RandomWindowTests.totals(
      last.values.map { TransformedRow(operation: .insert, table: WindowTrial.results, after: $0) }, sign: nil)
    for (accumulation, sign) in [("discarding", nil), ("retracting", 14)] {
      // A session has no part of its own that came since the last pane, and is refused.
      if shape == .session, accumulation == "discarding" { continue }
      let block = accumulating.replacing("accumulation: accumulating", with: "accumulation: \(accumulation)")
      let output = try WindowTrial.run(block, work.log, cutting, until: end)
      #expect(RandomWindowTests.totals(output.rows, sign: sign) == expected, "\(block)")
      #expect(output.rows.allSatisfy { $0.operation == .insert })
      // A target that keeps one row for each key keeps them all.
      let key = shape.key + [12] + (sign.map { [$0] } ?? [])
      let told = output.rows.compactMap(\.after).map { row in key.map { row[$0] } }
      #expect(Set(told).count == told.count, "\(block)")
    }
  }

  @Test(arguments: TestSeeds.range(16))
  func theSameLogGivesTheSamePanesHoweverItIsCut(_ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 5000)
    let shape = Shape.allCases[seed % 4]
    let work = Workload(seed: UInt64(seed) + 300, transactions: 100, disorder: 40)
    var block = RandomWindowTests.block(shape, "accumulating", &random)
      .replacing("allowed_lateness: 1h", with: "allowed_lateness: 15s")
    if seed % 8 >= 4 {
      block = WindowTrial.block(
        "window: \(shape.text), group_by: [status], \(RandomWindowTests.aggregates), trigger: { early: 7s }")
    }
    var known: [[TransformedRow]]?
    for _ in 0..<4 {
      let cutting = RandomWindowTests.cutting(&random)
      let output = try WindowTrial.run(block, work.log, cutting, until: work.commit + 10_000)
      #expect(output.numbers == Array(1...UInt64(max(1, output.numbers.count))))
      // Within one transaction of results the order says nothing.
      let panes = output.panes.map { $0.sorted { WindowTrial.told($0) < WindowTrial.told($1) } }
      if let known { #expect(panes == known, "\(block)") } else { known = panes }
    }
  }

  @Test(arguments: TestSeeds.range(16))
  func aStoredStateGoesOnAsIfNothingHadHappened(_ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 6000)
    let shape = Shape.allCases[seed % 4]
    let work = Workload(seed: UInt64(seed) + 500, transactions: 80, disorder: 40)
    let accumulation = ["accumulating", "retracting"][seed / 4 % 2]
    let block = RandomWindowTests.block(shape, accumulation, &random)
      .replacing("first_time: min(happened)", with: "first_status: min(status), oldest: first(status)")
    let whole = try WindowTrial.run(block, work.log, until: work.commit + 10_000)
    var output = WindowTrial.Output()
    var windows = WindowSet(try WindowTrial.definitions(block))
    var first = 0
    while first < work.log.count {
      let end = min(work.log.count, first + Int.random(in: 1...20, using: &random))
      try WindowTrial.run(
        windows, Array(work.log[..<end]), RandomWindowTests.cutting(&random), from: first, into: &output)
      let next = WindowSet(try WindowTrial.definitions(block))
      try next.decode(windows.encode([]), panes: windows.panes, log: windows.log)
      #expect(next.panes == windows.panes)
      windows = next
      first = end
    }
    for batch in try windows.advance(to: EventTime(microseconds: (work.commit + 10_000) * 1_000_000)) {
      output.take(batch)
    }
    let sorted = { (panes: [[TransformedRow]]) in
      panes.map { $0.sorted { WindowTrial.told($0) < WindowTrial.told($1) } }
    }
    #expect(sorted(output.panes) == sorted(whole.panes), "\(block)")
    #expect(output.numbers == whole.numbers)
  }

  @Test func aStoredStateThatIsCutOffOrChangedIsRefusedAndNeverTraps() throws {
    var random = SeededRandom(seed: 3)
    for shape in Shape.allCases {
      let work = Workload(seed: 4, transactions: 30, disorder: 40)
      let block = RandomWindowTests.block(shape, "retracting", &random)
        .replacing("mean: avg(amount)", with: "usual: 'percentile(amount, 0.5)', far: stddev(cast(amount as double))")
      var output = WindowTrial.Output()
      let windows = WindowSet(try WindowTrial.definitions(block))
      try WindowTrial.run(windows, work.log, into: &output)
      let bytes = try windows.encode([])
      for end in stride(from: 0, to: bytes.count, by: 17) {
        let other = WindowSet(try WindowTrial.definitions(block))
        #expect(failure { try other.decode(Array(bytes[..<end]), panes: 0, log: nil) }?.code == .corruptState)
      }
      for _ in 0..<150 {
        var changed = bytes
        for _ in 0...Int.random(in: 0..<3, using: &random) {
          changed[Int.random(in: 0..<bytes.count, using: &random)] = [0, 0x7f, 0x80, 0xff].randomElement(
            using: &random)!
        }
        let other = WindowSet(try WindowTrial.definitions(block))
        // What is read is told as well.
        let code = failure {
          try other.decode(changed, panes: 0, log: nil)
          _ = try other.advance(to: EventTime(microseconds: (work.commit + 10_000) * 1_000_000))
        }?.code
        #expect(code == nil || [.corruptState, .schemaMismatch, .configuration, .limit].contains(code))
      }
    }
  }
}

extension String {
  fileprivate func replacing(_ part: String, with other: String) -> String {
    var result = ""
    var rest = self[...]
    while let range = rest.firstRange(of: part) {
      result += rest[..<range.lowerBound] + other
      rest = rest[range.upperBound...]
    }
    return result + rest
  }
}
