import Change

extension TableSchema {
  /// The same table under another name.
  func named(_ name: TableName) -> TableSchema {
    guard name != self.name else { return self }
    return TableSchema(
      name: name, columns: columns, key: key, keyIsPrimary: keyIsPrimary, uniqueKeys: uniqueKeys, indexes: indexes,
      version: version)
  }

  /// The index of a column. Systems tell columns apart without regard to case; the exact spelling decides first.
  func column(named name: String) -> Int? {
    if let exact = columns.firstIndex(where: { $0.name == name }) { return exact }
    let folded = name.lowercased()
    return columns.firstIndex { $0.name.lowercased() == folded }
  }
}

extension TableSchema {
  /// The table with some of its columns, in another order and under other names; the key is among them.
  ///
  /// Indexes that need a column that is gone go with it. Generated columns become plain ones: their expressions may name what
  /// is not there, and their values come with the rows.
  func projected(_ chosen: [(index: Int, name: String)]) -> TableSchema {
    var places = [Int?](repeating: nil, count: columns.count)
    for (place, column) in chosen.enumerated() { places[column.index] = place }
    let columns = chosen.map { entry in
      var column = self.columns[entry.index].holdingValues
      column.name = entry.name
      return column
    }
    let indexes = self.indexes?.compactMap { index -> TableIndex? in
      let parts = index.parts.compactMap { part in
        places[part.column].map { TableIndex.Part(column: $0, prefix: part.prefix) }
      }
      return parts.count == index.parts.count
        ? TableIndex(name: index.name, kind: index.kind, parts: parts) : nil
    }
    let uniqueKeys = self.uniqueKeys.compactMap { key -> [Int]? in
      let mapped = key.compactMap { places[$0] }
      return mapped.count == key.count ? mapped : nil
    }
    return TableSchema(
      name: name, columns: columns, key: key.compactMap { places[$0] }, keyIsPrimary: keyIsPrimary,
      uniqueKeys: uniqueKeys, indexes: indexes, version: version)
  }
}

extension ColumnSchema {
  /// The same column, which takes its values from the rows.
  var holdingValues: ColumnSchema {
    guard generation != .no else { return self }
    var column = self
    column.generation = .no
    column.generationExpression = nil
    return column
  }
}
