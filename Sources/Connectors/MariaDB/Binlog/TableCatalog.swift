internal import Change

/// What the log has told so far about each table.
struct TableCatalog {
  struct Entry {
    /// The schema that the last table map had.
    var schema: TableSchema?
    /// The definition that fitted the last table map, or that a statement gave since.
    var hints: TableHints?
    /// A statement whose effect is seen only at the next table map.
    var pending: (kind: SchemaChange.Kind, statement: String)?
  }

  private(set) var entries: [TableName: Entry] = [:]
  /// The default character set of each database whose making the log tells.
  var charsets: [String: String] = [:]

  subscript(name: TableName) -> Entry {
    get { entries[name] ?? Entry() }
    set { entries[name] = newValue }
  }

  mutating func remove(_ name: TableName) -> Entry? { entries.removeValue(forKey: name) }

  func tables(in database: String) -> [TableName] { entries.keys.filter { $0.namespace == database }.sorted() }
}

extension BinlogDecoder {
  /// The schema and plan for a table map; when the schema differs from the last one, the difference is emitted.
  func resolve(_ map: TableMap, _ builder: BatchBuilder) throws -> (TableSchema, TablePlan) {
    var entry = catalog[map.name]
    var candidates: [TableHints] = []
    if let hints = entry.hints { candidates.append(hints) }
    // What a statement of the log gave is of this place; what the server says may be of a later one.
    let isMariaDB = format?.isMariaDB ?? true
    let isKnown = candidates.contains {
      SchemaResolver.fits($0, map) && SchemaResolver.tellsCharsets($0, map, isMariaDB: isMariaDB)
    }
    if !isKnown, let hints = provider?.hints(for: map.name, logHasNames: map.hasNames) {
      candidates.insert(hints, at: 0)
    }
    guard let charset = CharacterSet(named: options.charset) else {
      throw Failure(.configuration, "charset \"\(options.charset)\" is not known")
    }
    let settings = SchemaResolver.Settings(
      charset: charset, allowsUnnamed: options.allowsUnnamedColumns, swapsEveryUUID: format?.swapsEveryUUID ?? false,
      isMariaDB: isMariaDB)
    let version = (entry.schema?.version ?? 0) + 1
    var (schema, plan, hints) = try SchemaResolver(settings: settings)
      .resolve(map, candidates: candidates, version: version)
    if let known = entry.schema, known.hasSameShape(as: schema) {
      schema = known
    } else if entry.schema != nil || entry.pending != nil {
      emit(
        SchemaChange(
          kind: entry.pending?.kind ?? .alter, table: map.name, before: entry.schema, after: schema,
          statement: entry.pending?.statement ?? ""), builder)
    }
    if let hints { provider?.remember(hints, for: map.name) }
    entry = TableCatalog.Entry(schema: schema, hints: hints, pending: nil)
    catalog[map.name] = entry
    return (schema, plan)
  }

  func emit(_ change: SchemaChange, _ builder: BatchBuilder) {
    guard let open = transaction, !open.isSuppressed else { return }
    ensureBegun(builder)
    transaction?.holdsDefinition = true
    builder.append(change, time: open.time, logOffset: eventOffset)
  }
}

extension FormatDescription {
  /// Whether the writer stores UUIDs of every version with their groups swapped (before MDEV-29959).
  var swapsEveryUUID: Bool {
    guard isMariaDB else { return false }
    switch (version.major, version.minor) {
    case (10, 7), (10, 8): return version.minor == 7 || version.patch < 8
    case (10, 9): return version.patch < 8
    case (10, 10): return version.patch < 6
    case (10, 11): return version.patch < 5
    case (11, 0): return version.patch < 3
    case (11, 1): return version.patch < 2
    default: return false
    }
  }
}
