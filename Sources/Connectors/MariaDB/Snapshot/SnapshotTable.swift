internal import Change

/// A table that a snapshot reads: how to ask for its rows.
struct SnapshotTable: Sendable {
  let schema: TableSchema
  /// nil: the table is read by one query, and repeated whole unless that ended.
  let key: [KeyColumn]?
  let estimatedRows: UInt64

  init(schema: TableSchema, estimatedRows: UInt64) {
    self.schema = schema
    self.estimatedRows = estimatedRows
    key = KeyColumn.columns(of: schema)
  }

  var name: TableName { schema.name }
  var keyNames: [String] { key?.map(\.name) ?? [] }

  private var quoted: String { SQLText.identifier(name.namespace) + "." + SQLText.identifier(name.table) }

  /// The rows of a range, in key order.
  func rowsQuery(_ range: SnapshotState.Range) -> String {
    let columns = schema.columns.map(TextRowReader.expression).joined(separator: ", ")
    guard let key else { return "SELECT \(columns) FROM \(quoted)" }
    return "SELECT \(columns) FROM \(quoted)\(condition(range, key)) ORDER BY \(order(key))"
  }

  /// The key of the last row of a range's first chunk; no row when the range holds fewer rows than a chunk.
  func boundaryQuery(_ range: SnapshotState.Range, rows: Int) -> String {
    let key = self.key ?? []
    let columns = key.map { TextRowReader.expression(schema.columns[$0.index]) }.joined(separator: ", ")
    return "SELECT \(columns) FROM \(quoted)\(condition(range, key)) ORDER BY \(order(key)) LIMIT 1 OFFSET \(rows - 1)"
  }

  /// The key alone, as a table of its own: what `boundaryQuery` selects.
  var keySchema: TableSchema {
    TableSchema(name: name, columns: (key ?? []).map { schema.columns[$0.index] }, key: [])
  }

  private func condition(_ range: SnapshotState.Range, _ key: [KeyColumn]) -> String {
    let text = KeyCondition.inside(range, key)
    return text.isEmpty ? "" : " WHERE \(text)"
  }

  private func order(_ key: [KeyColumn]) -> String { key.map { SQLText.identifier($0.name) }.joined(separator: ", ") }
}
