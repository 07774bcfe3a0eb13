import Change
import SQLRendering

/// Compares a table at the target with what the source's rows need, before anything is written to it.
struct ShapeCheck {
  let schema: TableSchema
  let shape: TargetShape
  let target: String
  let unsigned64: Unsigned64Policy
  /// Whether columns that the target does not have are left out rather than refused.
  let allowsMissing: Bool

  /// The columns to write, and the source's columns that the target does not have.
  func fit() throws(Failure) -> (columns: [SQLiteColumn], leftOut: [Int]) {
    var columns: [SQLiteColumn] = []
    var leftOut: [Int] = []
    for index in schema.columns.indices {
      if let column = try match(index) { columns.append(column) } else { leftOut.append(index) }
    }
    try checkExtraColumns()
    let key = schema.key.map { schema.columns[$0].name }
    guard key.isEmpty || shape.hasUniqueKey(key) else {
      throw failure(
        "the target has no unique key on \(key.map { "\"\($0)\"" }.joined(separator: ", "))",
        hint: "CREATE UNIQUE INDEX … ON \(try quoted(target)) (\(try SQLDialect.sqlite.quoted(key)))")
    }
    return (columns, leftOut)
  }

  private func match(_ index: Int) throws(Failure) -> SQLiteColumn? {
    let source = schema.columns[index]
    let storage = source.type.storage(unsigned64)
    guard let found = shape.column(source.name) else {
      if allowsMissing, !schema.key.contains(index) { return nil }
      throw failure(
        "the target has no column \"\(source.name)\"",
        hint: "ALTER TABLE \(try quoted(target)) ADD COLUMN \(try quoted(source.name)) \(storage.rawValue)")
    }
    guard found.holds(storage), !found.isGenerated else {
      throw failure(
        "column \"\(source.name)\" of the target is \(found.isGenerated ? "generated" : "declared \(found.declaredType)"), "
          + "which cannot keep the source's values exactly",
        hint: "declare it \(storage.rawValue)")
    }
    return SQLiteColumn(index: index, name: try quoted(found.name), schema: schema, unsigned64: unsigned64)
  }

  /// Columns that only the target has must fill themselves.
  private func checkExtraColumns() throws(Failure) {
    let names = Set(schema.columns.map { $0.name.lowercased() })
    for column in shape.columns where !names.contains(column.name.lowercased()) {
      guard column.isNotNull, column.defaultText == nil, !column.isGenerated,
        column.keyOrdinal == 0 || schema.key.isEmpty
      else { continue }
      throw failure(
        "column \"\(column.name)\", which the source does not have, is NOT NULL without a default",
        hint: "give it a default")
    }
  }

  private func quoted(_ name: String) throws(Failure) -> String { try SQLDialect.sqlite.quoted(name) }

  private func failure(_ message: String, hint: String) -> Failure {
    Failure(.targetShape, message, at: "table \"\(schema.name)\"", hint: hint)
  }
}
