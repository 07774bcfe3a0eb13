internal import Change
internal import MariaDBClient

/// A table as the target has it, read from its information_schema.
struct TargetShape {
  struct Column {
    var name: String
    /// As the server prints it: `decimal(12,2) unsigned`, `json` for MariaDB's text with the check.
    var nativeType: String
    var isNullable: Bool
    var hasDefault: Bool
    var isGenerated: Bool
    var isAutoIncrement: Bool
    var charset: String?
    var collation: String?
    /// Whether an UPDATE of the row that does not name the column sets it to the time: `ON UPDATE CURRENT_TIMESTAMP`.
    var updatesItself = false

    var type: ColumnType {
      TableHints.Column(name: name, nativeType: nativeType, charset: charset, collation: collation).type
    }
  }

  var engine: String
  var columns: [Column]
  /// By lowercase names of columns; the primary key is among them.
  var uniqueIndexes: [(name: String, columns: [String])]
  var uniqueKeys: [[String]] { uniqueIndexes.map(\.columns) }
  var hasPrimaryKey: Bool
  /// Every index by its lowercase name, the primary key too.
  var indexNames: Set<String>
  /// Whether a foreign key begins here.
  var hasForeignKeys: Bool
  var hasTriggers: Bool

  /// nil: there is no such table.
  init?(_ connection: MariaDBConnection, _ table: TableName) throws(Failure) {
    let here = TargetShape.condition(table, "TABLE_SCHEMA")
    let tables = try connection.query(
      "SELECT TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE \(here)")
    guard let found = tables.first else { return nil }
    guard found[0] == "BASE TABLE" else {
      throw Failure(
        .targetShape, "\"\(table)\" at the target is no plain table but: \((found[0] ?? "").lowercased())",
        hint: "rename it, or set `table_name`")
    }
    engine = found[1] ?? ""
    guard let entry = try CatalogReader(connection: connection).table(table) else { return nil }
    let details = try connection.query(
      "SELECT COLUMN_NAME, EXTRA, COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE \(here)")
    columns = entry.hints.columns.map { column in
      let detail = details.first { $0[0] == column.name }
      let extra = (detail?[1] ?? "").lowercased()
      return Column(
        name: column.name, nativeType: column.nativeType, isNullable: column.isNullable ?? true,
        hasDefault: detail?[2] != nil, isGenerated: column.generation != .no,
        isAutoIncrement: extra.contains("auto_increment"), charset: column.charset?.lowercased(),
        collation: column.collation, updatesItself: extra.contains("on update"))
    }
    uniqueIndexes = []
    for row in try connection.query(
      "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS "
        + "WHERE \(here) AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX")
    {
      guard let name = row[0] else { continue }
      if uniqueIndexes.last?.name != name { uniqueIndexes.append((name, [])) }
      // A part of a column, or an expression, then equals no key.
      uniqueIndexes[uniqueIndexes.count - 1].columns.append(row[2] == nil ? row[1]?.lowercased() ?? "" : "")
    }
    indexNames = []
    for row in try connection.query("SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE \(here)") {
      if let name = row[0] { indexNames.insert(name.lowercased()) }
    }
    hasPrimaryKey = indexNames.contains("primary")
    hasForeignKeys = try !connection.query(
      "SELECT 1 FROM information_schema.REFERENTIAL_CONSTRAINTS "
        + "WHERE \(TargetShape.condition(table, "CONSTRAINT_SCHEMA")) LIMIT 1"
    ).isEmpty
    hasTriggers = try !connection.query(
      "SELECT 1 FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = \(TargetText.literal(table.namespace)) "
        + "AND EVENT_OBJECT_TABLE = \(TargetText.literal(table.table)) LIMIT 1"
    ).isEmpty
  }

  private static func condition(_ table: TableName, _ schemaColumn: String) -> String {
    "\(schemaColumn) = \(TargetText.literal(table.namespace)) AND TABLE_NAME = \(TargetText.literal(table.table))"
  }

  func column(_ name: String) -> Column? {
    let name = name.lowercased()
    return columns.first { $0.name.lowercased() == name }
  }

  func hasUniqueKey(_ names: [String]) -> Bool {
    let wanted = Set(names.map { $0.lowercased() })
    return uniqueKeys.contains { Set($0) == wanted }
  }
}

extension MariaDBConnection {
  /// Whether a table, named as SQL has it, holds any row.
  func hasRows(in quotedTable: String) throws(Failure) -> Bool {
    try !query("SELECT 1 FROM \(quotedTable) LIMIT 1").isEmpty
  }

  /// The table's definition as the server prints it, without the next number of its AUTO_INCREMENT; nil: there is no such
  /// table.
  func definition(of table: TableName) throws(Failure) -> String? {
    do throws(Failure) {
      let rows = try query("SHOW CREATE TABLE \(TargetText.name(table))")
      guard let row = rows.first, row.count > 1, let text = row[1] else { return nil }
      return text.replacing(#/ AUTO_INCREMENT=[0-9]+/#, with: "")
    } catch {
      // 1146 no such table, 1049 no such database.
      guard error.cause.hasPrefix("1146 ") || error.cause.hasPrefix("1049 ") else { throw error }
      return nil
    }
  }
}
