package import Change

extension BatchDraft {
  /// Asks about every change in log order, and drops those that are not to be kept from their transactions, counted.
  package func filter(_ keeps: (RowChange) -> Bool) {
    var changes: [RowChange] = []
    swap(&changes, &self.changes)
    defer { swap(&changes, &self.changes) }
    var end = 0
    for number in transactions.indices {
      let first = end
      for index in transactions[number].range {
        let change = changes[index]
        if keeps(change) {
          if end != index { changes[end] = change }
          end += 1
        } else {
          countDropped(change, part: number)
        }
      }
      transactions[number].first = Int32(first)
      transactions[number].count = Int32(end - first)
    }
    if end < changes.count { changes.removeSubrange(end...) }
  }

  private func countDropped(_ change: RowChange, part: Int) {
    let table = change.operation == .schema ? -1 - Int32(change.row) : Int32(change.schema)
    if let last = accounts.dropped.indices.last, accounts.dropped[last].part == Int32(part),
      accounts.dropped[last].table == table
    {
      accounts.dropped[last].count += 1
    } else {
      accounts.dropped.append(ChangeAccounts.Dropped(part: Int32(part), table: table, count: 1))
    }
  }
}
