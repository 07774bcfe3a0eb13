internal import Change

/// Writes the statements that make a table at the target as the source has it, in InnoDB.
struct TargetTableDefinition {
  let schema: TableSchema
  let server: TargetServer
  let sharesDialect: Bool
  /// Whether the indexes that are not unique are made with the table.
  let includesIndexes: Bool

  func createStatement(_ target: TableName, _ remarks: inout [ColumnDefinition.Remark]) throws(Failure) -> String {
    var parts: [String] = []
    for index in schema.columns.indices {
      parts.append("\(try TargetText.name(schema.columns[index].name)) \(try definition(of: index, &remarks))")
    }
    if !schema.key.isEmpty, schema.keyIsPrimary { parts.append("PRIMARY KEY (\(try columnList(schema.key)))") }
    for index in indexesWithTable { parts.append(try indexDefinition(index)) }
    let options = try tableCharset()
    return "CREATE TABLE \(try TargetText.name(target)) (\(parts.joined(separator: ", "))) ENGINE=InnoDB\(options)"
  }

  func definition(of index: Int, _ remarks: inout [ColumnDefinition.Remark]) throws(Failure) -> String {
    try ColumnDefinition(
      column: schema.columns[index], isKey: isUniqueColumn(index), server: server, sharesDialect: sharesDialect
    ).text(&remarks, allowsAutoIncrement: isFirstOfKey(index))
  }

  /// Whether every column with a character set has the same collation.
  var hasOneCollation: Bool {
    Set(schema.columns.filter { $0.charset != nil && $0.type != .json }.map(\.collation)).count == 1
  }

  // MARK: Indexes

  /// All but the primary key: those that are declared, and unique keys of which only the columns are known.
  var indexes: [TableIndex] {
    var all = schema.indexes ?? []
    var keys = schema.uniqueKeys
    if !schema.key.isEmpty, !schema.keyIsPrimary { keys.insert(schema.key, at: 0) }
    for key in keys where !all.contains(where: { $0.kind == .unique && $0.parts.map(\.column) == key }) {
      all.append(TableIndex(name: "", kind: .unique, parts: key.map { TableIndex.Part(column: $0) }))
    }
    return all
  }

  /// Unique ones, because they keep rows apart; and those without which the table could not be made.
  var indexesWithTable: [TableIndex] {
    let all = indexes
    if includesIndexes { return all }
    let counted = schema.columns.firstIndex { $0.isAutoIncrement }
    return all.filter { index in
      index.kind == .unique || (index.parts.first?.column == counted && counted != nil && !counts(in: all, counted))
    }
  }

  var laterIndexes: [TableIndex] {
    let made = indexesWithTable
    return indexes.filter { !made.contains($0) }
  }

  /// Whether a key that is made in any case begins with the column.
  private func counts(in all: [TableIndex], _ column: Int?) -> Bool {
    schema.keyIsPrimary && schema.key.first == column
      || all.contains { $0.kind == .unique && $0.parts.first?.column == column }
  }

  /// InnoDB numbers rows only by a column with which a key begins.
  private func isFirstOfKey(_ index: Int) -> Bool {
    schema.key.first == index && schema.keyIsPrimary || indexesWithTable.contains { $0.parts.first?.column == index }
  }

  private func isUniqueColumn(_ index: Int) -> Bool {
    schema.key.contains(index) || indexes.contains { $0.kind == .unique && $0.parts.contains { $0.column == index } }
  }

  /// `UNIQUE KEY …`, as it stands in CREATE TABLE and behind ADD.
  func indexDefinition(_ index: TableIndex) throws(Failure) -> String {
    let kind =
      switch index.kind {
      case .ordinary: "KEY"
      case .unique: "UNIQUE KEY"
      case .fulltext: "FULLTEXT KEY"
      case .spatial: "SPATIAL KEY"
      }
    var parts: [String] = []
    for part in index.parts {
      let prefix = index.kind == .spatial ? "" : part.prefix.map { "(\($0))" } ?? ""
      parts.append(try TargetText.name(schema.columns[part.column].name) + prefix)
    }
    let name = index.name.isEmpty ? "" : " \(try TargetText.name(index.name))"
    return "\(kind)\(name) (\(parts.joined(separator: ", ")))"
  }

  private func columnList(_ columns: [Int]) throws(Failure) -> String {
    var parts: [String] = []
    for index in columns { parts.append(try TargetText.name(schema.columns[index].name)) }
    return parts.joined(separator: ", ")
  }

  /// The default of the table, which decides nothing about its columns: that of the first one with a character set.
  func tableCharset() throws(Failure) -> String {
    guard let text = schema.columns.first(where: { $0.charset != nil && $0.type != .json }) else { return "" }
    let chosen = try TargetCollation.choose(
      charset: text.charset, collation: text.collation, isKey: false, server: server,
      column: text.name)
    return " DEFAULT CHARSET=\(chosen.charset)" + (chosen.collation.map { " COLLATE=\($0)" } ?? "")
  }
}
