internal import Change

/// Reads the tokens of one statement from their beginning.
struct DataDefinitionReader {
  var tokens: SQLTokens
  let database: String

  mutating func read() -> DataDefinition {
    tokens.skipSetStatement()
    if tokens.accept("CREATE") { return create() }
    if tokens.accept("DROP") { return drop() }
    if tokens.accept("TRUNCATE") {
      _ = tokens.accept("TABLE")
      return tokens.tableName(database).map { .truncateTable($0) } ?? .other
    }
    if tokens.accept("RENAME") { return rename() }
    if tokens.accept("ALTER") { return alter() }
    return .other
  }

  private mutating func create() -> DataDefinition {
    let replaces = tokens.accept("OR", "REPLACE")
    if tokens.accept("TEMPORARY") { return .other }
    if tokens.accept("TABLE") { return createTable(replaces: replaces) }
    if tokens.accept("DATABASE") || tokens.accept("SCHEMA") {
      let ifNotExists = tokens.accept("IF", "NOT", "EXISTS")
      guard let name = tokens.name() else { return .other }
      return .createDatabase(name, charset: tokens.charsetOptions().charset, ifNotExists: ifNotExists)
    }
    let kind = IndexReader.kind(&tokens)
    if tokens.accept("INDEX") || tokens.accept("KEY") { return createIndex(kind) }
    return .other
  }

  private mutating func createTable(replaces: Bool) -> DataDefinition {
    let ifNotExists = tokens.accept("IF", "NOT", "EXISTS")
    guard let name = tokens.tableName(database) else { return .other }
    func result(_ definition: TableHints?, like: TableName? = nil) -> DataDefinition {
      .createTable(name, definition: definition, like: like, replaces: replaces, ifNotExists: ifNotExists)
    }
    if tokens.accept("LIKE") { return result(nil, like: tokens.tableName(database)) }
    if tokens.isSign("("), tokens.isWord("LIKE", ahead: 1) {
      tokens.index += 2
      return result(nil, like: tokens.tableName(database))
    }
    if tokens.hasQuery() { return .createFilledTable(name, ifNotExists: ifNotExists) }
    guard tokens.isSign("(") else { return result(nil) }
    var reader = TableDefinitionReader(tokens: tokens)
    let definition = reader.read()
    return result(definition)
  }

  private mutating func createIndex(_ kind: TableIndex.Kind?) -> DataDefinition {
    _ = tokens.accept("IF", "NOT", "EXISTS")
    let name = tokens.isWord("ON") ? nil : tokens.name()
    if tokens.accept("USING") { _ = tokens.name() }
    guard tokens.accept("ON"), let table = tokens.tableName(database) else { return .other }
    guard let kind, let name else { return .createIndex(table, nil) }
    var reader = IndexReader(tokens: tokens)
    return .createIndex(table, reader.parts().map { TableHints.Index(name: name, kind: kind, parts: $0) })
  }

  private mutating func drop() -> DataDefinition {
    if tokens.accept("TEMPORARY") { return .other }
    if tokens.accept("TABLE") || tokens.accept("TABLES") {
      _ = tokens.accept("IF", "EXISTS")
      var names: [TableName] = []
      repeat {
        guard let name = tokens.tableName(database) else { return .other }
        names.append(name)
      } while tokens.acceptSign(",")
      return .dropTables(names)
    }
    if tokens.accept("DATABASE") || tokens.accept("SCHEMA") {
      _ = tokens.accept("IF", "EXISTS")
      return tokens.name().map { .dropDatabase($0) } ?? .other
    }
    if tokens.accept("INDEX") || tokens.accept("KEY") {
      _ = tokens.accept("IF", "EXISTS")
      guard let name = tokens.name(), tokens.accept("ON"), let table = tokens.tableName(database) else { return .other }
      return .dropIndex(table, name: name)
    }
    return .other
  }

  private mutating func rename() -> DataDefinition {
    guard tokens.accept("TABLE") || tokens.accept("TABLES") else { return .other }
    _ = tokens.accept("IF", "EXISTS")
    var pairs: [(from: TableName, to: TableName)] = []
    repeat {
      guard let from = tokens.tableName(database) else { return .other }
      if tokens.accept("WAIT") { tokens.index += 1 }
      _ = tokens.accept("NOWAIT")
      guard tokens.accept("TO"), let to = tokens.tableName(database) else { return .other }
      pairs.append((from, to))
    } while tokens.acceptSign(",")
    return .renameTables(pairs)
  }

  private mutating func alter() -> DataDefinition {
    _ = tokens.accept("ONLINE")
    let ignores = tokens.accept("IGNORE")
    if tokens.accept("DATABASE") || tokens.accept("SCHEMA") {
      let isNamed = ["CHARACTER", "CHARSET", "COLLATE", "DEFAULT", "COMMENT"].allSatisfy { !tokens.isWord($0) }
      let name = isNamed ? tokens.name() : database
      return name.map { .alterDatabase($0, charset: tokens.charsetOptions().charset) } ?? .other
    }
    guard tokens.accept("TABLE") else { return .other }
    _ = tokens.accept("IF", "EXISTS")
    guard let name = tokens.tableName(database) else { return .other }
    if tokens.accept("WAIT") { tokens.index += 1 }
    _ = tokens.accept("NOWAIT")
    var reader = AlterationReader(tokens: tokens, database: database, dropsDuplicates: ignores)
    let alterations = reader.read()
    return .alterTable(name, alterations: alterations, newName: reader.newName)
  }
}
