internal import Change

extension BinlogDecoder {
  /// Carries out a definition in the catalog and emits what it changes.
  func apply(_ definition: DataDefinition, _ text: [UInt8], _ event: QueryEvent, _ builder: BatchBuilder) throws {
    let statement = String(decoding: text.prefix(1 << 20), as: UTF8.self)
    switch definition {
    case .createTable(let name, let hints, let like, let replaces, let ifNotExists):
      create(name, hints ?? like.flatMap { remembered($0).hints }, replaces, ifNotExists, statement, builder)
    case .dropTables(let names): for name in names { drop(name, statement, builder) }
    case .dropDatabase(let database):
      let remembered = provider?.rememberedTables(in: database) ?? []
      for name in Set(catalog.tables(in: database) + remembered).sorted() { drop(name, statement, builder) }
      catalog.charsets[database] = nil
    case .truncateTable(let name):
      let schema = catalog[name].schema
      guard options.isWanted(name) else { return }
      emit(SchemaChange(kind: .truncate, table: name, before: schema, after: schema, statement: statement), builder)
    case .renameTables(let pairs): for pair in pairs { rename(pair.from, pair.to, statement, builder) }
    case .alterTable(let name, let alterations, let newName):
      alter(name, alterations, statement, builder)
      if let newName { rename(name, newName, statement, builder) }
    case .createIndex(let name, let index): alter(name, [.addIndex(index)], statement, builder)
    case .dropIndex(let name, let index): alter(name, [.dropIndex(index)], statement, builder)
    case .createDatabase(let name, let charset, let ifNotExists):
      if ifNotExists, catalog.charsets[name] != nil { break }
      let server = event.serverCollation.flatMap { CharacterSet(collation: $0)?.name }
      catalog.charsets[name] = charset ?? server
    case .alterDatabase(let name, let charset): if let charset { catalog.charsets[name] = charset }
    case .other: noteTemporary(text, event)
    }
    tables.removeAll()
  }

  private func create(
    _ name: TableName, _ hints: TableHints?, _ replaces: Bool, _ ifNotExists: Bool, _ statement: String,
    _ builder: BatchBuilder
  ) {
    temporaries.remove(name)
    guard options.isWanted(name) else { return }
    var entry = remembered(name)
    if entry.schema != nil {
      // The server logs CREATE TABLE IF NOT EXISTS for a table that exists, too.
      if ifNotExists, !replaces { return }
      drop(name, statement, builder)
      entry = TableCatalog.Entry()
    }
    provider?.forget(name)
    entry.hints = hints
    entry.hints?.charset = hints?.charset ?? catalog.charsets[name.namespace]
    entry.pending = (.create, statement)
    catalog[name] = entry
    settle(name, kind: .create, statement, builder)
  }

  private func alter(
    _ name: TableName, _ alterations: [DataDefinition.Alteration]?, _ statement: String, _ builder: BatchBuilder
  ) {
    guard options.isWanted(name) else { return }
    var entry = remembered(name)
    guard entry.schema != nil || entry.pending != nil else {
      // Not met so far: the next table map asks for the definition, and must not get one from before the statement.
      provider?.forget(name)
      return
    }
    if let hints = entry.hints, let alterations, let altered = hints.applying(alterations) {
      if altered == hints { return }
      entry.hints = altered
    } else {
      entry.hints = nil
      provider?.forget(name)
    }
    if entry.pending == nil { entry.pending = (.alter, statement) }
    catalog[name] = entry
    settle(name, kind: .alter, statement, builder)
  }

  /// What is known of a table: from this run, or from an earlier one that stopped before here.
  private func remembered(_ name: TableName) -> TableCatalog.Entry {
    let entry = catalog[name]
    guard entry.schema == nil, entry.pending == nil, options.isWanted(name),
      let hints = provider?.rememberedHints(for: name)
    else { return entry }
    let schema = SchemaResolver.schema(of: name, hints, version: 1, isMariaDB: format?.isMariaDB ?? true)
    return TableCatalog.Entry(schema: schema ?? hints.schema(named: name), hints: hints)
  }

  /// Emits the new schema at its statement where the definition says all of it; else the next table map does.
  private func settle(_ name: TableName, kind: SchemaChange.Kind, _ statement: String, _ builder: BatchBuilder) {
    var entry = catalog[name]
    let version = (entry.schema?.version ?? 0) + 1
    guard let hints = entry.hints,
      let schema = SchemaResolver.schema(
        of: name, hints, version: version, isMariaDB: format?.isMariaDB ?? true)
    else { return }
    if let known = entry.schema, known.hasSameShape(as: schema), known.indexes == schema.indexes {
      entry.pending = nil
      catalog[name] = entry
      return
    }
    emit(
      SchemaChange(
        kind: entry.pending?.kind ?? kind, table: name, before: entry.schema, after: schema, statement: statement),
      builder)
    entry.schema = schema
    entry.pending = nil
    catalog[name] = entry
    provider?.define(name, as: hints)
  }

  private func drop(_ name: TableName, _ statement: String, _ builder: BatchBuilder) {
    temporaries.remove(name)
    let before = catalog.remove(name)?.schema
    provider?.forget(name)
    guard options.isWanted(name) else { return }
    emit(SchemaChange(kind: .drop, table: name, before: before, after: nil, statement: statement), builder)
  }

  private func rename(_ old: TableName, _ name: TableName, _ statement: String, _ builder: BatchBuilder) {
    var entry = remembered(old)
    _ = catalog.remove(old)
    let before = entry.schema
    entry.schema = before.map {
      TableSchema(
        name: name, columns: $0.columns, key: $0.key, keyIsPrimary: $0.keyIsPrimary, uniqueKeys: $0.uniqueKeys,
        indexes: $0.indexes, version: $0.version + 1)
    }
    catalog[name] = entry
    if let hints = entry.hints { provider?.define(name, as: hints) } else { provider?.forget(name) }
    guard options.isWanted(old) || options.isWanted(name) else { return }
    emit(SchemaChange(kind: .rename, table: old, before: before, after: entry.schema, statement: statement), builder)
  }

  /// Statements on temporary tables are the only ones on data that a log of rows may hold.
  private func noteTemporary(_ text: [UInt8], _ event: QueryEvent) {
    var words = SQLTokens(tokens: SQLTokenizer.firstTokens(12, text, event.dialect), bytes: text)
    let creates = words.accept("CREATE")
    guard creates || words.accept("DROP") else { return }
    _ = words.accept("OR", "REPLACE")
    guard words.accept("TEMPORARY"), words.accept("TABLE") else { return }
    _ = words.accept("IF", "NOT", "EXISTS") || words.accept("IF", "EXISTS")
    guard let name = words.tableName(event.database) else { return }
    if creates { temporaries.insert(name) } else { temporaries.remove(name) }
  }
}
