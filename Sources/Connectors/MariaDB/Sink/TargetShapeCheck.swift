internal import Change

/// Compares a table at the target with what the source's rows need, before anything is written to it.
struct TargetShapeCheck {
  struct Fit {
    var columns: [TargetColumn] = []
    /// The source's columns that the target does not have.
    var leftOut: [Int] = []
  }

  let schema: TableSchema
  let shape: TargetShape
  let target: TableName
  let server: TargetServer
  let sharesDialect: Bool
  /// Whether columns that the target does not have are left out rather than refused.
  let allowsMissing: Bool

  func fit() throws(Failure) -> Fit {
    guard shape.engine.lowercased() == "innodb" else {
      throw failure(
        "the target's table is stored by \(shape.engine), which has no transactions",
        hint: "ALTER TABLE \(try TargetText.name(target)) ENGINE=InnoDB")
    }
    var fit = Fit()
    for index in schema.columns.indices {
      switch try match(index) {
      case .written(let column): fit.columns.append(column)
      case .computed: break
      case .missing: fit.leftOut.append(index)
      }
    }
    try checkExtraColumns()
    let key = schema.key.map { schema.columns[$0].name }
    guard key.isEmpty || shape.hasUniqueKey(key) else {
      throw failure(
        "the target has no unique key on \(key.map { "\"\($0)\"" }.joined(separator: ", "))",
        hint: "ALTER TABLE \(try TargetText.name(target)) ADD \(shape.hasPrimaryKey ? "UNIQUE" : "PRIMARY") KEY "
          + "(\(try names(key)))")
    }
    return fit
  }

  private enum Match {
    case written(TargetColumn)
    case computed
    case missing
  }

  private func match(_ index: Int) throws(Failure) -> Match {
    let source = schema.columns[index]
    guard let found = shape.column(source.name) else {
      if allowsMissing, !schema.key.contains(index) { return .missing }
      throw failure(
        "the target has no column \"\(source.name)\"", hint: try mend("ADD COLUMN", index))
    }
    if found.isGenerated {
      guard source.generation != .no else {
        throw failure(
          "column \"\(source.name)\" of the target is generated, and its values would not be the source's",
          hint: try mend("MODIFY COLUMN", index))
      }
      return .computed
    }
    if let reason = ValueFit(source: source, target: found, isKey: isKey(index)).refusal {
      throw failure(
        "column \"\(source.name)\" of the target is declared \(found.nativeType), which \(reason)",
        hint: try mend("MODIFY COLUMN", index))
    }
    return .written(try TargetColumn(index, of: schema, at: found))
  }

  private func isKey(_ index: Int) -> Bool {
    schema.key.contains(index) || schema.uniqueKeys.contains { $0.contains(index) }
  }

  private func mend(_ action: String, _ index: Int) throws(Failure) -> String {
    var remarks: [ColumnDefinition.Remark] = []
    let column = schema.columns[index]
    let definition = ColumnDefinition(
      column: column, isKey: isKey(index), server: server, sharesDialect: sharesDialect)
    return "ALTER TABLE \(try TargetText.name(target)) \(action) \(try TargetText.name(column.name)) "
      + (try definition.text(&remarks, allowsAutoIncrement: false))
  }

  /// Columns that only the target has must fill themselves.
  private func checkExtraColumns() throws(Failure) {
    let known = Set(schema.columns.map { $0.name.lowercased() })
    for column in shape.columns where !known.contains(column.name.lowercased()) {
      guard !column.isNullable, !column.hasDefault, !column.isGenerated, !column.isAutoIncrement else { continue }
      throw failure(
        "column \"\(column.name)\", which the source does not have, is NOT NULL without a default",
        hint: "give it a default")
    }
  }

  private func names(_ names: [String]) throws(Failure) -> String {
    var quoted: [String] = []
    for name in names { quoted.append(try TargetText.name(name)) }
    return quoted.joined(separator: ", ")
  }

  private func failure(_ message: String, hint: String) -> Failure {
    Failure(.targetShape, message, at: "table \"\(schema.name)\"", hint: hint)
  }
}
