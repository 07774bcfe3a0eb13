import Change

extension BatchDraft {
  /// Notes what is told of a change that a verb has no result for; the verb takes it out with ``judge(_:)``.
  /// - Parameters:
  ///   - schema: the one that the cells of the change have.
  func reject(_ index: Int, of schema: TableSchema, _ failure: Failure) {
    let change = changes[index]
    let part = transactions.part(of: index) ?? 0
    // A delete, and the key that a row had at the target, is in the row before.
    let row = change.hasBefore ? change.before : change.after
    let key =
      schema.key.isEmpty ? nil : RowText.json(cells, arena, row: row, columns: schema.key, of: schema)
    rejected.append(
      RejectedChange(
        change, part: Int32(part), origin: accounts.origins[Int(change.schema)], table: schema.name,
        key: key, failure: failure))
  }
}
