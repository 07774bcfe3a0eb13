import Change
import SQLRendering
import SQLiteDatabase

/// A column as the target declares it.
struct TargetColumn {
  var name: String
  var declaredType: String
  var isNotNull: Bool
  /// The expression as declared; nil: none.
  var defaultText: String?
  /// 1 and up within the primary key; 0 outside.
  var keyOrdinal: Int
  var isGenerated: Bool

  /// Whether a value of `storage` keeps its digits in this column (sqlite.org/datatype3.html, "Determination Of Column Affinity").
  func holds(_ storage: SQLiteStorage) -> Bool {
    let type = declaredType.uppercased()
    let isAny = type.isEmpty || type.contains("BLOB") || type == "ANY"
    if type.contains("INT") { return storage == .integer }
    if type.contains("CHAR") || type.contains("CLOB") || type.contains("TEXT") { return storage == .text }
    if isAny { return type != "BLOB" || storage == .blob }
    if type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") { return storage == .real }
    // NUMERIC: turns text into numbers, so only numbers are safe there.
    return storage == .integer || storage == .real
  }
}

/// A table as the target has it.
struct TargetShape {
  var columns: [TargetColumn]
  /// Each unique index without a condition, by lowercase column names; the primary key is among them.
  var uniqueKeys: [[String]]
  var hasRows: Bool

  /// nil: there is no such table.
  init?(_ connection: SQLiteConnection, table: String) throws(SQLiteFailure) {
    columns = []
    uniqueKeys = []
    hasRows = false
    let info = try SQLiteStatement(
      connection, #"SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)"#,
      persistent: false)
    try info.bind(1, table)
    while try info.step() {
      let hidden = info.int64(5)
      columns.append(
        TargetColumn(
          name: info.string(0) ?? "", declaredType: info.string(1) ?? "", isNotNull: info.int64(2) != 0,
          defaultText: info.string(3), keyOrdinal: Int(info.int64(4)), isGenerated: hidden == 2 || hidden == 3))
    }
    guard !columns.isEmpty else { return nil }
    let key = columns.filter { $0.keyOrdinal > 0 }.sorted { $0.keyOrdinal < $1.keyOrdinal }
    if !key.isEmpty { uniqueKeys.append(key.map { $0.name.lowercased() }) }
    let indexes = try SQLiteStatement(
      connection,
      """
      SELECT i.name, c.name FROM pragma_index_list(?1) i, pragma_index_info(i.name) c
      WHERE i."unique" AND NOT i.partial AND i.origin <> 'pk' ORDER BY i.seq, c.seqno
      """, persistent: false)
    try indexes.bind(1, table)
    var last = ""
    while try indexes.step() {
      let index = indexes.string(0) ?? ""
      if index != last { uniqueKeys.append([]) }
      last = index
      // An expression has no column name; it then equals no key.
      uniqueKeys[uniqueKeys.count - 1].append(indexes.string(1)?.lowercased() ?? "")
    }
  }

  func column(_ name: String) -> TargetColumn? {
    let name = name.lowercased()
    return columns.first { $0.name.lowercased() == name }
  }

  func hasUniqueKey(_ names: [String]) -> Bool {
    let wanted = Set(names.map { $0.lowercased() })
    return uniqueKeys.contains { Set($0) == wanted }
  }
}
