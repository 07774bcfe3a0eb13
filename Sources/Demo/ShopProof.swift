import Change
import PrivateServers
import SQLiteDatabase

/// Compares the shop's tables with their copies: every value of every row, as text.
struct ShopProof {
  let server: PrivateMariaDB
  let directory: String

  func compare() throws -> [TableProof] {
    let archive = try ArchivedShop(directory: "\(directory)/archive")
    let database = try SQLiteConnection(path: "\(directory)/shop.db", mode: .readOnly)
    return try ShopSchema.tables.flatMap { table in
      let columns = try server.query(
        """
        SELECT column_name FROM information_schema.columns
          WHERE table_schema = 'shop' AND table_name = '\(table)' ORDER BY ordinal_position
        """
      ).compactMap { $0.first ?? nil }
      let list = columns.joined(separator: ", ")
      var source = TableChecksum()
      for row in try server.query("SELECT \(list) FROM shop.\(table)") { source.add(row) }
      return [
        TableProof(
          table: table, copy: "SQLite", source: source,
          target: try ShopProof.checksum("SELECT \(list) FROM \(table)", of: database, columns: columns.count)),
        TableProof(table: table, copy: "files", source: source, target: archive.checksum(of: table, columns: columns)),
      ]
    }
  }

  private static func checksum(
    _ query: String, of database: SQLiteConnection, columns: Int
  ) throws(SQLiteFailure) -> TableChecksum {
    var checksum = TableChecksum()
    let statement = try SQLiteStatement(database, query)
    while try statement.step() { checksum.add((0..<columns).map { statement.string($0) }) }
    return checksum
  }
}
