import Change
import FilesConnector
import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// What must be equal at the end: every table, row by row, and the ledger in the files, row by row and once each.
struct CopyComparison {
  let server: PrivateMariaDB
  let database: String
  let archive: String

  /// Rows of a query, sorted; every value as text.
  private func source(_ query: String) throws -> [String] {
    try server.query(query).map { $0.map { $0 ?? "\\N" }.joined(separator: "|") }.sorted()
  }

  private func target(_ query: String, columns: Int) throws -> [String] {
    let connection = try SQLiteConnection(path: database, mode: .readOnly)
    let statement = try SQLiteStatement(connection, query)
    var rows: [String] = []
    while try statement.step() {
      rows.append((0..<columns).map { statement.string($0) ?? "\\N" }.joined(separator: "|"))
    }
    return rows.sorted()
  }

  /// Expects every table of the schema to have the same columns and rows in SQLite.
  func expectEqualTables(in schema: String) throws {
    let tables = try server.query(
      "SELECT table_name FROM information_schema.tables WHERE table_schema = '\(schema)' ORDER BY 1")
    for table in tables.compactMap({ $0.first ?? nil }) {
      let described = try server.query(
        """
        SELECT column_name, data_type FROM information_schema.columns
          WHERE table_schema = '\(schema)' AND table_name = '\(table)' ORDER BY ordinal_position
        """)
      let columns = described.compactMap { $0[0] }
      // An instant is written with its zone, and the server of these tests keeps UTC.
      let terms = described.map { $0[1] == "timestamp" ? "CONCAT(`\($0[0] ?? "")`, 'Z')" : "`\($0[0] ?? "")`" }
      let expected = try source("SELECT \(terms.joined(separator: ",")) FROM `\(schema)`.`\(table)`")
      let list = columns.map { "\"\($0)\"" }.joined(separator: ",")
      let found = try target("SELECT \(list) FROM \"\(table)\"", columns: columns.count)
      #expect(found.count == expected.count, "rows of \(table)")
      let difference = Set(found).symmetricDifference(expected)
      #expect(found == expected, "\(table): \(difference.sorted().prefix(6))")
    }
  }

  /// Expects every acknowledged ledger row exactly once in the files, and no other.
  func expectLedger(_ acknowledged: [MixedWorkload.LedgerRow]) throws {
    var counts: [MixedWorkload.LedgerRow: Int] = [:]
    try readArchive(table: "ledger") { change in
      guard let after = change["after"] as? [String: Any], let transaction = after["tx"] as? UInt64,
        let ordinal = after["ordinal"] as? Int
      else { return }
      counts[MixedWorkload.LedgerRow(transaction: transaction, ordinal: ordinal), default: 0] += 1
    }
    let repeated = counts.filter { $0.value > 1 }.keys
    let lost = Set(acknowledged).subtracting(counts.keys)
    let unknown = Set(counts.keys).subtracting(acknowledged)
    #expect(repeated.isEmpty, "\(repeated.count) duplicated, such as \(repeated.prefix(3))")
    #expect(lost.isEmpty, "\(lost.count) of \(acknowledged.count) lost, such as \(lost.prefix(3))")
    #expect(unknown.isEmpty, "\(unknown.count) never acknowledged, such as \(unknown.prefix(3))")
  }

  /// Expects each row that was there before the pipeline exactly once in the files, as a snapshot's row.
  func expectSnapshot(of table: String, rows: Int) throws {
    var counts: [Int: Int] = [:]
    try readArchive(table: table) { change in
      guard change["op"] as? String == "r", let after = change["after"] as? [String: Any], let id = after["id"] as? Int
      else { return }
      counts[id, default: 0] += 1
    }
    #expect(counts.count == rows)
    #expect(counts.values.allSatisfy { $0 == 1 }, "\(counts.filter { $0.value > 1 }.count) rows were read twice")
  }

  private func readArchive(table: String, _ visit: ([String: Any]) throws -> Void) throws {
    try ManifestReader(archive).read { segment, line in
      guard segment.table?.table == table else { return }
      guard let change = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] else {
        throw Failure(.corruptState, "a line of the archive is not an object")
      }
      try visit(change)
    }
  }
}
