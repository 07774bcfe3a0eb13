internal import Change

/// Makes a table's schema, and the plan to read its rows, from a table map and the table's definition where it is known.
struct SchemaResolver {
  /// What the decoder knows of the log and was told by its owner.
  struct Settings {
    var charset: CharacterSet
    /// Whether columns without a name are called `@1`, `@2`… rather than refused.
    var allowsUnnamed: Bool
    var swapsEveryUUID: Bool
    var isMariaDB = true
  }

  var settings: Settings

  /// - Parameter candidates: definitions to try, the most trusted first; one that does not fit the map is passed over.
  func resolve(
    _ map: TableMap, candidates: [TableHints], version: UInt32
  ) throws(Failure) -> (schema: TableSchema, plan: TablePlan, hints: TableHints?) {
    let hints = candidates.map { $0.withCharsets(isMariaDB: settings.isMariaDB) }.first { SchemaResolver.fits($0, map) }
    if !map.hasNames, hints == nil, !map.columns.isEmpty {
      if let mismatch = candidates.first { throw SchemaResolver.mismatch(map, mismatch) }
      if !settings.allowsUnnamed {
        throw Failure(
          .schemaMismatch, "the log has no column names of table \"\(map.name)\", and its definition is not known",
          hint: "SET GLOBAL binlog_row_metadata=FULL at the server")
      }
    }
    let plan = TablePlan()
    plan.swapsEveryUUID = settings.swapsEveryUUID
    let resolver = ColumnResolver(plan: plan, fallbackCharset: settings.charset)
    var columns: [ColumnSchema] = []
    for (index, column) in map.columns.enumerated() {
      let hint = hints?.columns[index]
      let (type, decoder) = resolver.resolve(column, hint: hint, index: index)
      plan.decoders.append(decoder)
      columns.append(SchemaResolver.column(column, type, hint, index))
    }
    let key = SchemaResolver.key(map, columns, hints)
    let unique = (hints?.uniqueKeys ?? []).compactMap { hints?.indexes(of: $0) }.filter { $0 != key.indexes }
    let schema = TableSchema(
      name: map.name, columns: columns, key: key.indexes, keyIsPrimary: key.isPrimary, uniqueKeys: unique,
      indexes: hints?.tableIndexes, version: version)
    return (schema, plan, hints)
  }

  private static func column(
    _ column: TableMap.Column, _ type: ColumnType, _ hint: TableHints.Column?, _ index: Int
  ) -> ColumnSchema {
    let isText: Bool
    switch type {
    case .text, .enumeration, .set, .json: isText = true
    default: isText = false
    }
    let charset = column.collation.flatMap { CharacterSet(collation: $0)?.name } ?? hint?.charset?.lowercased()
    return ColumnSchema(
      name: column.name ?? hint?.name ?? "@\(index + 1)", type: type, isNullable: column.isNullable,
      nativeType: hint?.nativeType ?? "", defaultValue: hint?.defaultValue, generation: hint?.generation ?? .no,
      isInvisible: hint?.isInvisible ?? column.isInvisible, charset: isText ? charset : nil,
      collation: isText ? hint?.collation : nil, generationExpression: hint?.generationExpression,
      isAutoIncrement: hint?.isAutoIncrement ?? false)
  }

  /// The log's word on which columns are the key stands over the definition's; only the definition tells a primary key
  /// from a unique one that stands in for it.
  private static func key(
    _ map: TableMap, _ columns: [ColumnSchema], _ hints: TableHints?
  ) -> (indexes: [Int], isPrimary: Bool) {
    let defined = hints?.key { columns[$0].isNullable }
    guard let logged = map.key else { return defined ?? ([], true) }
    if let defined, Set(defined.indexes) == Set(logged) { return (logged, defined.isPrimary) }
    return (logged, true)
  }

  private static func mismatch(_ map: TableMap, _ hints: TableHints) -> Failure {
    let difference =
      hints.columns.count != map.columns.count
      ? "\(map.columns.count) columns in the log, \(hints.columns.count) in the definition"
      : "column \"\(zip(hints.columns, map.columns).first { !fits($0, $1) }?.0.name ?? "?")\" has another type"
    return Failure(
      .schemaMismatch, "the known definition of table \"\(map.name)\" does not fit its log: \(difference)",
      hint: "SET GLOBAL binlog_row_metadata=FULL at the server, so that the log carries names and types")
  }

  /// Whether the definition can be the one of the table that the map describes.
  static func fits(_ hints: TableHints, _ map: TableMap) -> Bool {
    hints.columns.count == map.columns.count && zip(hints.columns, map.columns).allSatisfy { fits($0, $1) }
  }

  /// Whether the definition, or else the log, names the character set of each text.
  static func tellsCharsets(_ hints: TableHints, _ map: TableMap, isMariaDB: Bool) -> Bool {
    zip(hints.withCharsets(isMariaDB: isMariaDB).columns, map.columns).allSatisfy { hint, column in
      column.collation != nil || hint.charset != nil || !hint.isText
    }
  }

  private static func fits(_ hint: TableHints.Column, _ column: TableMap.Column) -> Bool {
    if let name = column.name, name != hint.name, name.lowercased() != hint.name.lowercased() { return false }
    if let isNullable = hint.isNullable, isNullable != column.isNullable { return false }
    let native = NativeType(hint.nativeType)
    if let unsigned = column.isUnsigned, column.type != .year, unsigned != native.isUnsigned { return false }
    return fits(native, column, charset: hint.charset)
  }
}
