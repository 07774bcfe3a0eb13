package import Change
package import Pipeline

extension MergedTables {
  /// A row of a source has the key of a row that another one has brought.
  /// - Parameters:
  ///   - place: the change that brings the second row.
  ///   - other: the source of the first; nil: the target has it, and does not tell whose it is.
  package func conflict(in schema: TableSchema, _ place: ChangePlace, source: UInt16, other: UInt16?) -> Failure {
    let key = schema.key.map { schema.columns[$0].name }.joined(separator: ", ")
    let owner = other.map { "source \"\(name(of: $0))\" has brought" } ?? "the target already has from another source"
    let transactions = place.batch.transactions
    let isSnapshot = transactions.part(of: place.index).map { transactions[$0].isSnapshot } ?? false
    let origin = isSnapshot ? "in the snapshot of source \"\(name(of: source))\"" : place.text
    return Failure(
      .badValue, "source \"\(name(of: source))\" brings a row with a key (\(key)) that \(owner)",
      at: "table \"\(schema.name)\", \(origin)", hint: isSnapshot ? hintOfSnapshot(name(of: source)) : hintOfLog)
  }

  /// A snapshot is read as the tables are when the pipeline starts again, but before what the other source's log tells: the
  /// deletion of a row that was copied already comes too late.
  private func hintOfSnapshot(_ source: String) -> String {
    "let only one source have the row: delete it, or give it another key, at source \"\(source)\" and start again; or do so "
      + "at the other source and \(MergedTables.anew). Deleting the row in the target does not help: its source's log would "
      + "delete the other one, too. \(MergedTables.bothRight)"
  }

  /// The log brings the row again at each start, whatever its source has become since.
  private var hintOfLog: String {
    "let only one source have the row, and \(MergedTables.anew). \(MergedTables.bothRight)"
  }

  private static var anew: String {
    "begin anew: drop the sink's tables and its checkpoint (`_freshet_checkpoint`) together, for tables that are emptied "
      + "alone stay without the rows whose snapshots are done"
  }

  private static var bothRight: String {
    "Where both rows are right, give the sources' tables names of their own with `route`, or their keys a column that tells "
      + "them apart; with `order: { shared_keys: last }` the row that comes last takes the other's place"
  }
}
