import Change
import Expressions
import TestRandom

/// A table of random rows, as statements for MariaDB and as a batch.
struct RandomTable {
  let statements: [String]
  /// The rows as SQL shows them, for messages.
  let shown: [String]
  private let schema: TableSchema
  private let batch: Batch

  private static let columns: [(name: String, sql: String, type: ColumnType)] = [
    ("a", "bigint", .integer(bits: 64, unsigned: false)), ("b", "int unsigned", .integer(bits: 32, unsigned: true)),
    ("u", "bigint unsigned", .integer(bits: 64, unsigned: true)),
    ("c", "smallint", .integer(bits: 16, unsigned: false)),
    ("g", "tinyint(1)", .integer(bits: 8, unsigned: false)),
    ("d", "decimal(12,2)", .decimal(precision: 12, scale: 2, unsigned: false)),
    ("e", "decimal(9,4)", .decimal(precision: 9, scale: 4, unsigned: false)),
    ("w", "decimal(38,10)", .decimal(precision: 38, scale: 10, unsigned: false)), ("f", "double", .float64),
    ("h", "float", .float32), ("s", "varchar(40)", .text(length: 40)), ("t", "varchar(20)", .text(length: 20)),
    ("dt", "date", .date), ("ts", "datetime", .timestamp(fraction: 0)), ("tf", "datetime(6)", .timestamp(fraction: 6)),
    ("tm", "time(3)", .time(fraction: 3)), ("j", "json", .json),
  ]

  init(seed: UInt64, rows count: Int) {
    var random = SeededRandom(seed: seed)
    let columns = RandomTable.columns
    schema = TableSchema(
      name: TableName(namespace: "shop", table: "t"),
      columns: columns.map { ColumnSchema(name: $0.name, type: $0.type) }, key: [])
    var definitions = ["id int primary key"]
    for prefix in ["", "old_"] { definitions += columns.map { "\(prefix)\($0.name) \($0.sql)" } }
    var changes: [(Operation, [Row.Value]?, [Row.Value]?)] = []
    var tuples: [String] = []
    for row in 0..<count {
      var images: [[Row.Value]] = []
      var literals = ["\(row)"]
      for _ in 0..<2 {
        let values = columns.map { RandomTable.value($0.name, &random) }
        literals += values.map(\.sql)
        images.append(values.map(\.value))
      }
      tuples.append("(\(literals.joined(separator: ", ")))")
      changes.append((.update, images[1], images[0]))
    }
    shown = tuples
    statements = [
      "DROP TABLE IF EXISTS t", "CREATE TABLE t (\(definitions.joined(separator: ", "))) ENGINE=MyISAM",
      "INSERT INTO t VALUES \(tuples.joined(separator: ", "))",
    ]
    batch = Row.batch(BatchBuilder(), schema, changes)
  }

  func evaluate(_ text: String) throws(Failure) -> [String?] {
    let program = try Expression.parse(text).compiled(for: schema)
    let scratch = ScratchArena(capacity: 64)
    var cells: [Cell] = []
    try ExpressionEvaluator(program).values(
      batch, Array(0..<UInt32(batch.changes.count)), scratch: scratch, into: &cells)
    return cells.map { ExpressionsTests.shown($0, batch, scratch) }
  }

  private static func value(_ name: String, _ random: inout SeededRandom) -> (sql: String, value: Row.Value) {
    func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
    func few<Value>(_ values: [Value]) -> Value { values[Int(number(0...Int64(values.count - 1)))] }
    if number(0...7) == 0 { return ("NULL", .cell(.null)) }
    switch name {
    case "a":
      let value = few([
        0, 1, -1, 7, 100, number(-1000...1000), number(-1_000_000_000_000...1_000_000_000_000),
        number(.min...Int64.max),
      ])
      return (String(value), .cell(.int(value)))
    case "b":
      let value = few([0, 1, 10, number(0...4_294_967_295)])
      return (String(value), .cell(.uint(UInt64(value))))
    case "u":
      let value = few([0, 3, UInt64(number(0...1000)), UInt64.random(in: 0...UInt64.max, using: &random)])
      return (String(value), .cell(.uint(value)))
    case "c", "g":
      let value = name == "g" ? number(0...1) : number(-3...40)
      return (String(value), .cell(.int(value)))
    case "d", "e":
      let value = few([0, 100, 150, -1, number(-99_999...99_999), number(-999_999_999...999_999_999)])
      let cell = Cell.decimal64(unscaled: value, scale: name == "d" ? 2 : 4)
      return (decimal(value.magnitude, value < 0, name == "d" ? 2 : 4), .cell(cell))
    case "w":
      let digits = decimal(UInt64(number(0...Int64.max)), number(0...1) == 0, 10)
      let wide =
        digits.hasPrefix("-")
        ? "-\(number(1...999_999_999))\(digits.dropFirst())" : "\(number(1...999_999_999))\(digits)"
      return (wide, .decimal(wide))
    case "f":
      let value = few([
        0, 0.1, -2.5, 1e10, Double(number(-1000...1000)) / 8, Double(number(-1_000_000...1_000_000)) / 1000,
      ])
      return ("\(value)", .cell(.float64(value)))
    case "h":
      let value = Float(number(-1000...1000)) / 4
      return ("\(value)", .cell(.float32(value)))
    case "s", "t":
      let value = few([
        "", "abc", "ABC", "a", " a b ", "über", "ÄÖÜ ж", "x%y_z", "日本語", "a😀b", "it's", "a\\b", "12", "b1c2",
      ])
      return ("'\(value.replacingOccurrences("'", "''"))'", .text(value))
    case "dt":
      let days = few([number(0...30_000), 19_782, 11_016, number(-20_000...40_000)])
      return ("'\(CivilTime(daysSinceEpoch: days).text)'", .cell(.date(days: days)))
    case "ts", "tf":
      let seconds = number(0...2_100_000_000)
      let fraction = name == "tf" ? few([0, 500_000, number(0...999_999)]) : 0
      let civil = CivilTime(microsecondsSinceEpoch: seconds * 1_000_000 + fraction)
      return ("'\(civil.text) \(civil.clock)'", .cell(.timestamp(microseconds: seconds * 1_000_000 + fraction)))
    case "tm":
      let milliseconds = few([0, number(-5000...5000), number(0...86_399_999), number(-3_020_399_999...3_020_399_999)])
      return ("'\(CivilTime.clock(milliseconds: milliseconds))'", .cell(.time(microseconds: milliseconds * 1000)))
    default:
      let value = few([
        #"{"a": 1, "b": {"c": "x\"y\u00e9\n"}, "list": [1, "two", {"z": null}], "k k": true}"#,
        #"{"a": "text", "text": "ü"}"#,
        "[1, 2, 3]", #""only""#, "{}", #"{"a": null, "list": [[], {}]}"#, "12.50",
      ])
      return ("'\(value)'", .json(value))
    }
  }

  private static func decimal(_ magnitude: UInt64, _ isNegative: Bool, _ scale: Int) -> String {
    let digits = String(repeating: "0", count: max(0, scale + 1 - String(magnitude).count)) + String(magnitude)
    return (isNegative ? "-" : "") + digits.dropLast(scale) + "." + digits.suffix(scale)
  }
}

extension String {
  fileprivate func replacingOccurrences(_ text: String, _ other: String) -> String {
    split(separator: text, omittingEmptySubsequences: false).joined(separator: other)
  }
}

extension CivilTime {
  /// A span of time, which may be longer than a day.
  fileprivate static func clock(milliseconds: Int64) -> String {
    func padded(_ value: UInt64, _ width: Int) -> String {
      String(repeating: "0", count: max(0, width - String(value).count)) + String(value)
    }
    let seconds = milliseconds.magnitude / 1000
    return (milliseconds < 0 ? "-" : "") + padded(seconds / 3600, 2) + ":" + padded(seconds / 60 % 60, 2) + ":"
      + padded(seconds % 60, 2) + "." + padded(milliseconds.magnitude % 1000, 3)
  }

  fileprivate func padded(_ value: some BinaryInteger, _ width: Int) -> String {
    String(repeating: "0", count: max(0, width - String(value).count)) + String(value)
  }
  fileprivate var text: String { "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))" }
  fileprivate var clock: String {
    "\(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2)).\(padded(microsecond, 6))"
  }
}
