import Change
import Expressions
import Foundation
import MariaDBClient
import TestRandom
import TestServers
import Testing

/// Random expressions over random rows, evaluated here and by MariaDB itself.
@Suite struct DifferentialTests {
  /// How many expressions, each over eight rows.
  private static let rounds = Int(ProcessInfo.processInfo.environment["FRESHET_TEST_EXPRESSIONS"] ?? "") ?? 4000
  private static let seed = UInt64(ProcessInfo.processInfo.environment["FRESHET_TEST_SEED"] ?? "") ?? 1
  private static let rowCount = 8

  @Test func everyExpressionGivesWhatMariaDBGives() throws {
    let server = try MariaDBServer()
    defer { server.stop() }
    let connection = try server.client()
    try connection.execute("SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin")
    try connection.execute("SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
    try connection.execute("CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
    try connection.execute("USE shop")
    var report = Report()
    let block = 100
    for first in stride(from: 0, to: DifferentialTests.rounds, by: block) {
      let table = RandomTable(
        seed: DifferentialTests.seed &* 1_000_003 &+ UInt64(first), rows: DifferentialTests.rowCount)
      for statement in table.statements { try connection.execute(statement) }
      for round in first..<min(first + block, DifferentialTests.rounds) {
        var generator = ExpressionGenerator(seed: DifferentialTests.seed &* 7_919 &+ UInt64(round))
        let kind = generator.pick(ExpressionGenerator.Kind.allCases)
        let text = generator.make(kind, depth: 1 + round % 4)
        try compare(text, kind, table, connection, &report)
      }
    }
    print("expressions: \(report.same) the same, of them \(report.failures) failures in both; \(report.excused)")
    for line in report.differences.prefix(40) { print(line) }
    #expect(report.differences.isEmpty, "\(report.differences.count) of \(DifferentialTests.rounds) differ")
    #expect(report.same > DifferentialTests.rounds * 9 / 10)
    #expect(report.failures < DifferentialTests.rounds / 4)
  }

  struct Report {
    var same = 0
    var failures = 0
    var excused: [String: Int] = [:]
    var differences: [String] = []
  }

  private func compare(
    _ text: ExpressionGenerator.Text, _ kind: ExpressionGenerator.Kind, _ table: RandomTable,
    _ connection: MariaDBConnection, _ report: inout Report
  ) throws {
    let theirs: Result<[String?], Failure> = Result { () throws(Failure) in
      try connection.query("SELECT \(text.theirs) FROM t ORDER BY id").map { $0[0] }
    }
    let ours: Result<[String?], Failure> = Result { () throws(Failure) in try table.evaluate(text.ours) }
    switch (ours, theirs) {
    case (.success(let ours), .success(let theirs)):
      for (row, pair) in zip(ours, theirs).enumerated() where !DifferentialTests.same(pair.0, pair.1, kind) {
        report.differences.append(
          "\(text.theirs)\n    row \(row): \(table.shown[row])\n    ours \(pair.0 ?? "NULL"), MariaDB \(pair.1 ?? "NULL")"
        )
        return
      }
      report.same += 1
    case (.failure(let failure), .failure(let other)) where failure.code != .configuration:
      guard other.description.contains("1690") || other.description.contains("out of range") else {
        report.differences.append("\(text.theirs)\n    MariaDB: \(other)")
        return
      }
      report.same += 1
      report.failures += 1
    case (.failure(let failure), _):
      report.differences.append("\(text.ours)\n    ours: \(failure)\n    MariaDB \(theirs)")
    case (.success, .failure(let failure))
    where text.theirs.contains("between") && failure.description.contains("1690"):
      // MariaDB looks at the upper bound even where the lower one decides.
      report.excused["a bound that fails", default: 0] += 1
    case (.success(let ours), .failure(let failure)):
      report.differences.append("\(text.theirs)\n    ours \(ours)\n    MariaDB: \(failure)")
    }
  }

  /// Texts are compared as they are, but for three: a DOUBLE as the number that it spells, to the digits that MariaDB
  /// shows (it cuts what it computed from `ceil` and `floor`), a time without the zeros at the end of its fraction, and
  /// a decimal zero without the sign that MariaDB keeps in remainders and roundings.
  private static func same(_ ours: String?, _ theirs: String?, _ kind: ExpressionGenerator.Kind) -> Bool {
    guard ours != theirs else { return true }
    guard let ours, let theirs else { return false }
    switch kind {
    case .float:
      guard let mine = Double(ours), let other = Double(theirs) else { return false }
      let digits = theirs.split(separator: ".").dropFirst().first?.count ?? 0
      return mine == other || !theirs.contains("e") && String(format: "%.\(digits)f", mine) == theirs
    case .timestamp, .time: return trimmed(ours) == trimmed(theirs)
    case .exact: return theirs == "-" + ours && ours.allSatisfy { $0 == "0" || $0 == "." }
    default: return false
    }
  }

  private static func trimmed(_ text: String) -> Substring {
    guard let point = text.firstIndex(of: ".") else { return text[...] }
    var text = text[...]
    while text.last == "0" { text = text.dropLast() }
    return text.endIndex == text.index(after: point) ? text.dropLast() : text
  }
}
