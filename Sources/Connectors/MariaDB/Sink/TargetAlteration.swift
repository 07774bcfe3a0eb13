internal import Change
internal import MariaDBClient
internal import SQLRendering

/// Changes one table at the target as the source has changed its own: one ALTER TABLE, which happens whole or not at all.
///
/// Rendered from the difference of the two schemas, never from the source's text. A type that the server of the source has
/// converted is converted by the same server kind in the same way; what it cannot know it refuses while there are rows.
struct TargetAlteration {
  /// What is to be run.
  struct Plan {
    /// The parts of the one ALTER TABLE; empty: there is nothing to do.
    var clauses: [String] = []
    /// A statement behind it that may be repeated without harm; empty: there is none.
    var followUp = ""
    /// Names of columns in their order afterwards; nil: no column is renamed.
    var renamedOrder: [String]?
    var remarks: [ColumnDefinition.Remark] = []
  }

  let connection: MariaDBConnection
  let server: TargetServer
  let sharesDialect: Bool
  /// The table before the change, at the target.
  let target: TableName
  let shape: TargetShape
  let before: TableSchema
  let difference: SchemaDifference
  let words: StatementWords
  /// Whether nothing is ever taken away: dropped columns stay, a renamed one is copied into a new one.
  let isLenient: Bool
  /// The condition of rows that the source has now; nil: all of them. What the source did not have it did not change.
  let liveRows: String?
  /// Whether indexes that are not unique follow the source's.
  let keepsIndexes: Bool

  var after: TableSchema { difference.after }
  private var newDefinition: TargetTableDefinition { definition(after) }
  private var oldDefinition: TargetTableDefinition { definition(before) }

  private func definition(_ schema: TableSchema) -> TargetTableDefinition {
    TargetTableDefinition(schema: schema, server: server, sharesDialect: sharesDialect, includesIndexes: true)
  }

  /// What the schema was, as far as the target tells: its columns, with the types that the source has now.
  static func assumed(before after: TableSchema, _ shape: TargetShape) -> TableSchema {
    let indexes = after.columns.indices.filter { shape.column(after.columns[$0].name) != nil }
    let key = after.key.compactMap { indexes.firstIndex(of: $0) }
    return TableSchema(
      name: after.name, columns: indexes.map { after.columns[$0] }, key: key.count == after.key.count ? key : [],
      keyIsPrimary: after.keyIsPrimary)
  }

  func plan() throws(Failure) -> Plan {
    var plan = Plan()
    try dropIndexes(&plan)
    try dropColumns(&plan)
    try changeColumns(&plan)
    try changeKey(&plan)
    try addIndexes(&plan)
    if newDefinition.hasOneCollation, oldDefinition.hasOneCollation {
      let charset = try newDefinition.tableCharset()
      if charset != (try oldDefinition.tableCharset()) { plan.clauses.append(String(charset.dropFirst())) }
    }
    if !difference.renamed.isEmpty { plan.renamedOrder = after.columns.map { $0.name.lowercased() } }
    return plan
  }

  // MARK: Columns

  private func dropColumns(_ plan: inout Plan) throws(Failure) {
    for column in difference.dropped where shape.column(column.name) != nil {
      let name = try TargetText.name(column.name)
      if isLenient { try relax(column, name, &plan) } else { plan.clauses.append("DROP COLUMN \(name)") }
    }
  }

  /// A column that stays without the source's must fill itself.
  private func relax(_ column: ColumnSchema, _ name: String, _ plan: inout Plan) throws(Failure) {
    guard let found = shape.column(column.name), !found.isGenerated else { return }
    // A mode that keeps what was must not invent: rows from here on have no value.
    if liveRows == nil, found.isNullable || found.hasDefault { return }
    var free = column
    free.isNullable = true
    free.defaultValue = nil
    free.isAutoIncrement = false
    let text = try ColumnDefinition(column: free, isKey: false, server: server, sharesDialect: sharesDialect)
      .text(&plan.remarks)
    plan.clauses.append("MODIFY COLUMN \(name) \(text)")
  }

  private func changeColumns(_ plan: inout Plan) throws(Failure) {
    let isReordered = changesOrder
    var copies: [String] = []
    for index in after.columns.indices {
      let column = after.columns[index]
      let name = try TargetText.name(column.name)
      let text = try newDefinition.definition(of: index, &plan.remarks)
      let place = try place(of: index, isReordered)
      guard let origin = difference.origins[index] else {
        if shape.column(column.name) == nil {
          try checkAddition(index)
          plan.clauses.append("ADD COLUMN \(name) \(text)\(place)")
        } else if isReplaced(column.name) {
          try checkAddition(index)
          plan.clauses.append("ADD COLUMN \(name) \(text)\(place)")
        }
        continue
      }
      let old = before.columns[origin]
      guard shape.column(old.name) != nil else { continue }
      let oldName = try TargetText.name(old.name)
      if isRenamed(index), isLenient {
        if shape.column(column.name) == nil { plan.clauses.append("ADD COLUMN \(name) \(text)\(place)") }
        try relax(old, oldName, &plan)
        copies.append("\(name) = \(oldName)")
        continue
      }
      try checkConversion(old, column)
      var ignored: [ColumnDefinition.Remark] = []
      let oldText = try oldDefinition.definition(of: origin, &ignored)
      if isRenamed(index) {
        plan.clauses.append("CHANGE COLUMN \(oldName) \(name) \(text)\(place)")
      } else if text != oldText || isReordered {
        plan.clauses.append("MODIFY COLUMN \(name) \(text)\(place)")
      }
    }
    if !copies.isEmpty {
      for column in shape.columns where column.updatesItself {
        let name = try TargetText.name(column.name)
        copies.append("\(name) = \(name)")
      }
      plan.followUp = "UPDATE \(try TargetText.name(target)) SET \(copies.joined(separator: ", "))"
    }
  }

  private func isRenamed(_ index: Int) -> Bool { difference.renamed.contains { $0.new == index } }

  /// Whether a column of that name goes in the same statement.
  private func isReplaced(_ name: String) -> Bool {
    !isLenient && difference.dropped.contains { $0.name.lowercased() == name.lowercased() }
      || difference.renamed.contains { $0.old.name.lowercased() == name.lowercased() }
  }

  /// Whether columns that stay have traded places.
  private var changesOrder: Bool {
    let kept = difference.origins.compactMap(\.self)
    return kept != kept.sorted()
  }

  /// ` AFTER …` where the column would not come to stand there by itself.
  private func place(of index: Int, _ isReordered: Bool) throws(Failure) -> String {
    let isNew = difference.origins[index] == nil || (isLenient && isRenamed(index))
    guard isReordered || isNew else { return "" }
    if !isReordered, after.columns[index...].indices.allSatisfy({ difference.origins[$0] == nil }) { return "" }
    // What the target does not have cannot be stood behind.
    let previous = after.columns[..<index].indices.last { earlier in
      difference.origins[earlier].map { shape.column(before.columns[$0].name) != nil } ?? true
    }
    guard let previous else { return " FIRST" }
    return " AFTER \(try TargetText.name(after.columns[previous].name))"
  }

  // MARK: Keys and indexes

  private func changeKey(_ plan: inout Plan) throws(Failure) {
    guard difference.changesKey || before.keyIsPrimary != after.keyIsPrimary else { return }
    let had = !before.key.isEmpty && before.keyIsPrimary && shape.hasPrimaryKey
    let has = !after.key.isEmpty && after.keyIsPrimary
    if had {
      // The server drops a key of which no column is left by itself.
      let isGone =
        !isLenient
        && before.key.allSatisfy { old in
          difference.dropped.contains { $0.name == before.columns[old].name }
        }
      if !isGone || has { plan.clauses.insert("DROP PRIMARY KEY", at: 0) }
    }
    guard has else { return }
    var names: [String] = []
    for index in after.key { names.append(try TargetText.name(after.columns[index].name)) }
    plan.clauses.append("ADD PRIMARY KEY (\(names.joined(separator: ", ")))")
  }

  /// An index as both schemas can be compared by it: its columns under the names that they have afterwards.
  private struct NamedIndex: Hashable {
    var name: String
    var kind: TableIndex.Kind
    var parts: [String]
  }

  private func named(_ index: TableIndex, _ names: (Int) -> String) -> NamedIndex {
    NamedIndex(
      name: index.name.lowercased(), kind: index.kind,
      parts: index.parts.map { "\(names($0.column))\u{0}\($0.prefix.map(String.init) ?? "")" })
  }

  private var oldIndexes: [(index: TableIndex, named: NamedIndex)] {
    oldDefinition.indexes.map { index in
      (
        index,
        named(index) { column in
          let now = difference.origins.firstIndex { $0 == column }
          return now.map { after.columns[$0].name.lowercased() } ?? ""
        }
      )
    }
  }

  private var newIndexes: [(index: TableIndex, named: NamedIndex)] {
    newDefinition.indexes.map { index in (index, named(index) { after.columns[$0].name.lowercased() }) }
  }

  /// Whether both schemas know their indexes; else only unique keys are compared.
  private var knowsIndexes: Bool { before.indexes != nil && after.indexes != nil }

  private func follows(_ index: TableIndex) -> Bool {
    index.kind == .unique || keepsIndexes && knowsIndexes
  }

  private func dropIndexes(_ plan: inout Plan) throws(Failure) {
    guard !isLenient || knowsIndexes else { return }
    let kept = newIndexes.map(\.named)
    for (index, named) in oldIndexes where follows(index) && !kept.contains(where: { isSame($0, named) }) {
      guard let name = nameAtTarget(index) else { continue }
      // The server drops it with the last of its columns.
      let columns = index.parts.map { before.columns[$0.column].name }
      if !isLenient, columns.allSatisfy({ column in difference.dropped.contains { $0.name == column } }) { continue }
      plan.clauses.append("DROP INDEX \(try TargetText.name(name))")
    }
  }

  private func addIndexes(_ plan: inout Plan) throws(Failure) {
    let had = oldIndexes.map(\.named)
    for (index, named) in newIndexes where follows(index) && !had.contains(where: { isSame($0, named) }) {
      let drop = index.name.isEmpty ? "" : "DROP INDEX \(try TargetText.name(index.name))"
      let isDropped = plan.clauses.contains(drop)
      guard isDropped || index.name.isEmpty || !shape.indexNames.contains(index.name.lowercased()) else { continue }
      if index.name.isEmpty, shape.hasUniqueKey(index.parts.map { after.columns[$0.column].name }) { continue }
      plan.clauses.append("ADD \(try newDefinition.indexDefinition(index))")
    }
  }

  /// Names count only where both have one.
  private func isSame(_ left: NamedIndex, _ right: NamedIndex) -> Bool {
    left.kind == right.kind && left.parts == right.parts
      && (left.name == right.name || left.name.isEmpty || right.name.isEmpty)
  }

  private func nameAtTarget(_ index: TableIndex) -> String? {
    if !index.name.isEmpty { return shape.indexNames.contains(index.name.lowercased()) ? index.name : nil }
    let columns = index.parts.map { before.columns[$0.column].name.lowercased() }
    return shape.uniqueIndexes.first { $0.columns == columns && $0.name.lowercased() != "primary" }?.name
  }
}
