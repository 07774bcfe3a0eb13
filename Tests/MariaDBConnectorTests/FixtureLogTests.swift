import Change
import Foundation
import MariaDBConnector
import Testing

/// What each fixture must decode to, or how it must be refused.
struct ExpectedLog: Sendable, CustomTestStringConvertible {
  var name: String
  var rows = 0
  var failure: Failure.Code?
  var place = ""
  var testDescription: String { name }
}

@Suite(.enabled(if: Fixtures.arePresent, "the fixtures lie beside the package"))
struct FixtureLogTests {
  static let expected: [ExpectedLog] = [
    ExpectedLog(name: "binlog_savepoint.000001", failure: .serverSetting, place: "binlog_savepoint.000001:320"),
    ExpectedLog(name: "binlog_transaction.000001", failure: .serverSetting, place: "binlog_transaction.000001:368"),
    ExpectedLog(name: "bug11747416_32228_binlog.000001"),
    ExpectedLog(name: "corrupt-relay-bin.000624", failure: .serverSetting, place: "corrupt-relay-bin.000624:322"),
    ExpectedLog(name: "mariadb-5.5-binlog.000001", failure: .serverSetting, place: "mariadb-5.5-binlog.000001:432"),
    ExpectedLog(name: "master-bin-seq_10.3.36.000001", rows: 2),
    ExpectedLog(name: "mdev-39404-binlog.000001", failure: .corruptLog, place: "mdev-39404-binlog.000001:256"),
    ExpectedLog(
      name: "mdev-4645-binlog_group_id_checksum.binlog", failure: .unsupportedLog,
      place: "mdev-4645-binlog_group_id_checksum.binlog:4"),
    ExpectedLog(name: "mdev29078-mysql-bin.000001", failure: .serverSetting, place: "mdev29078-mysql-bin.000001:524"),
    ExpectedLog(
      name: "mdev35643_mysql_80_binlog.000001", failure: .serverSetting, place: "mdev35643_mysql_80_binlog.000001:2982"),
    ExpectedLog(name: "mdev6020-mysql-bin.000001", rows: 8006),
    ExpectedLog(
      name: "mysql-5.7.11-stm-temporal-round-binlog.000001", failure: .serverSetting,
      place: "mysql-5.7.11-stm-temporal-round-binlog.000001:330"),
    ExpectedLog(
      name: "mysql-8.0.13-stm-temporal-round-binlog.000001", failure: .serverSetting,
      place: "mysql-8.0.13-stm-temporal-round-binlog.000001:346"),
    ExpectedLog(name: "mysql-bin.aurora-padding"),
    ExpectedLog(name: "mysql-bin.checksum-none", rows: 36),
    ExpectedLog(name: "mysql-bin.compressed", rows: 1),
    ExpectedLog(name: "trunc_binlog.000001", failure: .unsupportedLog, place: "trunc_binlog.000001:4"),
    ExpectedLog(name: "update-full-row.binlog", rows: 7),
    ExpectedLog(name: "update-partial-row.binlog", rows: 7),
    ExpectedLog(name: "write-full-row.binlog", rows: 7),
    ExpectedLog(name: "write-partial-row.binlog", rows: 7),
  ]

  @Test("every log of another server is decoded, or refused by name at the right offset", arguments: expected)
  func decodesOrRefuses(_ expected: ExpectedLog) throws {
    do {
      let log = try DecodedLog.read(Fixtures.binlog(expected.name))
      #expect(expected.failure == nil)
      #expect(log.rows.count == expected.rows)
    } catch let failure as Failure {
      #expect(failure.code == expected.failure, "\(failure)")
      #expect(failure.place == expected.place, "\(failure)")
    }
  }

  @Test(
    "rows are those that mariadb-binlog prints",
    arguments: [
      "master-bin-seq_10.3.36.000001", "mdev6020-mysql-bin.000001", "mysql-bin.checksum-none", "update-full-row.binlog",
      "update-partial-row.binlog", "write-full-row.binlog", "write-partial-row.binlog",
    ])
  func agreesWithMariaDBBinlog(_ name: String) throws {
    let printed = try PrintedRow.read(Fixtures.binlog(name))
    let decoded = try DecodedLog.read(Fixtures.binlog(name)).rows
    try #require(printed.count == decoded.count)
    var compared = 0
    for (row, expected) in zip(decoded, printed) {
      #expect(row.operation == expected.operation && row.table == expected.table)
      for (image, values) in [(row.before, expected.before), (row.after, expected.after)] {
        #expect(image.count == values.count)
        for (number, value) in values {
          guard let own = image[row.columns[number - 1]], PrintedRow.isPlain(value) else { continue }
          #expect(PrintedRow.plain(value).contains(own), "\(row.table) column \(number) at \(row.logOffset)")
          compared += 1
        }
      }
    }
    #expect(compared >= decoded.count)
  }
}

/// A row as `mariadb-binlog -v --base64-output=decode-rows` prints it.
struct PrintedRow {
  var operation: Change.Operation
  var table: String
  var before: [Int: String] = [:]
  var after: [Int: String] = [:]

  static func read(_ path: String) throws -> [PrintedRow] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/mariadb-binlog")
    process.arguments = ["-v", "--base64-output=decode-rows", path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return parse(String(decoding: data, as: UTF8.self))
  }

  private static func parse(_ text: String) -> [PrintedRow] {
    let verbs: [(String, Change.Operation)] = [
      ("INSERT INTO ", .insert), ("UPDATE ", .update), ("DELETE FROM ", .delete),
    ]
    var rows: [PrintedRow] = []
    var isAfter = false
    for line in text.split(separator: "\n") where line.hasPrefix("### ") {
      let content = line.dropFirst(4)
      if let (verb, operation) = verbs.first(where: { content.hasPrefix($0.0) }) {
        rows.append(PrintedRow(operation: operation, table: content.dropFirst(verb.count).filter { $0 != "`" }))
      } else if content.hasPrefix("SET") || content.hasPrefix("WHERE") {
        isAfter = content.hasPrefix("SET")
      } else if content.hasPrefix("  @"), let equals = content.firstIndex(of: "="),
        let number = Int(content[content.index(content.startIndex, offsetBy: 3)..<equals])
      {
        let value = String(content[content.index(after: equals)...])
        if isAfter { rows[rows.count - 1].after[number] = value } else { rows[rows.count - 1].before[number] = value }
      }
    }
    return rows
  }

  /// Whether both print the value in the same words: numbers, NULL and text without escapes.
  static func isPlain(_ value: String) -> Bool {
    if value.hasPrefix("'") { return !value.contains("\\") && !value.contains(":") }
    return value == "NULL" || value.first.map { $0.isNumber || $0 == "-" } ?? false
  }

  /// Integers are printed signed, and in parentheses unsigned when that differs.
  static func plain(_ value: String) -> [String] {
    if value.hasPrefix("'") { return [String(value.dropFirst().dropLast())] }
    let parts = value.split(separator: " ").map { $0.filter { $0 != "(" && $0 != ")" } }
    let seconds = parts.first.flatMap { Int($0) }.map { "\($0 &* 1_000_000)" }
    return parts + [seconds ?? ""]
  }
}
