import Change

extension SchemaChange {
  /// The change of one part of a merged table as the whole table can bear it: what is added must suit the rows of parts that
  /// have not been changed yet, and what is dropped stays for them.
  ///
  /// - Returns: the change, and the names of the columns that stay although this part has dropped them.
  /// - Throws: `.schemaChange` where values would be lost: a renamed column, one that is dropped and added again, the key.
  func ofPart(_ part: TableName) throws(Failure) -> (change: SchemaChange, kept: [String]) {
    guard kind == .alter || kind == .rename, let before, let after else { return (self, []) }
    let gone = before.columns.filter { after.column(named: $0.name) == nil }
    let added = after.columns.indices.filter { before.column(named: after.columns[$0].name) == nil }
    try refuseLoss(part, gone: gone, isAdding: !added.isEmpty)
    var columns = after.columns
    for index in added where !columns[index].isNullable && columns[index].defaultValue == nil && !words.declaresDefault
    {
      if let text = columns[index].type.implicitLiteral {
        columns[index].defaultValue = .literal(text)
      } else {
        columns[index].isNullable = true
      }
    }
    guard !gone.isEmpty || columns != after.columns else { return (self, []) }
    var change = self
    change.after = after.keeping(gone, of: before, columns)
    if !gone.isEmpty { change.statement = "" }
    return (change, gone.map(\.name))
  }

  private func refuseLoss(_ part: TableName, gone: [ColumnSchema], isAdding: Bool) throws(Failure) {
    guard let before else { return }
    let renamed = words.renamedColumns.first { $0.old.lowercased() != $0.new.lowercased() }?.old
    let replaced = before.columns.first { words.replaces(column: $0.name) }?.name
    let key = gone.first { column in before.key.contains { before.columns[$0].name == column.name } }?.name
    // Without the statement a renamed column looks like a dropped and an added one.
    let unclear = words.isEmpty && isAdding ? gone.first?.name : nil
    guard let column = renamed ?? replaced ?? key ?? unclear else { return }
    throw Failure(
      .schemaChange,
      "column \"\(column)\" was renamed, replaced or taken out of the key in a table that is only a part of \"\(table)\"",
      at: "table \"\(part)\"",
      hint: "change all parts and the target by hand to the same shape, and take a new snapshot of them")
  }
}

extension TableSchema {
  /// This schema with other columns in its places, and with columns that it has no more, behind those that they followed.
  fileprivate func keeping(_ gone: [ColumnSchema], of before: TableSchema, _ columns: [ColumnSchema]) -> TableSchema {
    var places = columns.indices.map { (column: columns[$0], index: Int?.some($0)) }
    for var column in gone {
      let old = before.columns.firstIndex(of: column) ?? 0
      let previous = old == 0 ? nil : before.columns[old - 1].name.lowercased()
      let place = places.firstIndex { $0.column.name.lowercased() == previous }.map { $0 + 1 } ?? 0
      column = column.holdingValues
      column.isNullable = true
      column.defaultValue = nil
      column.isAutoIncrement = false
      places.insert((column, nil), at: place)
    }
    var moved = [Int](repeating: 0, count: columns.count)
    for (place, entry) in places.enumerated() { if let index = entry.index { moved[index] = place } }
    return TableSchema(
      name: name, columns: places.map(\.column), key: key.map { moved[$0] }, keyIsPrimary: keyIsPrimary,
      uniqueKeys: uniqueKeys.map { $0.map { moved[$0] } },
      indexes: indexes?.map { index in
        TableIndex(
          name: index.name, kind: index.kind,
          parts: index.parts.map { TableIndex.Part(column: moved[$0.column], prefix: $0.prefix) })
      }, version: version)
  }
}

extension ColumnType {
  /// What a column of this type that cannot be NULL and has no default holds in the rows that were there when it was added;
  /// nil for types of which systems make different values.
  var implicitLiteral: String? {
    switch self {
    case .boolean, .integer, .decimal, .unboundedDecimal, .float32, .float64, .year: "0"
    case .text, .set: ""
    case .bytes(_, let isPadded): isPadded ? nil : ""
    case .enumeration(let members): members.first
    default: nil
    }
  }
}
