internal import Change
internal import MariaDBClient

/// Reads the definitions of tables out of information_schema.
struct CatalogReader {
  struct Entry: Sendable {
    var hints: TableHints
    /// The server's estimate of its rows; nil when it has none.
    var rows: UInt64?
    /// When it was made or last altered, in seconds since 1970; nil: the server does not tell.
    var changed: UInt32?
  }

  let connection: MariaDBConnection

  static let systemSchemas: Set<String> = ["mysql", "information_schema", "performance_schema", "sys"]

  /// All base tables that the user may see and `includes` takes.
  func tables(_ includes: (TableName) -> Bool) throws(Failure) -> [TableName: Entry] {
    let schemas = CatalogReader.systemSchemas.sorted().map(SQLText.literal).joined(separator: ", ")
    return try read("TABLE_SCHEMA NOT IN (\(schemas))", includes)
  }

  /// The definition of one table; nil when there is none by that name.
  func table(_ name: TableName) throws(Failure) -> Entry? {
    let condition =
      "TABLE_SCHEMA = \(SQLText.literal(name.namespace)) AND TABLE_NAME = \(SQLText.literal(name.table))"
    return try read(condition) { $0 == name }[name]
  }

  /// The tables of `includes` whose engine has no transactions.
  func withoutTransactions(_ includes: (TableName) -> Bool) throws(Failure) -> Set<TableName> {
    let schemas = CatalogReader.systemSchemas.sorted().map(SQLText.literal).joined(separator: ", ")
    let rows = try connection.query(
      "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN (\(schemas)) "
        + "AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND ENGINE NOT IN "
        + "(SELECT ENGINE FROM information_schema.ENGINES WHERE TRANSACTIONS = 'YES')")
    return Set(rows.compactMap(CatalogReader.name)).filter(includes)
  }

  /// - Throws: `.permission` when the user may not read the table, whether it exists or not.
  func requireSelect(_ name: TableName) throws(Failure) {
    let quoted = SQLText.identifier(name.namespace) + "." + SQLText.identifier(name.table)
    do throws(Failure) {
      _ = try connection.query("SELECT 1 FROM \(quoted) LIMIT 0")
    } catch {
      guard error.code == .permission || error.code == .authentication else { return }
      throw Failure(
        .permission, "the log has rows of table \"\(name)\", which the user may not read: the snapshot was without it",
        at: connection.place,
        hint:
          "GRANT SELECT ON \(quoted) TO the pipeline's user and take a new snapshot, or add \"!\(name)\" to `tables`",
        cause: error.cause)
    }
  }

  private func read(_ condition: String, _ includes: (TableName) -> Bool) throws(Failure) -> [TableName: Entry] {
    var entries: [TableName: Entry] = [:]
    for row in try connection.query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS, UNIX_TIMESTAMP(CREATE_TIME), TABLE_COLLATION "
        + "FROM information_schema.TABLES "
        + "WHERE \(condition) AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')")
    {
      guard let name = CatalogReader.name(row), includes(name) else { continue }
      entries[name] = Entry(
        hints: TableHints(columns: [], indexes: [], charset: CatalogReader.charset(of: row[4]), collation: row[4]),
        rows: row[2].flatMap { UInt64($0) }, changed: row[3].flatMap { UInt32($0) })
    }
    try readColumns(condition, into: &entries)
    if connection.isMariaDB { try readJSON(condition, into: &entries) }
    try readKeys(condition, into: &entries)
    try readIndexes(condition, into: &entries)
    return entries
  }

  /// Every collation but `binary` is named for its character set.
  private static func charset(of collation: String?) -> String? {
    guard let name = collation?.split(separator: "_").first else { return nil }
    return CharacterSet(named: String(name))?.name ?? String(name)
  }

  private static func name(_ row: [String?]) -> TableName? {
    guard let namespace = row[0], let table = row[1] else { return nil }
    return TableName(namespace: namespace, table: table)
  }

  private func readColumns(_ condition: String, into entries: inout [TableName: Entry]) throws(Failure) {
    let isMariaDB = connection.isMariaDB
    // Since MariaDB 10.2.5 and MySQL 5.7.6.
    let tellsExpressions = TargetServer.number(connection.serverVersion) >= (isMariaDB ? 100_205 : 50_706)
    for row in try connection.query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, "
        + "CHARACTER_SET_NAME, COLLATION_NAME, \(tellsExpressions ? "GENERATION_EXPRESSION" : "NULL") FROM information_schema.COLUMNS "
        + "WHERE \(condition) ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION")
    {
      guard let name = CatalogReader.name(row), let column = row[2], let type = row[3] else { continue }
      let extra = (row[6] ?? "").uppercased()
      entries[name]?.hints.columns.append(
        TableHints.Column(
          name: column, nativeType: type, isNullable: row[4] == "YES",
          defaultValue: CatalogReader.defaultValue(row[5], extra: extra, isMariaDB: isMariaDB),
          generation: CatalogReader.generation(extra), isInvisible: extra.contains("INVISIBLE"), charset: row[7],
          collation: row[8], generationExpression: row[9].flatMap { $0.isEmpty ? nil : $0 },
          isAutoIncrement: extra.contains("AUTO_INCREMENT")))
    }
  }

  /// MariaDB's JSON is a LONGTEXT with a constraint of the same name as the column: only that tells it from other text.
  private func readJSON(_ condition: String, into entries: inout [TableName: Entry]) throws(Failure) {
    let condition = condition.replacing("TABLE_SCHEMA", with: "CONSTRAINT_SCHEMA")
    for row in try connection.query(
      "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS "
        + "WHERE \(condition) AND CHECK_CLAUSE LIKE 'json_valid(%'")
    {
      guard let name = CatalogReader.name(row), let column = row[2],
        row[3] == "json_valid(\(SQLText.identifier(column)))",
        let index = entries[name]?.hints.columns.firstIndex(where: { $0.name == column }),
        entries[name]?.hints.columns[index].nativeType == "longtext",
        entries[name]?.hints.columns[index].collation == "utf8mb4_bin"
      else { continue }
      entries[name]?.hints.columns[index].nativeType = "json"
    }
  }

  static func generation(_ extra: String) -> ColumnSchema.Generation {
    if extra.contains("VIRTUAL GENERATED") { return .virtual }
    if extra.contains("STORED GENERATED") || extra.contains("PERSISTENT") { return .stored }
    return .no
  }

  /// MariaDB writes a default as SQL: constants quoted, NULL as a word. MySQL writes a constant bare, and says
  /// `DEFAULT_GENERATED` in `extra` for an expression.
  static func defaultValue(_ text: String?, extra: String, isMariaDB: Bool) -> ColumnSchema.Default? {
    guard let text, !extra.contains("VIRTUAL GENERATED"), !extra.contains("STORED GENERATED") else { return nil }
    guard isMariaDB else { return extra.contains("DEFAULT_GENERATED") ? .expression(text) : .literal(text) }
    if text == "NULL" { return nil }
    if let constant = SQLText.unquoted(text) { return .literal(constant) }
    let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains($0) }
    return isNumber ? .literal(text) : .expression(text)
  }

  private func readKeys(_ condition: String, into entries: inout [TableName: Entry]) throws(Failure) {
    var open: (table: TableName, index: String)?
    // MariaDB lists keys as it made them, and the first unique one stands in for a primary key: no column tells that order.
    let order =
      connection.isMariaDB
      ? "" : "ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"
    for row in try connection.query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS "
        + "WHERE \(condition) AND NON_UNIQUE = 0 \(order)")
    {
      guard let name = CatalogReader.name(row), let index = row[2], entries[name] != nil else { continue }
      // An index over an expression or over the beginning of a column identifies no row by the column's value.
      let column = row[4] == nil ? row[3] : nil
      let continues = open?.table == name && open?.index == index
      open = (name, index)
      if index == "PRIMARY" {
        entries[name]?.hints.primaryKey.append(column ?? "")
      } else if continues, let last = entries[name]?.hints.uniqueKeys.indices.last {
        entries[name]?.hints.uniqueKeys[last].append(column ?? "")
      } else {
        entries[name]?.hints.uniqueKeys.append([column ?? ""])
      }
    }
    for name in entries.keys { entries[name]?.hints.dropPartialKeys() }
  }
}

extension CatalogReader {
  /// Every index but the primary key, with its name and the lengths of its parts.
  private func readIndexes(_ condition: String, into entries: inout [TableName: Entry]) throws(Failure) {
    var open: (table: TableName, index: String)?
    for row in try connection.query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, NON_UNIQUE, INDEX_TYPE "
        + "FROM information_schema.STATISTICS WHERE \(condition) AND INDEX_NAME <> 'PRIMARY' "
        + (connection.isMariaDB ? "" : "ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"))
    {
      guard let name = CatalogReader.name(row), let index = row[2], entries[name] != nil else { continue }
      if open?.table != name || open?.index != index {
        entries[name]?.hints.indexes?.append(
          TableHints.Index(name: index, kind: CatalogReader.kind(row[6], isUnique: row[5] == "0"), parts: []))
      }
      open = (name, index)
      guard let last = entries[name]?.hints.indexes?.indices.last else { continue }
      let prefix = row[6] == "SPATIAL" ? nil : row[4].flatMap { Int($0) }
      // An index over an expression has no column there: it is left out below.
      entries[name]?.hints.indexes?[last].parts.append(TableHints.Index.Part(column: row[3] ?? "", prefix: prefix))
    }
    for name in entries.keys {
      entries[name]?.hints.indexes?.removeAll { index in index.parts.contains { $0.column.isEmpty } }
    }
  }

  private static func kind(_ type: String?, isUnique: Bool) -> TableIndex.Kind {
    switch type {
    case "FULLTEXT": .fulltext
    case "SPATIAL": .spatial
    default: isUnique ? .unique : .ordinary
    }
  }
}

extension TableHints {
  /// Forgets keys that do not consist of whole columns.
  fileprivate mutating func dropPartialKeys() {
    if primaryKey.contains("") { primaryKey = [] }
    uniqueKeys.removeAll { $0.contains("") }
  }
}
