import Change
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Sums, means, deviations and the like over columns of floats.
@Suite(.timeLimit(.minutes(1))) struct FloatWindowTests {
  private static func readings(_ type: ColumnType = .float64) -> TableSchema {
    TableSchema(
      name: TableName(namespace: "shop", table: "readings"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
        ColumnSchema(name: "x", type: type), ColumnSchema(name: "happened", type: .timestamp(fraction: 6)),
      ], key: [0])
  }

  private static func block(_ window: String, _ aggregates: String, _ rest: String = "") -> String {
    "{ name: revenue, from: shop.readings, event_time: happened, max_delay: 2h, idle_after: 1s, window: { \(window) }, "
      + "aggregate: { \(aggregates) }\(rest) }"
  }
  private static let sums = "known: count(x), total: sum(x), mean: avg(x), spread: stddev(x)"

  private static func row(_ id: Int, _ value: Double?) -> [MemoryValue] {
    [
      .int(Int64(id)), value.map { .float64($0.bitPattern) } ?? .null,
      .timestamp(microseconds: Int64(id % 50) * 1_000_000),
    ]
  }

  private static func inserts(_ values: [Double?], from first: Int = 0) -> [MemoryChange] {
    values.enumerated().map { .insert(readings(), row(first + $0, $1)) }
  }

  private static func deletes(_ values: [Double?], from first: Int = 0) -> [MemoryChange] {
    values.enumerated().map { .delete(readings(), row(first + $0, $1)) }
  }

  /// The aggregates of the one window, when everything has been told.
  private static func told(_ aggregates: String, _ transactions: [[MemoryChange]]) throws -> [MemoryValue] {
    let log = transactions.enumerated().map { WindowTrial.transaction(100 + Int64($0), $1) }
    let output = try WindowTrial.run(block("tumbling: 1m", aggregates), log, until: 100_000)
    #expect(output.rows.count == 1)
    return Array(try #require(output.rows.last?.after)[2...].dropLast(3))
  }

  private static func number(_ value: MemoryValue) -> Double? {
    if case .float64(let bits) = value { Double(bitPattern: bits) } else { nil }
  }

  @Test(arguments: [1e9, 1.7e9, 1e12, 1e15, -1e15, 0, 0.5])
  func whatIsFarFromZeroIsSpreadAsWhatIsNear(_ base: Double) throws {
    let told = try FloatWindowTests.told(
      FloatWindowTests.sums, [FloatWindowTests.inserts([base + 1, base + 2, base + 3, nil])])
    #expect(told.map(FloatWindowTests.number) == [nil, 3 * base + 6, base + 2, 1])
    #expect(told[0] == .int(3))
  }

  @Test func aColumnOfShortFloatsIsComputedWithLongOnes() throws {
    let values = [16_000_001, 16_000_002, 16_000_003].enumerated().map { index, value in
      MemoryChange.insert(
        FloatWindowTests.readings(.float32),
        [.int(Int64(index)), .float32(Float(value).bitPattern), .timestamp(microseconds: 0)])
    }
    let told = try FloatWindowTests.told(FloatWindowTests.sums, [values])
    #expect(told.map(FloatWindowTests.number) == [nil, 48_000_006, 16_000_002, 1])
  }

  @Test func whatIsTakenBackLeavesNothingBehind() throws {
    let values = [1e11, 0.1, -3.7e-9, 1.5, 2.5]
    let inserts = FloatWindowTests.inserts(values)
    // What is left of the squares is smaller than the last digit of the one that goes.
    let last = try FloatWindowTests.told(
      FloatWindowTests.sums, [inserts, FloatWindowTests.deletes([1e11, 0.1, -3.7e-9])]
    ).map(FloatWindowTests.number)
    #expect(last[..<3] == [nil, 4, 2])
    #expect(abs((last[3] ?? 0) - 0.5.squareRoot()) < 1e-9)
    let none = try FloatWindowTests.told(
      FloatWindowTests.sums,
      [inserts, FloatWindowTests.inserts([nil], from: 9), FloatWindowTests.deletes(values)])
    #expect(none == [.int(0), .null, .null, .null])
  }

  @Test func anOverflowIsOverWhenItsValuesAreGone() throws {
    for beyond in [[1e308, 1e308], [.infinity, 1], [.nan, 1], [1e308, 1e308, -.infinity]] {
      let before = FloatWindowTests.inserts(beyond)
      let during = try FloatWindowTests.told(FloatWindowTests.sums, [before]).map(FloatWindowTests.number)
      #expect(during[1]?.isFinite == false && during[2]?.isFinite == false && during[3]?.isNaN == true)
      let log = [before, FloatWindowTests.deletes(beyond), FloatWindowTests.inserts([1.5, 2.5], from: 10)]
      let told = try FloatWindowTests.told(FloatWindowTests.sums, log)
      #expect(told.map(FloatWindowTests.number) == [nil, 4, 2, 0.5.squareRoot()])
    }
  }

  /// Over commit times the result is by how much the table has changed: a sum without values is one.
  @Test func aChangeOfValuesAloneHasASum() throws {
    let change = MemoryChange.update(
      FloatWindowTests.readings(), before: FloatWindowTests.row(1, 5.25), after: FloatWindowTests.row(1, 3))
    let block = "{ name: revenue, from: shop.readings, window: { tumbling: 1m }, aggregate: { n: sum(x) } }"
    let output = try WindowTrial.run(block, [WindowTrial.transaction(10, [change])], until: 100)
    #expect(output.rows.compactMap(\.after).map { $0[2] } == [.float64((-2.25).bitPattern)])
  }

  @Test func bothZerosAreOneValue() throws {
    let inserts = FloatWindowTests.inserts([0, -0.0, 1, -1])
    #expect(try FloatWindowTests.told("n: count(distinct x)", [inserts]) == [.int(3)])
    let deletes = FloatWindowTests.deletes([-0.0, 1], from: 1)
    #expect(try FloatWindowTests.told("n: count(distinct x)", [inserts, deletes]) == [.int(2)])
  }

  @Test(arguments: [1e308, -1e308, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1e-300, 1.0])
  func aPercentileIsWithinItsErrorAsFarAsFloatsReach(_ value: Double) throws {
    let told = try FloatWindowTests.told("p: 'percentile(x, 0.5)'", [FloatWindowTests.inserts([value])])
    let middle = try #require(FloatWindowTests.number(told[0]))
    #expect(middle.isFinite && abs(middle / value - 1) <= 0.010001)
  }

  @Test func aPercentileIsInfiniteOrNoNumberWhereItsValueIs() throws {
    let values: [Double] = [.nan, .infinity, 1, -.infinity, -.greatestFiniteMagnitude]
    var told: [Double] = []
    for rank in ["0", "0.25", "0.5", "0.75", "1"] {
      let row = try FloatWindowTests.told("p: 'percentile(x, \(rank))'", [FloatWindowTests.inserts(values)])
      told.append(try #require(FloatWindowTests.number(row[0])))
    }
    #expect(told[0] == -.infinity && told[1].isFinite && told[3] == .infinity && told[4].isNaN)
  }

  /// What the aggregates are, from whole numbers: the values are multiples of 2⁻²⁰ that fit an integer.
  private static func exact(_ values: [Int64]) -> [Double?] {
    let sum = values.reduce(Int128(0)) { $0 + Int128($1) }
    let squares = values.reduce(Int128(0)) { $0 + Int128($1) * Int128($1) }
    let count = Int128(values.count)
    guard count > 0 else { return [nil, nil, nil] }
    let unit = Double(1 << 20)
    let total = Double(sum) / unit
    guard count > 1 else { return [total, total, nil] }
    let spread = Double(squares * count - sum * sum) / Double(count * (count - 1))
    return [total, total / Double(count), spread.squareRoot() / unit]
  }

  private static func isNear(_ told: [Double?], _ exact: [Double?]) -> Bool {
    zip(told, exact).enumerated().allSatisfy { index, values in
      guard let told = values.0, let exact = values.1 else { return values.0 == nil && values.1 == nil }
      // The squares have 32 digits, of which the deviation loses two for each one by which the mean is larger: here 18.
      return abs(told - exact) <= (index == 2 ? 1e-11 : 2e-15) * abs(exact)
    }
  }

  /// Sessions put the sums of all their moments together.
  @Test(arguments: ["tumbling: 1m", "session: { gap: 1m }"], 0..<8)
  func randomValuesAreSummedAsWholeNumbersAre(_ window: String, _ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 4000)
    let base: Int64 = [0, 1 << 40, -1 << 45, 1_700_000_000 << 20][seed % 4]
    let definitions = try WindowTrial.definitions(
      FloatWindowTests.block(window, FloatWindowTests.sums, ", trigger: { early: 1 }"))
    var windows = WindowSet(definitions)
    var held: [Int: Int64] = [:]
    var latest: [MemoryValue] = []
    var log: [MemoryTransaction] = []
    for number in 0..<120 {
      var changes: [MemoryChange] = []
      for id in (0..<Int.random(in: 1...4, using: &random)).map({ number * 4 + $0 }) {
        let value = base + Int64.random(in: -1 << 35...1 << 35, using: &random)
        changes.append(.insert(FloatWindowTests.readings(), FloatWindowTests.row(id, Double(value) / 0x1p20)))
        held[id] = value
      }
      for id in held.keys.sorted() where Int.random(in: 0..<10, using: &random) < number / 15 {
        guard let value = held.removeValue(forKey: id) else { continue }
        changes.append(.delete(FloatWindowTests.readings(), FloatWindowTests.row(id, Double(value) / 0x1p20)))
      }
      log.append(WindowTrial.transaction(100 + Int64(number), changes))
      var output = WindowTrial.Output()
      try WindowTrial.run(windows, log, from: number, into: &output)
      // Rows that come and go in one transaction are not told of.
      latest = output.rows.compactMap(\.after).last ?? latest
      let exact = FloatWindowTests.exact(Array(held.values))
      if held.isEmpty {
        #expect(output.rows.allSatisfy { $0.operation == .delete })
      } else {
        let told = latest[3..<6].map(FloatWindowTests.number)
        #expect(FloatWindowTests.isNear(told, exact), "\(told) \(exact)")
      }
      if number % 7 == 0 {
        let next = WindowSet(definitions)
        try next.decode(windows.encode([]), panes: windows.panes, log: windows.log)
        windows = next
      }
    }
  }
}
