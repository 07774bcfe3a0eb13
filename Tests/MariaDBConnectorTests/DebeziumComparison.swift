import Change
import DebeziumFixtures
import Foundation
import MariaDBConnector
import Testing

@testable import Formats

/// One of the settings under which Debezium's records were taken.
struct DebeziumSetting: Sendable, CustomTestStringConvertible {
  /// The file is `events-<name>.jsonl`.
  var name: String
  var options: [String: String]
  /// How many records of the file ours are compared with.
  var records: Int
  var testDescription: String { name }

  static let all = [
    DebeziumSetting(name: "default", options: [:], records: 209),
    DebeziumSetting(
      name: "string-connect-base64",
      options: [
        "decimal.handling.mode": "string", "time.precision.mode": "connect", "binary.handling.mode": "base64",
        "include.schema.changes": "false",
      ], records: 171),
    DebeziumSetting(
      name: "double-isostring-hex",
      options: [
        "decimal.handling.mode": "double", "time.precision.mode": "isostring", "binary.handling.mode": "hex",
        "bigint.unsigned.handling.mode": "precise", "include.schema.changes": "false",
      ], records: 171),
    DebeziumSetting(
      name: "transactions",
      options: [
        "provide.transaction.metadata": "true", "skipped.operations": "none", "include.schema.changes": "false",
      ], records: 394),
    DebeziumSetting(
      name: "keep-nulls", options: ["replace.null.with.default": "false", "include.schema.changes": "false"],
      records: 171),
  ]
}

enum DebeziumComparison {
  static let log = DebeziumFixture.folder.appending(path: "binlog.000001").path

  /// The batches of the fixture's log.
  static func batches() throws -> [Batch] {
    let file = try BinlogFile(path: log)
    let decoder = BinlogDecoder(position: BinlogPosition(file: file.name))
    let builder = BatchBuilder()
    var batches: [Batch] = []
    func take() { batches.append(builder.take(position: Position(text: "", token: ""))) }
    while var action = try file.next({ event throws(Failure) in try decoder.decode(event, from: .file, into: builder) })
    {
      while action == .more {
        take()
        action = try decoder.continueDecoding(into: builder)
      }
      if builder.isFull { take() }
    }
    try decoder.finish(into: builder)
    take()
    return batches
  }

  /// The lines that Debezium's records must equal, the listed differences in them, and those of the list that are in none.
  static func expected(_ setting: String) throws -> (lines: [String], unmet: [DebeziumDifference]) {
    let differences = DebeziumDifference.all.filter { $0.isMet(under: setting) }
    var met: Set<Int> = []
    var lines: [String] = []
    for line in try DebeziumFixture.lines(setting) {
      if try lacksRecord(line) { continue }
      var line = DebeziumFixture.comparable(line)
      for (index, difference) in differences.enumerated() {
        guard let ours = difference.applied(to: line) else { continue }
        line = ours
        met.insert(index)
      }
      lines.append(line)
    }
    return (lines, differences.indices.filter { !met.contains($0) }.map { differences[$0] })
  }

  private static func lacksRecord(_ line: String) throws -> Bool {
    guard line.hasPrefix(#"{"topic":"golden","#) else { return false }
    let offset = try DebeziumFixture.parse(line)["value"]["source"]["pos"].integer
    return offset.map { DebeziumDifference.statementsWithoutRecord.contains($0) } ?? false
  }

  /// The lines that the encoder makes of the log.
  static func encoded(_ batches: [Batch], _ options: [String: String]) throws -> [String] {
    let options = try DebeziumOptions(properties: options.merging(["envelope": "full"]) { $1 })
    let context = EncodingContext(connector: "mariadb", name: "golden", logFileBase: "binlog")
    let encoder = DebeziumChangeEncoder(options: options, context: context)
    var writer = ByteWriter()
    for batch in batches { try encoder.encode(batch, processingTime: 1_795_217_948_750_578_348, into: &writer) }
    return writer.text().split(separator: "\n").map(String.init)
  }

  /// The schemas that the encoder gives keys and rows, each once, in order of appearance, as Debezium's are listed.
  static func schemas(_ batches: [Batch], _ options: [String: String]) throws -> [String] {
    let options = try DebeziumOptions(properties: options)
    var schemas: [String] = []
    for batch in batches {
      for change in batch.changes where change.operation != .schema {
        let schema = batch.schemas[Int(change.schema)]
        let topic = DebeziumPlan.topic(prefix: "golden", schema.name)
        let fields = ConnectSchema.fields(of: schema, options)
        let key = schema.key.isEmpty ? "null" : ConnectSchema.key(topic: topic, fields: schema.key.map { fields[$0] })
        let row = ConnectSchema.structure("\(topic).Value", fields).text(isOptional: true, field: "after")
        let line = #"{"topic":"\#(topic)","key_schema":\#(key),"row_schema":\#(row)}"#
        if !schemas.contains(line) { schemas.append(line) }
      }
    }
    return schemas
  }

  /// Debezium's schemas with the listed differences in them, and those of the list that are in none.
  static func expectedSchemas(_ setting: String) throws -> (lines: [String], unmet: [DebeziumDifference]) {
    let differences = DebeziumDifference.schemas.filter { $0.isMet(under: setting) }
    var met: Set<Int> = []
    let lines = try DebeziumFixture.schemas(setting).map { line in
      var line = line
      for (index, difference) in differences.enumerated() {
        guard let ours = difference.applied(to: line) else { continue }
        line = ours
        met.insert(index)
      }
      return line
    }
    return (lines, differences.indices.filter { !met.contains($0) }.map { differences[$0] })
  }
}
