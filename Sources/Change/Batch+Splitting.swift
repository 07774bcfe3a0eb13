extension Batch {
  /// The transactions until `part`, that one included, and those behind it, as two batches at the same position. The
  /// values are shared, not copied. `part` ends its transaction, and no later one does.
  public func split(behind part: Int) -> (head: Batch, tail: Batch) {
    precondition(transactions[part].ends && !transactions[(part + 1)...].contains(where: \.ends), "nothing ends behind")
    let end = transactions[part].range.upperBound
    var rest = Array(transactions[(part + 1)...])
    for index in rest.indices { rest[index].first -= Int32(end) }
    return (
      piece(Array(changes[..<end]), Array(transactions[...part]), logBytes, droppedFrom: 0),
      piece(Array(changes[end...]), rest, 0, droppedFrom: part + 1)
    )
  }

  private func piece(
    _ changes: [RowChange], _ transactions: [TransactionPart], _ logBytes: Int, droppedFrom first: Int
  ) -> Batch {
    var accounts = self.accounts
    let dropped = self.accounts?.dropped ?? []
    accounts?.dropped = dropped.compactMap { entry in
      let part = Int(entry.part) - first
      guard transactions.indices.contains(part) else { return nil }
      return ChangeAccounts.Dropped(part: Int32(part), table: entry.table, count: entry.count)
    }
    return Batch(
      buffers: BatchMemory.Buffers(arena: arena, cells: cells, changes: changes), memory: nil,
      transactions: transactions, schemas: schemas, schemaChanges: schemaChanges, position: position,
      logBytes: logBytes, readAt: readAt, accounts: accounts)
  }
}
