import Change
import Pipeline
import SQLRendering

/// Decides what becomes of a row that the target cannot hold.
struct RowRefusals {
  let policy: BadRowPolicy
  let checkpoints: SinkCheckpoint
  /// Knows where reshaped changes come from.
  let segment: Segment

  /// The statement that puts the row aside, with its key, position and reason, in the group's transaction.
  /// - Parameter limit: bytes that a statement may have.
  /// - Throws: the failure instead, when the pipeline stops at bad rows; `.limit` when the row is too large to be put aside.
  func statement(
    _ problem: RowProblem, _ place: ChangePlace, _ table: MirrorTable, limit: Int
  ) throws(Failure) -> String {
    // A row is put aside as the source has it, whatever the mode makes of it.
    let place = segment.original(of: place)
    let change = place.change
    let schema = place.batch.schemas[Int(change.schema)]
    let reason = describe(problem, table.schema)
    guard policy == .quarantine else {
      let keyNames = schema.key.map { "\"\(schema.columns[$0].name)\"" }.joined(separator: ", ")
      throw Failure(
        .badValue, "the target cannot take a row\(keyNames.isEmpty ? "" : " with key \(keyNames)"): \(reason)",
        at: "table \"\(schema.name)\", \(place.text)",
        hint: "`on_bad_row: quarantine` sets such rows aside in _freshet_quarantine and goes on")
    }
    let row = change.hasAfter ? change.after : change.before
    let keyRow = change.hasBefore ? change.before : change.after
    let statement = checkpoints.insertQuarantined(
      schema.name, operation: change.operation,
      key: RowText.json(place.batch, row: keyRow, columns: schema.key, of: schema), position: place.text,
      reason: reason,
      row: RowText.json(place.batch, row: row, columns: Array(schema.columns.indices), of: schema))
    // The server would end the connection, and the same row would come again.
    guard statement.utf8.count <= limit else {
      throw Failure(
        .limit,
        "the target cannot take a row, nor set it aside in _freshet_quarantine: that takes \(statement.utf8.count) bytes, "
          + "and its max_allowed_packet leaves \(limit); \(reason)",
        at: "table \"\(schema.name)\", \(place.text)",
        hint: "raise `max_allowed_packet` at the target, up to 1G, or leave the table out")
    }
    return statement
  }

  private func describe(_ problem: RowProblem, _ schema: TableSchema) -> String {
    switch problem {
    case .value(let column, let reason): "column \"\(schema.columns[column].name)\": \(reason)"
    case .tooLarge(let bytes, let limit):
      "it takes \(bytes) bytes or more, and the target's max_allowed_packet leaves \(limit)"
    case .refused(let reason): reason
    case .missing: "it changes a row that the target does not have"
    }
  }
}
