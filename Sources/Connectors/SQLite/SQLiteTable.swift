import Change
import Pipeline
import SQLRendering
import SQLiteDatabase

/// One table of the target with the statements that write it and the changes that wait for it.
///
/// *Thread*: its sink's. Made anew whenever the shape of the table changes on either side.
final class SQLiteTable {
  let schema: TableSchema
  /// The table's name at the target, quoted.
  let target: String
  let connection: SQLiteConnection
  /// The columns that are written, in the source's order.
  let columns: [SQLiteColumn]
  let keyColumns: [SQLiteColumn]
  /// Columns of the source that the target does not have and the policy leaves out.
  let leftOut: [Int]
  /// Whether the target has unique keys besides the source's key, so that rows may have to trade values.
  let hasOtherUniqueKeys: Bool
  /// What waits to be applied; nil for a table without a key, whose changes are applied one by one.
  let net: NetChange?
  let slots: TextSlots
  let shape: TargetShape
  /// Set when rows of several sources come to the table.
  var sharing: MergedTables? { didSet { net?.sharing = sharing } }
  /// The column that marks a row as deleted, by its index at the source; nil: what is deleted is gone.
  let mark: Int?
  /// Rows of `net` that were put aside since it was last empty.
  var quarantined: UInt64 = 0
  private let rowNumber: String
  private var statements: [StatementKey: Prepared] = [:]
  private var namedStatements: [String: Prepared] = [:]

  enum Form: UInt8, Hashable { case insert, upsert, update, delete, deleteOne, updateOne }

  private struct StatementKey: Hashable {
    var form: Form
    /// One bit a column that is set; empty: all of them.
    var columns: [UInt64]
  }

  /// A statement as a reference, so that it can be kept in a dictionary.
  final class Prepared {
    let statement: SQLiteStatement
    init(_ statement: consuming SQLiteStatement) { self.statement = statement }
  }

  init(
    schema: TableSchema, target: String, shape: TargetShape, columns: [SQLiteColumn], leftOut: [Int],
    connection: SQLiteConnection, segment: Segment, mark: Int? = nil
  ) {
    self.mark = mark
    self.schema = schema
    self.shape = shape
    self.target = target
    self.connection = connection
    self.columns = columns
    self.leftOut = leftOut
    keyColumns = schema.key.compactMap { index in columns.first { $0.index == index } }
    let key = Set(schema.key.map { schema.columns[$0].name.lowercased() })
    hasOtherUniqueKeys = shape.uniqueKeys.contains { Set($0) != key }
    net = schema.key.isEmpty ? nil : NetChange(schema: schema, segment: segment, mark: mark)
    slots = TextSlots(columns: schema.columns.count * 2)
    let names = Set(shape.columns.map { $0.name.lowercased() })
    rowNumber = ["rowid", "_rowid_", "oid"].first { !names.contains($0) } ?? ""
  }

  /// A table without a key needs the row's own number to take one of several equal rows.
  var canMatchRows: Bool { !rowNumber.isEmpty }

  /// The statement over all columns.
  func statement(_ form: Form) throws(SQLiteFailure) -> Prepared {
    try statement(StatementKey(form: form, columns: []), columns)
  }

  /// A statement that is made once, by its name.
  func statement(named name: String, _ text: () -> String) throws(SQLiteFailure) -> Prepared {
    if let known = namedStatements[name] { return known }
    let prepared = Prepared(try SQLiteStatement(connection, text()))
    namedStatements[name] = prepared
    return prepared
  }

  /// The statement over those columns that `isPresent` names.
  func statement(_ form: Form, where isPresent: (SQLiteColumn) -> Bool) throws(SQLiteFailure) -> (
    Prepared, [SQLiteColumn]
  ) {
    let present = columns.filter(isPresent)
    // By the columns of the source, of which the target may have fewer.
    var mask = [UInt64](repeating: 0, count: schema.columns.count / 64 + 1)
    for column in present { mask[column.index / 64] |= 1 << UInt64(column.index % 64) }
    return (try statement(StatementKey(form: form, columns: mask), present), present)
  }

  private func statement(_ key: StatementKey, _ present: [SQLiteColumn]) throws(SQLiteFailure) -> Prepared {
    if let known = statements[key] { return known }
    let prepared = Prepared(try SQLiteStatement(connection, sql(key.form, present, table: target)))
    statements[key] = prepared
    return prepared
  }

  /// The text of a statement; parameters are numbered in the order of `present`, then of the columns that find the row.
  func sql(_ form: Form, _ present: [SQLiteColumn], table: String) -> String {
    switch form {
    case .insert: insertText(present, table)
    case .upsert: insertText(present, table) + conflictText
    case .update: "UPDATE \(table) SET \(assignments(present)) WHERE \(keyMatch(from: present.count))"
    case .delete: "DELETE FROM \(table) WHERE \(keyMatch(from: 0))"
    case .deleteOne: "DELETE FROM \(table) WHERE \(rowNumber) = (\(firstEqual(table, from: 0)))"
    case .updateOne:
      "UPDATE \(table) SET \(assignments(present)) WHERE \(rowNumber) = (\(firstEqual(table, from: present.count)))"
    }
  }

  /// Sets every column: what the row image does not hold has the source's default, whatever the target's is.
  private func insertText(_ present: [SQLiteColumn], _ table: String) -> String {
    var values: [String] = []
    var parameter = 0
    for column in columns {
      // `present` has the order of `columns`.
      if parameter < present.count, present[parameter].index == column.index {
        parameter += 1
        values.append("?\(parameter)")
      } else {
        values.append(column.insertedDefault ?? "NULL")
      }
    }
    let names = columns.map(\.name).joined(separator: ", ")
    return "INSERT INTO \(table) (\(names)) VALUES (\(values.joined(separator: ", ")))"
  }

  private var conflictText: String {
    guard !keyColumns.isEmpty else { return "" }
    let key = keyColumns.map(\.name).joined(separator: ", ")
    let others = columns.filter { !$0.isKey }.map { "\($0.name) = excluded.\($0.name)" }
    let action = others.isEmpty ? "NOTHING" : "UPDATE SET \(others.joined(separator: ", "))"
    return " ON CONFLICT (\(key)) DO \(action)"
  }

  private func assignments(_ present: [SQLiteColumn]) -> String {
    // An image that holds nothing new still says that the row is there.
    guard !present.isEmpty else { return columns.first.map { "\($0.name) = \($0.name)" } ?? "" }
    return present.enumerated().map { "\($1.name) = ?\($0 + 1)" }.joined(separator: ", ")
  }

  private func keyMatch(from first: Int) -> String {
    keyColumns.enumerated().map { "\($1.name) = ?\(first + $0 + 1)" }.joined(separator: " AND ")
  }

  /// The oldest row that equals the image in every column, NULL being equal to NULL.
  private func firstEqual(_ table: String, from first: Int) -> String {
    let match = columns.enumerated().map { "\($1.name) IS ?\(first + $0 + 1)" }.joined(separator: " AND ")
    return "SELECT \(rowNumber) FROM \(table) WHERE \(match) ORDER BY \(rowNumber) LIMIT 1"
  }
}
