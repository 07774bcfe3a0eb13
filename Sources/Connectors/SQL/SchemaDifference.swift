package import Change

/// What has to be done to a table at the target so that its rows become what the source has made of its own.
package struct SchemaDifference {
  package struct Renaming {
    package var old: ColumnSchema
    package var new: Int
  }

  package private(set) var added: [Int] = []
  package private(set) var dropped: [ColumnSchema] = []
  package private(set) var renamed: [Renaming] = []
  /// Columns whose values may change: the column before, and the index of the one after.
  package private(set) var retyped: [Renaming] = []
  package private(set) var changesKey = false

  /// For each column of `after` the index of the column of `before` that it was; nil: it is new.
  package let origins: [Int?]
  package let after: TableSchema

  package init(before: TableSchema, after: TableSchema, words: StatementWords) throws(Failure) {
    self.after = after
    let pairs = words.renamedColumns.filter { $0.old.lowercased() != $0.new.lowercased() }
    var origins: [Int?] = []
    for column in after.columns {
      origins.append(SchemaDifference.origin(of: column, in: before, pairs, words))
    }
    self.origins = origins
    for (index, origin) in origins.enumerated() {
      guard let origin else {
        added.append(index)
        continue
      }
      let old = before.columns[origin]
      let new = after.columns[index]
      if old.name.lowercased() != new.name.lowercased() { renamed.append(Renaming(old: old, new: index)) }
      if old.type != new.type || old.charset != new.charset || (old.isNullable && !new.isNullable)
        || new.becomesPadded(from: old)
      {
        retyped.append(Renaming(old: old, new: index))
      }
    }
    dropped = before.columns.indices.filter { !origins.contains($0) }.map { before.columns[$0] }
    changesKey = before.key != after.key.compactMap { origins[$0] } || before.key.count != after.key.count
    if words.isEmpty { try refuseAmbiguity(before) }
  }

  private static func origin(
    of column: ColumnSchema, in before: TableSchema, _ pairs: [(old: String, new: String)], _ words: StatementWords
  ) -> Int? {
    let name = column.name.lowercased()
    let origin = pairs.first { $0.new.lowercased() == name }?.old.lowercased() ?? name
    // A column whose name went to another is not the one that has that name now.
    if origin == name, pairs.contains(where: { $0.old.lowercased() == name }) || words.replaces(column: name) {
      return nil
    }
    return before.columns.firstIndex { $0.name.lowercased() == origin }
  }

  /// Without the statement a renamed column looks like a dropped and an added one.
  private func refuseAmbiguity(_ before: TableSchema) throws(Failure) {
    for index in added where before.columns.indices.contains(index) {
      let old = before.columns[index]
      guard old.type == after.columns[index].type, dropped.contains(where: { $0.name == old.name }) else { continue }
      throw Failure(
        .schemaChange,
        "column \"\(old.name)\" was renamed to \"\(after.columns[index].name)\", or dropped and added anew",
        at: "table \"\(before.name)\"", hint: "change the target by hand, or take a new snapshot of the table")
    }
  }
}

extension ColumnSchema {
  /// Whether the column is a CHAR now and was another text before: the source drops the spaces at the end of its values.
  package func becomesPadded(from old: ColumnSchema) -> Bool {
    guard case .text = type, case .text = old.type, !old.nativeType.isEmpty else { return false }
    return isPadded && !old.isPadded
  }

  private var isPadded: Bool {
    let native = nativeType.lowercased()
    return native == "char" || native.hasPrefix("char(") || native.hasPrefix("char ") || native.hasPrefix("nchar")
  }
}
