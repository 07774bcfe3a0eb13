import Change
import DebeziumFixtures
import Foundation
import Testing

@testable import Formats

/// Debezium's own records under one setting are turned back into changes; encoded again under each setting they must give
/// the lines that Debezium emitted under it, byte for byte but for what is documented.
@Suite(.enabled(if: DebeziumFixture.isPresent, "the reference records do not lie beside the package"))
struct DebeziumReplayTests {
  private struct Replay {
    let builder = BatchBuilder(byteLimit: 8 << 20)
    var schemas: [String: [ColumnSchema]] = [:]
    var keys: [String: [String]] = [:]
    var known: [String: TableSchema] = [:]
    var gtid: String?
    /// The delete of a changed key, until its create comes.
    var pending: (before: UInt32, key: FixtureValue)?

    mutating func learn(_ value: FixtureValue) {
      for change in value["tableChanges"].list {
        let name = value["source"]["table"].text ?? ""
        schemas[name] = change["table"]["columns"].list.map(DebeziumFixture.column)
        keys[name] = change["table"]["primaryKeyColumnNames"].list.compactMap(\.text)
        known[name] = nil
      }
    }

    /// Without a primary key the first unique key counts; its columns are those of the record's key.
    mutating func schema(_ name: String, key: FixtureValue) throws -> TableSchema {
      if let schema = known[name] { return schema }
      let columns = try #require(schemas[name])
      var names = keys[name] ?? []
      if names.isEmpty, case .object(let members) = key { names = Array(members.keys) }
      let schema = TableSchema(
        name: TableName(namespace: "golden", table: name), columns: columns,
        key: names.compactMap { name in columns.firstIndex { $0.name == name } })
      known[name] = schema
      return schema
    }

    func row(_ value: FixtureValue, _ text: FixtureValue, _ schema: TableSchema) throws -> UInt32 {
      if value == .null { return RowChange.noCells }
      let first = builder.cells.count
      for column in schema.columns {
        let cell = DebeziumFixture.cell(value[column.name], text[column.name], column.type, &builder.arena)
        builder.cells.append(try #require(cell, "\(schema.name).\(column.name)"))
      }
      return UInt32(first)
    }

    mutating func add(_ record: FixtureValue, text: FixtureValue) throws {
      let value = record["value"]
      if value == .null { return }
      let source = value["source"]
      try moveOn(to: source["gtid"].text)
      let schema = try schema(source["table"].text ?? "", key: record["key"])
      var before = try row(value["before"], text["value"]["before"], schema)
      let after = try row(value["after"], text["value"]["after"], schema)
      let header = record["headers"].list.compactMap { $0["key"].text }.first ?? ""
      if header == "__debezium.newkey" {
        pending = (before, record["key"])
        return
      }
      if header == "__debezium.oldkey", let pending {
        before = pending.before
        self.pending = nil
      }
      let operation: Change.Operation =
        before == RowChange.noCells ? .insert : after == RowChange.noCells ? .delete : .update
      builder.append(
        RowChange(
          operation: operation, schema: builder.index(of: schema), before: before, after: after,
          time: EventTime(microseconds: try #require(source["ts_us"].integer)),
          logOffset: UInt64(try #require(source["pos"].integer)), row: UInt32(try #require(source["row"].integer))))
    }

    mutating func moveOn(to next: String?) throws {
      if next == gtid { return }
      let mark = LogMark(file: 1, server: 101)
      if gtid != nil { builder.end(mark: mark) }
      gtid = next
      guard let next else { return }
      builder.begin(commitTime: EventTime(microseconds: 1_795_217_763_000_000), mark: mark, identifier: next)
    }
  }

  /// The workload as one batch; NULLs are those of the run that keeps them.
  private func batch() throws -> Batch {
    var replay = Replay()
    let nulls = try DebeziumFixture.lines("keep-nulls")
    let texts = try DebeziumFixture.lines("string-connect-base64")
    var index = 0
    for line in try DebeziumFixture.lines("default") {
      if line.hasPrefix(#"{"topic":"golden","#) {
        replay.learn(try DebeziumFixture.parse(line)["value"])
        continue
      }
      try replay.add(DebeziumFixture.parse(nulls[index]), text: DebeziumFixture.parse(texts[index]))
      index += 1
    }
    try replay.moveOn(to: nil)
    return replay.builder.take(position: Position(text: "", token: ""))
  }

  @Test(
    arguments: [
      ("default", [:]), ("keep-nulls", ["replace.null.with.default": "false"]),
      (
        "string-connect-base64",
        [
          "decimal.handling.mode": "string", "time.precision.mode": "connect", "binary.handling.mode": "base64",
        ]
      ),
      (
        "double-isostring-hex",
        [
          "decimal.handling.mode": "double", "time.precision.mode": "isostring", "binary.handling.mode": "hex",
          "bigint.unsigned.handling.mode": "precise",
        ]
      ), ("transactions", ["provide.transaction.metadata": "true", "skipped.operations": "none"]),
    ] as [(String, [String: String])])
  func everyLineIsTheOneThatDebeziumEmitted(name: String, properties: [String: String]) throws {
    let batch = try batch()
    let rowTransactions = Set(batch.transactions.map { batch.identifier(of: $0) })
    let options = try DebeziumOptions(properties: properties.merging(["envelope": "full"]) { $1 })
    let encoder = DebeziumChangeEncoder(options: options, context: sampleContext)
    let encoded = try lines(encoder, batch).map(DebeziumFixture.comparable)
    let expected = try DebeziumFixture.lines(name).filter { line in
      // Statements that change no row are not in the replay.
      if line.hasPrefix(#"{"topic":"golden","#) || line.contains(#""op":"t""#) { return false }
      guard line.hasPrefix(#"{"topic":"golden.transaction""#) else { return true }
      return rowTransactions.contains(try DebeziumFixture.parse(line)["key"]["id"].text ?? "")
    }.map { DebeziumFixture.comparable($0).replacingOccurrences(of: "1.17549435E-38", with: "1.1754944E-38") }
    #expect(encoded.count > 150)
    #expect(encoded.count == expected.count)
    for (ours, theirs) in zip(encoded, expected) { #expect(ours == theirs) }
  }
}
