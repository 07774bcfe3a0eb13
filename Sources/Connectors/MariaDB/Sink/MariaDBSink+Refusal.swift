import Change
import MariaDBClient
import Pipeline
import SQLRendering

extension MariaDBSink {
  /// Puts a row that the target cannot hold aside, with its key, position and reason, in the group's transaction.
  /// - Throws: the failure instead, when the pipeline stops at bad rows.
  func refuse(_ problem: RowProblem, _ place: ChangePlace, _ table: MirrorTable) throws {
    let reason = describe(problem, table)
    let keyNames = table.schema.key.map { "\"\(table.schema.columns[$0].name)\"" }.joined(separator: ", ")
    guard context.badRowPolicy == .quarantine else {
      throw Failure(
        .badValue, "the target cannot take a row\(keyNames.isEmpty ? "" : " with key \(keyNames)"): \(reason)",
        at: "table \"\(table.schema.name)\", \(place.text)",
        hint: "`on_bad_row: quarantine` sets such rows aside in _freshet_quarantine and goes on")
    }
    let change = place.change
    let row = change.hasAfter ? change.after : change.before
    let keyRow = change.hasBefore ? change.before : change.after
    _ = try opened().runScript(
      openedCheckpoints().insertQuarantined(
        table.schema.name, operation: change.operation,
        key: RowText.json(place.batch, row: keyRow, columns: table.schema.key, of: table.schema),
        position: place.text, reason: reason,
        row: RowText.json(place.batch, row: row, columns: Array(table.schema.columns.indices), of: table.schema)))
  }

  private func describe(_ problem: RowProblem, _ table: MirrorTable) -> String {
    switch problem {
    case .value(let column, let reason): "column \"\(table.schema.columns[column].name)\": \(reason)"
    case .tooLarge(let bytes, let limit):
      "it takes \(bytes) bytes or more, and the target's max_allowed_packet leaves \(limit)"
    case .refused(let reason): reason
    case .missing: "it changes a row that the target does not have"
    }
  }
}
