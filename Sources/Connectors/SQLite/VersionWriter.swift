import Change
import SQLRendering
import SQLiteDatabase

/// Carries out changes in a table of versions: each is numbered by its transaction, begins there, and ends where the next
/// one of the same row begins.
///
/// A version is one row, so several changes of one transaction leave one version, whether or not they are applied together.
struct VersionWriter {
  let table: SQLiteTable
  let mode: TargetMode
  private let rows: RowWriter
  private let names: Names

  /// Quoted names of the columns that the mode adds, and the conditions that find versions.
  private struct Names {
    let validTo: String
    let isCurrent: String
    let version: String
  }

  init(table: SQLiteTable, mode: TargetMode) throws(Failure) {
    self.table = table
    self.mode = mode
    rows = RowWriter(table: table)
    names = Names(
      validTo: try SQLDialect.sqlite.quoted(mode.name(of: .validTo)),
      isCurrent: try SQLDialect.sqlite.quoted(mode.name(of: .isCurrent)),
      version: try SQLDialect.sqlite.quoted(mode.name(of: .version)))
  }

  /// Begins the version that `image` holds, and ends the one before it.
  /// - Parameter isNew: whether the source did not have the row before this transaction, and so no version holds.
  func begin(_ image: RowView, isNew: Bool) throws(RowFailure) {
    if !isNew { try end(image) }
    do throws(RowFailure) {
      try rows.insert(image, overwriting: false)
    } catch .sqlite(let failure) where failure.isUniqueConflict {
      // An earlier change of this transaction, applied before the transaction's end.
      try rows.insert(image, overwriting: true)
    }
  }

  /// Begins a version of which `image` holds the new values only; the others are those of the version that `key` names.
  func begin(_ image: RowView, over key: RowView) throws(RowFailure) {
    if try rows.update(image, key: key) { return }
    let present = table.columns.filter { RowWriter.isPresent(image[$0.index]) }
    let prepared = try rows.lookUp { () throws(SQLiteFailure) in
      try table.statement(named: "carry " + present.map(\.name).joined(separator: ",")) { carryText(present) }
    }
    try rows.bind(present, image, to: prepared, from: 0)
    try rows.bind(
      table.keyColumns, key, to: prepared, from: present.count, slotsFrom: table.schema.columns.count)
    try rows.run(prepared)
    guard table.connection.changes > 0 else { throw .missing }
    try end(key)
  }

  /// Takes away what the transaction has made of the row, and ends the version before it.
  func remove(_ key: RowView) throws(RowFailure) {
    try rows.delete(key)
    try end(key)
  }

  /// Ends the version before the transaction that `key` names, unless it has ended.
  private func end(_ key: RowView) throws(RowFailure) {
    let prepared = try rows.lookUp { () throws(SQLiteFailure) in try table.statement(named: "end", endText) }
    try rows.bind(table.keyColumns, key, to: prepared, from: 0)
    try rows.bind(
      [table.columns[validFromPlace]], key, to: prepared, from: table.keyColumns.count,
      slotsFrom: table.keyColumns.count)
    try rows.run(prepared)
  }

  /// The mode's columns come last at the source of `columns`, `valid_from` as the third from the end.
  private var validFromPlace: Int { table.columns.count - 3 }

  private func endText() -> String {
    """
    UPDATE \(table.target) SET \(names.validTo) = ?\(table.keyColumns.count + 1), \(names.isCurrent) = 0
    WHERE \(versionBefore(from: 0))
    """
  }

  /// The condition of the last version before the one that the parameters name, if it holds.
  private func versionBefore(from first: Int) -> String {
    let sourceKey = table.keyColumns.dropLast().enumerated()
      .map { "\($1.name) = ?\(first + $0 + 1)" }.joined(separator: " AND ")
    let version = "?\(first + table.keyColumns.count)"
    return """
      \(sourceKey) AND \(names.isCurrent) = 1 AND \(names.version) =
        (SELECT max(\(names.version)) FROM \(table.target) WHERE \(sourceKey) AND \(names.version) < \(version))
      """
  }

  private func carryText(_ present: [SQLiteColumn]) -> String {
    var values: [String] = []
    for column in table.columns {
      let place = present.firstIndex { $0.index == column.index }
      values.append(place.map { "?\($0 + 1)" } ?? column.name)
    }
    return """
      INSERT INTO \(table.target) (\(table.columns.map(\.name).joined(separator: ", ")))
      SELECT \(values.joined(separator: ", ")) FROM \(table.target) WHERE \(versionBefore(from: present.count))
      """
  }
}
