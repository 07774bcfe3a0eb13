import Foundation

/// A place at which a record is meant to say something else than Debezium's does; the article *Differences from Debezium*
/// lists the same ones.
struct DebeziumDifference: Sendable {
  /// The topic behind `golden.`; empty for the topic of the schema changes.
  var topic: String
  /// What Debezium's line holds, a regular expression.
  var theirs: String
  /// What ours holds in its place, a template of `theirs`.
  var ours: String
  var reason: String
  /// The settings under which it is met; empty: all.
  var settings: Set<String> = []

  func isMet(under setting: String) -> Bool {
    if topic.isEmpty { return setting == "default" }
    return settings.isEmpty || settings.contains(setting)
  }

  /// Debezium's line with ours in the place of theirs; nil when the line is of another topic, or does not hold it.
  func applied(to line: String) -> String? {
    guard line.hasPrefix(#"{"topic":"golden\#(topic.isEmpty ? "" : ".golden." + topic)","#) else { return nil }
    let result = line.replacingOccurrences(of: theirs, with: ours, options: .regularExpression)
    return result == line ? nil : result
  }

  static let all = values + schemaRecords

  private static let values = [
    DebeziumDifference(topic: "ints", theirs: #""y":1900"#, ours: #""y":0"#, reason: "YEAR 0000 is no 1900"),
    DebeziumDifference(topic: "times", theirs: #""y":1900"#, ours: #""y":0"#, reason: "YEAR 0000 is no 1900"),
    DebeziumDifference(topic: "times_notnull", theirs: #""y":1900"#, ours: #""y":0"#, reason: "YEAR 0000 is no 1900"),
    DebeziumDifference(
      topic: "times", theirs: #""dt6":978307200000000,"#, ours: #""dt6":-62135596800000000,"#,
      reason: "the year 0001 is no 2001", settings: ["default", "transactions", "keep-nulls"]),
    DebeziumDifference(
      topic: "times", theirs: #""dt6":978307200000,"#, ours: #""dt6":-62135596800000,"#,
      reason: "the year 0001 is no 2001", settings: ["string-connect-base64"]),
    DebeziumDifference(
      topic: "times", theirs: #""dt6":"2001-01-01T00:00:00Z""#, ours: #""dt6":"0001-01-01T00:00:00Z""#,
      reason: "the year 0001 is no 2001", settings: ["double-isostring-hex"]),
    DebeziumDifference(
      topic: "decimals", theirs: #"-9\.999999999E7,"r":0\.0"#, ours: #"-9.999999999E7,"r":2.2250738585072014E-308"#,
      reason: "REAL is a double, not narrowed"),
    DebeziumDifference(
      topic: "decimals", theirs: #""r":1\.23456792E8"#, ours: #""r":1.2345678912345679E8"#,
      reason: "REAL is a double, not narrowed"),
    DebeziumDifference(
      topic: "decimals", theirs: #""f":1\.17549435E-38"#, ours: #""f":1.1754944E-38"#,
      reason: "the fewest digits that read back to the same number"),
    DebeziumDifference(
      topic: "enums", theirs: #""e":"ü\\\\,x""#, ours: #""e":"ü,x""#, reason: "no backslash was declared"),
    DebeziumDifference(
      topic: "misc", theirs: "00123e45-67e8-9b12-d3a4-564266141740", ours: "123e4567-e89b-12d3-a456-426614174000",
      reason: "a UUID that ends with the byte 00 is not shifted"),
    DebeziumDifference(
      topic: "strings", theirs: #""c_bin":"""#, ours: #""c_bin":"AAAAAAA=""#, reason: binaryCharacters,
      settings: base64),
    DebeziumDifference(
      topic: "strings", theirs: #""c_bin":"ab""#, ours: #""c_bin":"YWIAAAA=""#, reason: binaryCharacters,
      settings: base64),
    DebeziumDifference(
      topic: "strings", theirs: #""c_bin":"""#, ours: #""c_bin":"0000000000""#, reason: binaryCharacters,
      settings: ["double-isostring-hex"]),
    DebeziumDifference(
      topic: "strings", theirs: #""c_bin":"ab""#, ours: #""c_bin":"6162000000""#, reason: binaryCharacters,
      settings: ["double-isostring-hex"]),
    DebeziumDifference(
      topic: "trunc", theirs: #""row":1,(.*"op":"t")"#, ours: #""row":0,$1"#,
      reason: "a truncation has no row; Debezium's number is the one of the row before", settings: ["transactions"]),
  ]

  private static let binaryCharacters = "CHAR CHARACTER SET binary is BINARY, whose bytes need not be text"
  private static let base64: Set<String> = ["default", "string-connect-base64", "transactions", "keep-nulls"]

  private static let schemaRecords = [
    DebeziumDifference(
      topic: "", theirs: #""defaultCharsetName":"utf8mb4""#, ours: #""defaultCharsetName":null"#,
      reason: "a schema holds the character sets of columns"),
    DebeziumDifference(
      topic: "", theirs: #""autoIncremented":true,"generated":true"#,
      ours: #""autoIncremented":false,"generated":false"#, reason: "a schema does not hold how ids are made"),
    DebeziumDifference(
      topic: "", theirs: #"("name":"v_[a-z]+",[^}]*"generated":)false"#, ours: "$1true",
      reason: "a column that is computed is a generated one"),
    DebeziumDifference(
      topic: "", theirs: #""comment":"[^"]*""#, ours: #""comment":null"#, reason: "a schema does not hold comments"),
    DebeziumDifference(
      topic: "", theirs: #""defaultValueExpression":"TRUE""#, ours: #""defaultValueExpression":"1""#,
      reason: "a default that is constant is given by its value"),
    DebeziumDifference(
      topic: "", theirs: #"("name":"ts6",[^}]*"defaultValueExpression":)"1970-01-01 00:00:00""#,
      ours: #"$1"CURRENT_TIMESTAMP(6)""#, reason: "the default is the time, not the epoch"),
    DebeziumDifference(
      topic: "", theirs: #"("name":"c_bin","jdbcType":)1(,[^}]*"charsetName":)"binary""#, ours: "$1-2$2null",
      reason: binaryCharacters),
    DebeziumDifference(
      topic: "", theirs: #""ddl":"DROP TABLE `golden`.`clike`""#,
      ours: #""ddl":"DROP TABLE `clike` /* generated by server */""#, reason: "the statement is given as it was logged"),
  ]

  /// Of the schemas that Kafka Connect's converter writes.
  static let schemas = [
    DebeziumDifference(
      topic: "decimals", theirs: #""float"(,"optional":true,"field":"r")"#, ours: #""double"$1"#,
      reason: "REAL is a double, not narrowed"),
    DebeziumDifference(
      topic: "strings", theirs: #""string"(,"optional":true,"field":"c_bin")"#, ours: #""bytes"$1"#,
      reason: binaryCharacters, settings: ["default"]),
    DebeziumDifference(
      topic: "times_notnull", theirs: #","default":"1970-01-01T00:00:00Z","field":"ts6""#, ours: #","field":"ts6""#,
      reason: "the default is the time, not the epoch"),
  ]

  /// Of the rows of a snapshot.
  static let snapshot = [
    DebeziumDifference(topic: "times", theirs: #""y":1\}"#, ours: #""y":0}"#, reason: "YEAR 0000 is no 1"),
    DebeziumDifference(topic: "times_notnull", theirs: #""y":1\}"#, ours: #""y":0}"#, reason: "YEAR 0000 is no 1"),
    DebeziumDifference(
      topic: "times", theirs: #""dt6":978307200000000,"#, ours: #""dt6":-62135596800000000,"#,
      reason: "the year 0001 is no 2001"),
    DebeziumDifference(
      topic: "times", theirs: #""d":19691,"#, ours: #""d":null,"#, reason: "2024-00-00 is no day of 2023"),
    DebeziumDifference(
      topic: "times", theirs: #""dt0":1706696430000,"#, ours: #""dt0":null,"#,
      reason: "2024-02-00 is no day of January"),
    DebeziumDifference(
      topic: "times", theirs: #""d":-141422,"#, ours: #""d":-141432,"#, reason: "the calendar has no gap in 1582"),
    DebeziumDifference(
      topic: "decimals", theirs: #""f":(-?)3\.40282E38"#, ours: #""f":$13.4028235E38"#, reason: sixDigits),
    DebeziumDifference(
      topic: "decimals", theirs: #""f":1\.17549E-38"#, ours: #""f":1.1754944E-38"#, reason: sixDigits),
    DebeziumDifference(
      topic: "decimals", theirs: #""fu":1\.67772E7"#, ours: #""fu":1.6777216E7"#, reason: sixDigits),
  ]

  private static let sixDigits = "a FLOAT has the digits of its value, not the six that the server prints"

  /// Offsets in the log of statements that change no table's schema, of which Debezium makes a record all the same.
  static let statementsWithoutRecord: Set<Int64> = [
    367,  // CREATE DATABASE golden
    44759,  // ALTER TABLE alt_renamed COMMENT='changed', ADD INDEX
    46232,  // CREATE INDEX iz ON gen
  ]
}
