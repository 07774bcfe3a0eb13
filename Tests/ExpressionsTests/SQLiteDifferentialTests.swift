import Change
import Expressions
import Foundation
import SQLiteDatabase
import TestRandom
import Testing

/// Random expressions over random rows, evaluated here and by SQLite, where the two mean the same: whole numbers that do
/// not overflow, texts by bytes, ASCII letters, three-valued logic.
@Suite struct SQLiteDifferentialTests {
  private static let rounds = Int(ProcessInfo.processInfo.environment["FRESHET_TEST_EXPRESSIONS"] ?? "") ?? 4000
  private static let seed = UInt64(ProcessInfo.processInfo.environment["FRESHET_TEST_SEED"] ?? "") ?? 1

  @Test func everyExpressionGivesWhatSQLiteGives() throws {
    let connection = try SQLiteConnection(path: ":memory:")
    try connection.execute("PRAGMA case_sensitive_like = ON")
    try connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, c INTEGER, s TEXT, t TEXT)")
    var differences: [String] = []
    var values = 0
    for first in stride(from: 0, to: SQLiteDifferentialTests.rounds, by: 200) {
      var random = SeededRandom(seed: SQLiteDifferentialTests.seed &* 1_000_003 &+ UInt64(first))
      let table = PlainTable(&random)
      try connection.execute("DELETE FROM t")
      for (id, row) in table.literals.enumerated() { try connection.execute("INSERT INTO t VALUES (\(id), \(row))") }
      for round in first..<min(first + 200, SQLiteDifferentialTests.rounds) {
        var generator = PlainGenerator(
          random: SeededRandom(seed: SQLiteDifferentialTests.seed &* 7_919 &+ UInt64(round)))
        let text = generator.make(PlainGenerator.Kind.allCases[round % 3], depth: 1 + round % 4)
        let ours = try table.evaluate(text.ours)
        let theirs = try SQLiteDifferentialTests.rows(connection, "SELECT \(text.theirs) FROM t ORDER BY id")
        values += ours.count { $0 != nil }
        if ours != theirs { differences.append("\(text.theirs)\n    ours \(ours)\n    SQLite \(theirs)") }
      }
    }
    let count = differences.count
    #expect(count == 0, "\(differences.prefix(5).joined(separator: "\n"))")
    // Not all of it is NULL.
    #expect(values > SQLiteDifferentialTests.rounds * PlainTable.rowCount / 2)
  }

  private static func rows(_ connection: SQLiteConnection, _ sql: String) throws -> [String?] {
    let statement = try SQLiteStatement(connection, sql, persistent: false)
    var rows: [String?] = []
    while try statement.step() { rows.append(statement.string(0)) }
    return rows
  }
}

/// Rows of small numbers and ASCII texts.
private struct PlainTable {
  static let rowCount = 8
  let literals: [String]
  private let schema: TableSchema
  private let batch: Batch

  init(_ random: inout SeededRandom) {
    let number = ColumnType.integer(bits: 64, unsigned: false)
    schema = TableSchema(
      name: TableName(namespace: "shop", table: "t"),
      columns: [("a", number), ("c", number), ("s", ColumnType.text(length: 20)), ("t", .text(length: 20))].map {
        ColumnSchema(name: $0.0, type: $0.1)
      }, key: [])
    var rows: [[Row.Value]] = []
    var literals: [String] = []
    for _ in 0..<PlainTable.rowCount {
      var values: [Row.Value] = []
      var texts: [String] = []
      for column in 0..<4 {
        if Int.random(in: 0..<8, using: &random) == 0 {
          values.append(.cell(.null))
          texts.append("NULL")
        } else if column < 2 {
          let value = Int64.random(in: column == 0 ? -1000...1000 : -3...12, using: &random)
          values.append(.cell(.int(value)))
          texts.append("\(value)")
        } else {
          let choices = ["", "a", "abc", "ABC", " a b ", "x%y_z", "it''s", "12", "b1c2", "aXbXc"]
          let text = choices[Int.random(in: 0..<choices.count, using: &random)]
          values.append(.text(text.split(separator: "''", omittingEmptySubsequences: false).joined(separator: "'")))
          texts.append("'\(text)'")
        }
      }
      rows.append(values)
      literals.append(texts.joined(separator: ", "))
    }
    self.literals = literals
    batch = Row.batch(BatchBuilder(), schema, rows.map { (.insert, nil, $0) })
  }

  func evaluate(_ text: String) throws(Failure) -> [String?] {
    let program = try Expression.parse(text).compiled(for: schema)
    let scratch = ScratchArena(capacity: 64)
    var cells: [Cell] = []
    try ExpressionEvaluator(program).values(
      batch, Array(0..<UInt32(batch.changes.count)), scratch: scratch, into: &cells)
    return cells.map { shown($0, batch, scratch) }
  }
}

private struct PlainGenerator {
  enum Kind: CaseIterable { case condition, number, text }

  var random: SeededRandom

  private mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
  private mutating func one(_ choices: String...) -> ExpressionGenerator.Text { .init(choices[below(choices.count)]) }
  private func text(_ parts: Any...) -> ExpressionGenerator.Text { .joined(parts) }

  mutating func make(_ kind: Kind, depth: Int) -> ExpressionGenerator.Text {
    if depth <= 0 { return leaf(kind) }
    if below(6) == 0 { return choice(kind, depth - 1) }
    switch kind {
    case .condition: return condition(depth - 1)
    case .number: return number(depth - 1)
    case .text: return string(depth - 1)
    }
  }

  private mutating func leaf(_ kind: Kind) -> ExpressionGenerator.Text {
    switch kind {
    case .condition: one("a > 10", "s = 'abc'", "c <> 1", "true", "false", "a is null", "t is not null")
    case .number: one("a", "c", "c", "0", "1", "-1", "7", "null")
    case .text: one("s", "t", "'abc'", "''", "'it''s'", "'X'")
    }
  }

  private mutating func choice(_ kind: Kind, _ depth: Int) -> ExpressionGenerator.Text {
    let (first, second) = (make(kind, depth: depth), make(kind, depth: depth))
    let test = make(.condition, depth: depth)
    switch below(kind == .condition ? 2 : 5) {
    case 0: return text("case when ", test, " then ", first, " else ", second, " end")
    case 1: return text("coalesce(", first, ", ", second, ")")
    case 2: return text("nullif(", first, ", ", second, ")")
    case 3: return text("case ", first, " when ", second, " then ", second, " end")
    default:
      return .init(
        "greatest(\(first.ours), \(second.ours))", "max(\(first.theirs), \(second.theirs))")
    }
  }

  private mutating func condition(_ depth: Int) -> ExpressionGenerator.Text {
    let kind: Kind = below(2) == 0 ? .number : .text
    let value = make(kind, depth: depth)
    switch below(8) {
    case 0: return text("(", make(.condition, depth: depth), " and ", make(.condition, depth: depth), ")")
    case 1: return text("(", make(.condition, depth: depth), " or ", make(.condition, depth: depth), ")")
    case 2: return text("(not ", make(.condition, depth: depth), ")")
    case 3: return text("(", value, one(" is null", " is not null"), ")")
    case 4:
      return text(
        "(", value, one(" between ", " not between "), make(kind, depth: 0), " and ", make(kind, depth: 0), ")")
    case 5: return members(value, kind)
    case 6:
      return text("(", make(.text, depth: depth), one(" like ", " not like "), one("'a%'", "'_b_'", "'%X%'", "''"), ")")
    default: return text("(", value, one(" = ", " <> ", " < ", " <= ", " > ", " >= "), make(kind, depth: depth), ")")
    }
  }

  /// With up to 40 constants, among them NULL, and sometimes something that is none.
  private mutating func members(_ value: ExpressionGenerator.Text, _ kind: Kind) -> ExpressionGenerator.Text {
    var list: [ExpressionGenerator.Text] = []
    for _ in 0..<(1 + below(below(2) == 0 ? 5 : 40)) {
      let text: ExpressionGenerator.Text
      switch below(30) {
      case 0: text = .init("null")
      case 1: text = leaf(kind == .number ? .number : .text)
      case _ where kind == .number: text = .init("\(below(200) - 100)")
      default: text = one("'a'", "'abc'", "'12'", "'longer than eight bytes'", "''", "'zz'")
      }
      list.append(text)
    }
    let joined = ExpressionGenerator.Text(
      list.map(\.ours).joined(separator: ", "), list.map(\.theirs).joined(separator: ", "))
    return text("(", value, one(" in (", " not in ("), joined, "))")
  }

  private mutating func number(_ depth: Int) -> ExpressionGenerator.Text {
    let (first, second) = (make(.number, depth: depth), make(.number, depth: depth))
    switch below(9) {
    case 0: return text("(", first, one(" + ", " - "), second, ")")
    case 1: return text("(", leaf(.number), " * ", leaf(.number), ")")
    case 2: return .init("(\(first.ours) div \(second.ours))", "(\(first.theirs) / \(second.theirs))")
    case 3: return text("(", first, " % ", second, ")")
    case 4: return text("abs(", first, ")")
    case 5:
      let value = make(.text, depth: depth)
      return .init("char_length(\(value.ours))", "length(\(value.theirs))")
    case 6: return text("sign(", first, ")")
    case 7:
      let (whole, part) = (make(.text, depth: depth), make(.text, depth: 0))
      return .init("position(\(part.ours) in \(whole.ours))", "instr(\(whole.theirs), \(part.theirs))")
    default: return text("instr(", make(.text, depth: depth), ", ", make(.text, depth: 0), ")")
    }
  }

  private mutating func string(_ depth: Int) -> ExpressionGenerator.Text {
    let (first, second) = (make(.text, depth: depth), make(.text, depth: depth))
    switch below(9) {
    case 0: return .init("concat(\(first.ours), \(second.ours))", "(\(first.theirs) || \(second.theirs))")
    case 1: return text(one("lower(", "upper(", "trim(", "ltrim(", "rtrim("), first, ")")
    // With NULL for something that does not occur, SQLite gives NULL, and MariaDB the text.
    case 2: return text("replace(", first, ", 'b', ", one("'X'", "''", "'abc'"), ")")
    case 3:
      let count = below(5)
      return .init("left(\(first.ours), \(count))", "substr(\(first.theirs), 1, \(count))")
    case 4: return text("substr(", first, ", \(1 + below(4)), \(below(4)))")
    case 5:
      let (start, count) = (1 + below(4), below(4))
      return .init("substring(\(first.ours) from \(start) for \(count))", "substr(\(first.theirs), \(start), \(count))")
    case 6:
      // Of one character, because SQLite takes each of them away.
      let (side, name) = [("leading", "ltrim"), ("trailing", "rtrim"), ("both", "trim")][below(3)]
      let edge = one("'a'", "'X'", "'c'").ours
      return .init("trim(\(side) \(edge) from \(first.ours))", "\(name)(\(first.theirs), \(edge))")
    case 7: return .init("repeat(\(second.ours), 2)", "(\(second.theirs) || \(second.theirs))")
    default:
      let value = make(.number, depth: depth)
      return .init("cast(\(value.ours) as char)", "cast(\(value.theirs) as text)")
    }
  }
}
