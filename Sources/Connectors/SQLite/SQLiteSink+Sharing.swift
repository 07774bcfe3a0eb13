import Change
import Pipeline
import SQLRendering
import SQLiteDatabase

/// Keys that two sources of a merged table have at one time.
///
/// The source that brings a new row, or moves one to another key, had none with that key: what the target has there is
/// another source's. Rows that are marked as deleted are not in the way.
extension SQLiteSink {
  /// Watches the keys of a table from when on several sources bring it. In the modes that keep what was every change is a
  /// row of its own; and rows that were there before this pipeline may be those that it brings.
  func watchKeys(of table: SQLiteTable) {
    guard table.sharing == nil, !settings.mode.keepsWhatWas, !settings.keepsExistingRows,
      context.merged.contains(table.schema.name)
    else { return }
    table.sharing = context.merged
  }

  /// Fails when the target has a row with the key of `image`. Asks nothing of a table that one source brings.
  /// - Parameter before: holds what `image` does not of the key.
  func requireNoRow(_ image: RowView, filledBy before: RowView? = nil, _ writer: RowWriter) throws(RowFailure) {
    let table = writer.table
    guard table.sharing != nil else { return }
    let prepared = try writer.lookUp { () throws(SQLiteFailure) in
      try table.statement(named: "find") {
        let mark = table.columns.first { $0.index == table.mark }.map { " AND \($0.name) IS NULL" } ?? ""
        return "SELECT 1 FROM \(table.target) WHERE "
          + table.keyColumns.enumerated().map { "\($1.name) = ?\($0 + 1)" }.joined(separator: " AND ") + mark
      }
    }
    for (place, column) in table.keyColumns.enumerated() {
      let source = before.map { RowWriter.isPresent(image[column.index]) ? image : $0 } ?? image
      try writer.bind([column], source, to: prepared, from: place, slotsFrom: place)
    }
    let isThere = try writer.lookUp { () throws(SQLiteFailure) in try prepared.statement.step() }
    prepared.statement.reset()
    if isThere { throw .shared }
  }

  func conflict(_ place: ChangePlace, _ table: SQLiteTable, _ sharing: MergedTables) -> Failure {
    let source = place.batch.transactions.part(of: place.index).map { place.batch.transactions[$0].source }
    return sharing.conflict(in: table.schema, place, source: source ?? 0, other: nil)
  }
}
