internal import Change

extension TableHints {
  /// The definition after the alterations, or nil when one of them names what is not there.
  func applying(_ alterations: [DataDefinition.Alteration]) -> TableHints? {
    var result = self
    // The default holds for every column of the statement, wherever it stands there.
    for case .setCharset(let name, let collation) in alterations {
      guard result.set(charset: name, collation: collation) else { return nil }
    }
    var renames = Renames()
    for alteration in alterations {
      guard result.apply(alteration, &renames) else { return nil }
    }
    for (placeholder, name) in renames.pairs {
      guard let index = result.index(of: placeholder) else { return nil }
      result.columns[index].name = name
      result.renameInKeys(placeholder, name)
    }
    for name in result.primaryKey {
      guard let index = result.index(of: name) else { return nil }
      result.columns[index].isNullable = false
    }
    return result
  }

  /// New names, which all come at once: until the end of the statement a column has one that no other can have.
  private struct Renames {
    var pairs: [(placeholder: String, name: String)] = []

    mutating func placeholder(for name: String) -> String {
      pairs.append(("\u{0}\(pairs.count)", name))
      return pairs[pairs.count - 1].placeholder
    }
  }

  private mutating func apply(_ alteration: DataDefinition.Alteration, _ renames: inout Renames) -> Bool {
    switch alteration {
    case .add(let column, let place):
      guard index(of: column.name) == nil, let target = index(for: place, renames) else { return false }
      columns.insert(withDefaultCharset(column), at: target)
    case .change(let old, let column, let place): return change(old, column, place, &renames)
    case .drop(let name):
      guard let index = index(of: name) else { return false }
      columns.remove(at: index)
      primaryKey.removeAll { $0.lowercased() == name.lowercased() }
      uniqueKeys.removeAll { $0.contains { $0.lowercased() == name.lowercased() } }
      dropFromIndexes(name)
    case .rename(let old, let name):
      guard let index = index(of: old) else { return false }
      columns[index].name = renames.placeholder(for: name)
      renameInKeys(old, columns[index].name)
    case .addPrimaryKey(let names): primaryKey = names
    case .dropPrimaryKey: primaryKey = []
    case .addIndex(let index): add(index)
    case .dropIndex(let name): return drop(index: name)
    case .renameIndex(let old, let name):
      guard let place = indexes?.firstIndex(where: { $0.name.lowercased() == old.lowercased() }) else { break }
      indexes?[place].name = name
    case .forgetIndexes: indexes = nil
    case .setDefault(let name, let value):
      guard let index = index(of: name) else { return false }
      columns[index].defaultValue = value
    case .changeRows: return false
    case .setCharset, .nothing: break
    }
    return true
  }

  private mutating func change(
    _ old: String, _ column: Column, _ place: DataDefinition.Alteration.Place?, _ renames: inout Renames
  ) -> Bool {
    guard let index = index(of: old) else { return false }
    var column = withDefaultCharset(column)
    if column.name.lowercased() != old.lowercased() { column.name = renames.placeholder(for: column.name) }
    columns[index] = column
    renameInKeys(old, column.name)
    guard let place else { return true }
    columns.remove(at: index)
    guard let target = self.index(for: place, renames) else { return false }
    columns.insert(column, at: target)
    return true
  }

  /// The column with the character set that the table gives it now: another default does not change it later.
  private func withDefaultCharset(_ column: Column) -> Column {
    guard column.isText, !column.nativeType.hasPrefix("n"), column.charset == nil, let charset else { return column }
    var named = column
    named.charset = charset
    if named.collation == nil { named.collation = collation }
    return named
  }

  /// - Returns: false when columns that are there have the default until here, which is not known.
  private mutating func set(charset name: String, collation: String?) -> Bool {
    columns = columns.map(withDefaultCharset)
    let isKnown = columns.allSatisfy { !$0.isText || $0.charset != nil || $0.nativeType.hasPrefix("n") }
    charset = name
    self.collation = collation
    return isKnown
  }

  private mutating func renameInKeys(_ old: String, _ name: String) {
    func renamed(_ names: [String]) -> [String] { names.map { $0.lowercased() == old.lowercased() ? name : $0 } }
    primaryKey = renamed(primaryKey)
    uniqueKeys = uniqueKeys.map(renamed)
    indexes = indexes?.map { index in
      var index = index
      for place in index.parts.indices where index.parts[place].column.lowercased() == old.lowercased() {
        index.parts[place].column = name
      }
      return index
    }
  }

  /// The server drops a column out of its indexes, and an index with the last of its columns.
  private mutating func dropFromIndexes(_ column: String) {
    indexes = indexes?.compactMap { index in
      var index = index
      index.parts.removeAll { $0.column.lowercased() == column.lowercased() }
      return index.parts.isEmpty ? nil : index
    }
  }

  private mutating func drop(index name: String) -> Bool {
    if let place = indexes?.firstIndex(where: { $0.name.lowercased() == name.lowercased() }),
      let index = indexes?.remove(at: place)
    {
      let columns = index.parts.map { $0.column.lowercased() }
      guard index.kind == .unique, let key = uniqueKeys.firstIndex(where: { $0.map { $0.lowercased() } == columns })
      else { return true }
      uniqueKeys.remove(at: key)
      return true
    }
    // Without names keys are known by their columns: which one went cannot be told.
    guard uniqueKeys.isEmpty || !primaryKey.isEmpty else { return false }
    if indexes == nil { uniqueKeys = [] }
    return true
  }

  private func index(for place: DataDefinition.Alteration.Place, _ renames: Renames) -> Int? {
    switch place {
    case .last: columns.count
    case .first: 0
    case .after(let name):
      index(of: renames.pairs.last { $0.name.lowercased() == name.lowercased() }?.placeholder ?? name).map { $0 + 1 }
    }
  }
}
