import Change
import Foundation
import MariaDBConnector
import Testing

@Suite(.enabled(if: Fixtures.arePresent, "the fixtures lie beside the package"))
struct DebeziumLogTests {
  struct Record {
    var table: String
    var position: Int
    var row: Int
    var operation: String
    var gtid: String
    var after: [String: Any]
  }

  private func records(_ file: String) throws -> [Record] {
    let text = try String(contentsOfFile: Fixtures.directory + "/debezium/mariadb/" + file, encoding: .utf8)
    return try text.split(separator: "\n").compactMap { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard let value = object?["value"] as? [String: Any], let operation = value["op"] as? String,
        let source = value["source"] as? [String: Any], let after = value["after"] as? [String: Any],
        let table = source["table"] as? String, let position = source["pos"] as? Int, let row = source["row"] as? Int,
        let gtid = source["gtid"] as? String
      else { return nil }
      return Record(table: table, position: position, row: row, operation: operation, gtid: gtid, after: after)
    }
  }

  /// Columns whose record says something else than the log; the fixture's README tells why.
  private func isElsewhere(_ table: String, _ column: String, _ row: DecodedLog.Row) -> Bool {
    if column == "biu" || column == "y" || column.hasPrefix("bit") || column == "bo" || column == "ok" { return true }
    if table == "decimals", ["f", "f7_3", "fu", "dbl", "d10_2", "r"].contains(column) { return true }
    if table == "misc", column.hasPrefix("u") { return true }
    if table == "geo" || table == "times" || table == "times_notnull" || table == "alt_renamed" {
      return column != "id"
    }
    if table == "alt", column.hasPrefix("c") { return true }
    if column == "created" || column == "c_bin" || (table == "small" && row.after[column] == "NULL") { return true }
    return table == "clike" && column == "w"
  }

  @Test("integers, decimals, strings, enums and bytes are what Debezium saw, at the same places of the log")
  func valuesAgree() throws {
    let log = try DecodedLog.read(Fixtures.debezium)
    var byPlace: [String: DecodedLog.Row] = [:]
    for row in log.rows { byPlace["\(row.logOffset):\(row.row)"] = row }
    var compared = 0
    for record in try records("events-string-connect-base64.jsonl") {
      let row = try #require(byPlace["\(record.position):\(record.row)"], "\(record.table) at \(record.position)")
      #expect(row.table == "golden." + record.table)
      #expect(row.identifier == record.gtid)
      for (column, value) in record.after where !isElsewhere(record.table, column, row) {
        let expected = value is NSNull ? "NULL" : "\(value)".replacingOccurrences(of: "ü\\,x", with: "ü,x")
        #expect(row.after[column] == expected, "\(record.table).\(column) at \(record.position):\(record.row)")
        compared += 1
      }
    }
    #expect(log.rows.count == 146)
    #expect(compared > 500)
  }

  @Test("times are kept to the microsecond, and dates that no calendar has field by field")
  func timesAgree() throws {
    let log = try DecodedLog.read(Fixtures.debezium)
    let times = log.rows.filter { $0.table == "golden.times" && $0.operation == .insert }.map(\.after)
    let byId = Dictionary(uniqueKeysWithValues: times.map { ($0["id"] ?? "", $0) })
    for record in try records("events-default.jsonl") where record.table == "times" && record.operation == "c" {
      let id = record.after["id"] as? Int ?? 0
      guard id <= 6 else { continue }
      let own = try #require(byId["\(id)"])
      for column in ["d", "t0", "t3", "t6", "dt6"] {
        let expected = record.after[column] as? Int
        #expect(own[column] == expected.map { "\($0)" } ?? "NULL", "\(column) of \(id)")
      }
    }
    #expect(byId["8"]?["dt6"] == "civil 0-0-0 0:0:0")
    #expect(byId["8"]?["ts0"] == "civil 0-0-0 0:0:0")
    #expect(byId["9"]?["d"] == "civil 2024-0-0 0:0:0")
    #expect(byId["9"]?["dt0"] == "civil 2024-2-0 10:20:30")
    #expect(byId["7"]?["y"] == "0")
    #expect(byId["3"]?["t6"] == "-3020399999999")
  }

  @Test("the log's statements give UUID, defaults and keys, and alter schemas in their place")
  func schemas() throws {
    let log = try DecodedLog.read(Fixtures.debezium)
    let misc = log.rows.filter { $0.table == "golden.misc" }.map(\.after)
    #expect(misc.first?["u"] == "123e4567-e89b-12d3-a456-426614174000")
    #expect(misc.contains { $0["u"] == "018f4b2e-7c1a-7def-8abc-0123456789ab" })
    #expect(log.schemas["golden.misc"]?.columns[2].type == .uuid)
    let pk2 = try #require(log.schemas["golden.pk2"])
    #expect(pk2.key == [1, 0])
    #expect(log.schemas["golden.uniq"]?.key == [1])
    #expect(log.schemas["golden.uniq"]?.keyIsPrimary == false)
    #expect(log.schemas["golden.uniq_null"]?.key == [])
    let small = try #require(log.schemas["golden.small"])
    #expect(small.columns[1].defaultValue == .literal("anon"))
    #expect(small.columns[4].nativeType == "bool")
    let kinds = log.schemaChanges.filter { $0.table.table == "alt" }.map(\.kind)
    #expect(kinds.first == .create)
    #expect(kinds.last == .rename)
    #expect(kinds.filter { $0 == .alter }.count >= 6)
    #expect(log.schemaChanges.contains { $0.kind == .truncate && $0.table.table == "trunc" })
    #expect(log.schemaChanges.contains { $0.kind == .drop && $0.table.table == "clike" })
    #expect(log.position.gtids.description == "0-101-\(log.position.gtids.domains[0]?.sequence ?? 0)")
    #expect(log.identifiers.count > 130)
  }

  @Test("a transaction larger than a batch streams in parts, and gives the same rows")
  func partsAreTheSame() throws {
    let whole = try DecodedLog.read(Fixtures.debezium).rows
    let parts = try DecodedLog.read(Fixtures.debezium, byteLimit: 64).rows
    #expect(whole == parts)
  }
}
