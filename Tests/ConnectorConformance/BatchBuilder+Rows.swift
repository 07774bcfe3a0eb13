package import Change
package import Pipeline

extension BatchBuilder {
  private func place(_ cells: [Cell]?) -> UInt32 {
    guard let cells else { return RowChange.noCells }
    defer { self.cells.append(contentsOf: cells) }
    return UInt32(self.cells.count)
  }

  package func insert(_ schema: TableSchema, _ after: [Cell]) {
    append(RowChange(operation: .insert, schema: index(of: schema), after: place(after), time: EventTime(seconds: 1)))
  }

  package func update(_ schema: TableSchema, _ before: [Cell], _ after: [Cell]) {
    let first = place(before)
    append(
      RowChange(
        operation: .update, schema: index(of: schema), before: first, after: place(after), time: EventTime(seconds: 1)))
  }

  package func delete(_ schema: TableSchema, _ before: [Cell]) {
    append(RowChange(operation: .delete, schema: index(of: schema), before: place(before), time: EventTime(seconds: 1)))
  }
}

extension Sink {
  /// Writes one batch and commits it.
  @discardableResult
  package func deliver(_ batch: Batch, _ checkpoint: Checkpoint) async throws -> Receipt {
    try await write(batch, parts: batch.transactions.indices)
    return try await commit(checkpoint)
  }
}
