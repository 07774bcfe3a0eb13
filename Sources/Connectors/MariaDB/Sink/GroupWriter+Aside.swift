import Change
import MariaDBClient
import SQLRendering

/// Rows that trade values of a unique key, of which only the changed columns are known.
extension GroupWriter {
  /// Applies partial rows in place, and where they trade values of another unique key, by way of a table aside.
  func applyPartial(_ table: MirrorTable, _ net: NetChange) throws {
    guard net.entries.contains(where: { takes(.partial, $0) }) else { return }
    try finish()
    let before = refused
    try answered { () throws(MariaDBError) in try runScript("SAVEPOINT freshet_partial") }
    do {
      try run(Step(.partial, .update), table, net, net.entries.indices)
      try finish()
    } catch is TradedValues {
      refused = before
      try answered { () throws(MariaDBError) in try runScript("ROLLBACK TO SAVEPOINT freshet_partial") }
      try applyAside(table, net)
    }
  }

  /// The rows leave the target, are changed aside, where no key keeps them apart, and come back all at once.
  private func applyAside(_ table: MirrorTable, _ net: NetChange) throws {
    let aside = refusals.checkpoints.aside
    let list = try storedColumns(table).joined(separator: ", ")
    let key = table.keyColumns.map(\.name).joined(separator: ", ")
    try answered { () throws(MariaDBError) in
      // Neither statement about a temporary table ends the transaction.
      try runScript(
        "DROP TEMPORARY TABLE IF EXISTS \(aside);CREATE TEMPORARY TABLE \(aside) (INDEX (\(key))) "
          + "SELECT \(list) FROM \(table.target.quotedName) LIMIT 0")
    }
    let indexes = net.entries.indices.filter { takes(.partial, net, $0) }
    for index in indexes { try moveAside(net.entries[index], table, net, aside, list) }
    for index in indexes { try changeAside(index, table, net, aside) }
    do throws(MariaDBError) {
      try runScript(
        "INSERT INTO \(table.target.quotedName) (\(list)) SELECT \(list) FROM \(aside);DROP TEMPORARY TABLE \(aside)")
    } catch {
      throw failure(error)
    }
  }

  private func moveAside(
    _ entry: NetChange.Entry, _ table: MirrorTable, _ net: NetChange, _ aside: String, _ list: String
  ) throws {
    buffer.removeAll()
    try net.lendImages(of: entry) { key, _ throws(RowProblem) in
      buffer.append("INSERT INTO \(aside) SELECT \(list) FROM \(table.target.quotedName) WHERE ")
      try buffer.append(match: table.keyColumns, key)
      buffer.append(";\(table.deleteHead)")
      try buffer.append(match: table.keyColumns, key)
    }
    try answered { () throws(MariaDBError) in try run(buffer) }
  }

  private func changeAside(_ index: Int, _ table: MirrorTable, _ net: NetChange, _ aside: String) throws {
    buffer.removeAll()
    do throws(RowProblem) {
      try net.lendImages(of: net.entries[index]) { key, image throws(RowProblem) in
        try self.writeUpdate(table, named: aside, key: key, image: image, to: buffer)
        try self.requireRoom(for: buffer)
      }
    } catch {
      return try refuseEntry(error, index, table, net)
    }
    var problem: RowProblem?
    do throws(MariaDBError) {
      if try run(buffer).first?.affectedRows == 0 { problem = .missing }
    } catch {
      guard error.isAboutTheRow else { throw failure(error) }
      problem = .refused(error.message)
    }
    if let problem { try refuseEntry(problem, index, table, net) }
  }

  /// The columns that the target stores and does not compute, quoted.
  private func storedColumns(_ table: MirrorTable) throws -> [String] {
    let name = table.target.name
    let rows = try connection.query(
      "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = \(SQLDialect.mariadb.literal(name.namespace)) "
        + "AND TABLE_NAME = \(SQLDialect.mariadb.literal(name.table)) AND COALESCE(GENERATION_EXPRESSION, '') = '' "
        + "ORDER BY ORDINAL_POSITION")
    return try rows.compactMap { try $0[0].map(SQLDialect.mariadb.quoted) }
  }
}

/// Rows have to trade values of a unique key: none of them can be changed by itself.
struct TradedValues: Error {}
