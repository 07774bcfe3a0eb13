import PrivateServers
import Testing

/// What must be equal at two servers: every table's definition and rows.
struct ServerComparison {
  let source: PrivateMariaDB
  let target: PrivateMariaDB

  /// Expects the same tables, column by column, and the same rows by the server's own checksum.
  func expectEqualTables(in schema: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let names = try tables(source, schema)
    #expect(try tables(target, schema) == names, sourceLocation: sourceLocation)
    for name in names {
      #expect(
        try columns(target, schema, name) == columns(source, schema, name), "\(name)", sourceLocation: sourceLocation)
      #expect(
        try checksum(target, schema, name) == checksum(source, schema, name), "\(name)", sourceLocation: sourceLocation)
    }
  }

  /// Expects every acknowledged row of the ledger, and no other.
  func expectLedger(_ acknowledged: [MixedWorkload.LedgerRow]) throws {
    let rows = try target.query("SELECT tx, ordinal FROM bank.ledger").compactMap { row in
      UInt64(row[0] ?? "").flatMap { tx in
        Int(row[1] ?? "").map { MixedWorkload.LedgerRow(transaction: tx, ordinal: $0) }
      }
    }
    #expect(rows.count == acknowledged.count)
    #expect(Set(rows) == Set(acknowledged))
  }

  private func tables(_ server: PrivateMariaDB, _ schema: String) throws -> [String] {
    try server.query(
      "SELECT table_name FROM information_schema.tables WHERE table_schema = '\(schema)' ORDER BY BINARY table_name"
    ).compactMap { $0[0] }
  }

  private func columns(_ server: PrivateMariaDB, _ schema: String, _ table: String) throws -> [[String?]] {
    try server.query(
      """
      SELECT column_name, column_type, is_nullable, character_set_name, collation_name, column_key
        FROM information_schema.columns WHERE table_schema = '\(schema)' AND table_name = '\(table)'
        ORDER BY ordinal_position
      """)
  }

  private func checksum(_ server: PrivateMariaDB, _ schema: String, _ table: String) throws -> String? {
    try server.query("CHECKSUM TABLE `\(schema)`.`\(table)`")[0][1]
  }
}
