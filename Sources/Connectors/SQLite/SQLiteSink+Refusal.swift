import Change
import Pipeline
import SQLRendering
import SQLiteDatabase

extension SQLiteSink {
  /// Puts a row that the target cannot hold aside, with its key, position and reason, in the group's transaction.
  /// - Throws: the failure instead, when the pipeline stops at bad rows, or when not the row is to blame.
  func refuse(_ failure: RowFailure, _ place: ChangePlace, _ table: SQLiteTable) throws {
    if case .sqlite(let refused) = failure, !refused.isAboutTheRow || refused.extendedCode == SQLiteCode.foreignKey {
      throw refused
    }
    if case .shared = failure, let sharing = table.sharing { throw conflict(place, table, sharing) }
    if case .groupUndone(let refused) = failure {
      throw Failure(
        .targetShape, "the target undid a whole group for one row: \(refused.message)",
        at: "table \"\(table.schema.name)\", \(place.text)",
        hint: "take ON CONFLICT ROLLBACK and RAISE(ROLLBACK) out of the tables and triggers of the target",
        cause: "result code \(refused.extendedCode)")
    }
    let reason = describe(failure, table)
    let keyNames = table.schema.key.map { "\"\(table.schema.columns[$0].name)\"" }.joined(separator: ", ")
    guard context.badRowPolicy == .quarantine else {
      throw Failure(
        .badValue, "the target cannot take a row\(keyNames.isEmpty ? "" : " with key \(keyNames)"): \(reason)",
        at: "table \"\(table.schema.name)\", \(place.text)",
        hint: "`on_bad_row: quarantine` sets such rows aside in _freshet_quarantine and goes on")
    }
    try quarantine(reason, place, table)
  }

  private func describe(_ failure: RowFailure, _ table: SQLiteTable) -> String {
    switch failure {
    case .value(let column, let reason): "column \"\(table.schema.columns[column].name)\": \(reason)"
    case .sqlite(let refused), .groupUndone(let refused): refused.message
    case .missing: "it changes a row that the target does not have"
    case .shared: "the target has a row with its key"
    }
  }

  private func quarantine(_ reason: String, _ place: ChangePlace, _ table: SQLiteTable) throws {
    let insert = try SQLiteStatement(
      opened(),
      """
      INSERT INTO "_freshet_quarantine"
        ("pipeline", "sink", "namespace", "name", "operation", "key", "position", "reason", "row", "created_at")
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
      """, persistent: false)
    // A row is put aside as the source has it, whatever the mode makes of it.
    let original = segment.original(of: place)
    let batch = original.batch
    let change = original.change
    let schema = batch.schemas[Int(change.schema)]
    let row = change.hasAfter ? change.after : change.before
    let keyRow = change.hasBefore ? change.before : change.after
    let all = Array(schema.columns.indices)
    let values = [
      context.pipeline, context.name, schema.name.namespace, schema.name.table, "\(change.operation)",
      RowText.json(batch, row: keyRow, columns: schema.key, of: schema), place.text, reason,
      RowText.json(batch, row: row, columns: all, of: schema), CheckpointTable.now(),
    ]
    for (index, value) in values.enumerated() { try insert.bind(index + 1, value) }
    try insert.run()
  }
}
