internal import Change

extension BinlogDecoder {
  /// Carries out a definition in the catalog and emits what it changes.
  func apply(_ definition: DataDefinition, _ text: [UInt8], _ event: QueryEvent, _ builder: BatchBuilder) throws {
    let statement = String(decoding: text.prefix(1 << 20), as: UTF8.self)
    switch definition {
    case .createTable(let name, let definition, let like, let replaces, let ifNotExists):
      // A copy has the defaults of its original, another table those of its database.
      var hints = like.map { remembered($0).hints } ?? definition
      if like == nil, hints?.charset == nil { hints?.charset = charset(of: name.namespace) }
      create(name, hints, replaces, ifNotExists, statement, builder)
    case .createFilledTable(let name, let ifNotExists):
      if isReplicated(name), !(ifNotExists && isThere(name)) { throw statementFailure("CREATE TABLE … SELECT") }
    case .dropTables(let names): for name in names { drop(name, statement, builder) }
    case .dropDatabase(let database):
      let remembered = provider?.rememberedTables(in: database) ?? []
      for name in Set(catalog.tables(in: database) + remembered).sorted() { drop(name, statement, builder) }
      define(database, charset: nil)
    case .truncateTable(let name):
      let schema = catalog[name].schema
      guard options.isWanted(name) else { return }
      emit(SchemaChange(kind: .truncate, table: name, before: schema, after: schema, statement: statement), builder)
    case .renameTables(let pairs): try rename(pairs, statement, builder)
    case .alterTable(let name, let alterations, let newName):
      try alter(name, alterations, statement, builder)
      if let newName { try rename([(name, newName)], statement, builder) }
    case .createIndex(let name, let index): try alter(name, [.addIndex(index)], statement, builder)
    case .dropIndex(let name, let index): try alter(name, [.dropIndex(index)], statement, builder)
    case .createDatabase(let name, let charset, let ifNotExists):
      if ifNotExists, self.charset(of: name) != nil { break }
      let server = event.serverCollation.flatMap { CharacterSet(collation: $0)?.name }
      define(name, charset: charset ?? server)
    case .alterDatabase(let name, let charset): if let charset { define(name, charset: charset) }
    case .other: noteTemporary(text, event)
    }
    tables.removeAll()
  }

  /// The character set that a table of the database has when it names none; nil: the log has not told.
  private func charset(of database: String) -> String? {
    catalog.charsets[database] ?? provider?.rememberedCharset(of: database)
  }

  private func define(_ database: String, charset: String?) {
    catalog.charsets[database] = charset
    provider?.defineDatabase(database, charset: charset)
  }

  /// Whether what a statement does to a table must reach the sinks.
  private func isReplicated(_ name: TableName) -> Bool { options.isWanted(name) && !phase.isSuppressed }

  /// Whether a table is known to have been there before the statement at hand.
  private func isThere(_ name: TableName) -> Bool {
    let entry = catalog[name]
    return entry.schema != nil || entry.pending != nil || provider?.earlierHints(for: name) != nil
  }

  private func create(
    _ name: TableName, _ hints: TableHints?, _ replaces: Bool, _ ifNotExists: Bool, _ statement: String,
    _ builder: BatchBuilder
  ) {
    temporaries.remove(name)
    guard options.isWanted(name) else { return }
    // The server logs CREATE TABLE IF NOT EXISTS for a table that exists, too.
    if ifNotExists, !replaces, isThere(name) { return }
    if catalog[name].schema != nil || replaces && isThere(name) { drop(name, statement, builder) }
    place(name, TableCatalog.Entry(hints: hints), .create, statement, builder)
  }

  private func alter(
    _ name: TableName, _ alterations: [DataDefinition.Alteration]?, _ statement: String, _ builder: BatchBuilder
  ) throws {
    for case .changeRows(let what, let other) in alterations ?? [] {
      guard let table = [name, other].compactMap({ $0 }).first(where: isReplicated) else { continue }
      throw Failure(
        .schemaChange, "ALTER TABLE … \(what) changed rows of table \"\(table)\" that the log does not hold",
        hint: "take a new snapshot; DELETE rows before a partition goes, and INSERT … SELECT what comes")
    }
    guard options.isWanted(name) else { return }
    var entry = remembered(name)
    guard entry.schema != nil || entry.pending != nil else {
      // Not met so far: the next table map asks for the definition, and must not get one from before the statement.
      provider?.forget(name)
      return
    }
    let altered = alterations.flatMap { entry.hints?.applying($0) }
    if let altered, altered == entry.hints { return }
    entry.hints = altered
    place(name, entry, .alter, statement, builder)
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

  /// Enters what a statement makes of a table. Where the definition tells all of the schema it is emitted and remembered;
  /// where it does not, the next table map does, and what was remembered holds no longer.
  private func place(
    _ name: TableName, _ entry: TableCatalog.Entry, _ kind: SchemaChange.Kind, _ statement: String,
    _ builder: BatchBuilder
  ) {
    var entry = entry
    let version = (entry.schema?.version ?? 0) + 1
    let isMariaDB = format?.isMariaDB ?? true
    guard let hints = entry.hints,
      let schema = SchemaResolver.schema(of: name, hints, version: version, isMariaDB: isMariaDB)
    else {
      if entry.pending == nil { entry.pending = (kind, statement) }
      catalog[name] = entry
      provider?.forget(name)
      return
    }
    if let known = entry.schema, known.hasSameShape(as: schema), known.indexes == schema.indexes {
      entry.schema = known
    } else {
      emit(
        SchemaChange(
          kind: entry.pending?.kind ?? kind, table: name, before: entry.schema, after: schema, statement: statement),
        builder)
      entry.schema = schema
    }
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

  private func rename(
    _ pairs: [(from: TableName, to: TableName)], _ statement: String, _ builder: BatchBuilder
  ) throws {
    // What the statement itself took from a wanted name is at the target with all of its rows.
    var carried: Set<TableName> = []
    for (old, name) in pairs {
      let isCarried = options.isWanted(old) || carried.contains(old)
      guard isCarried || !isReplicated(name) else {
        throw Failure(
          .schemaChange, "table \"\(old)\", whose rows are not replicated, was renamed to \"\(name)\", whose rows are",
          hint: "take a new snapshot; a tool that alters tables by a copy needs the copy's name in `tables`, too")
      }
      if isCarried { carried.insert(name) }
      rename(old, name, statement, builder)
    }
  }

  private func rename(_ old: TableName, _ name: TableName, _ statement: String, _ builder: BatchBuilder) {
    var entry = remembered(old)
    _ = catalog.remove(old)
    provider?.forget(old)
    let before = entry.schema
    entry.schema = before.map {
      TableSchema(
        name: name, columns: $0.columns, key: $0.key, keyIsPrimary: $0.keyIsPrimary, uniqueKeys: $0.uniqueKeys,
        indexes: $0.indexes, version: $0.version + 1)
    }
    catalog[name] = entry
    if let hints = entry.hints, entry.pending == nil {
      provider?.define(name, as: hints)
    } else {
      provider?.forget(name)
    }
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
