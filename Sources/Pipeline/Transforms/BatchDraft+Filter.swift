package import Change

/// What a transform decides about one change.
package enum Verdict: Sendable, BitwiseCopyable {
  case keep
  /// A rule leaves it out.
  case filter
  /// It cannot be made, and was set aside.
  case quarantine
}

extension BatchDraft {
  /// Asks about every change in log order, and drops those that are not to be kept from their transactions, counted.
  package func filter<Problem: Error>(_ verdict: (RowChange) throws(Problem) -> Verdict) throws(Problem) {
    var changes: [RowChange] = []
    swap(&changes, &self.changes)
    defer { swap(&changes, &self.changes) }
    var end = 0
    for number in transactions.indices {
      let first = end
      for index in transactions[number].range {
        let change = changes[index]
        let decision = try verdict(change)
        if decision == .keep {
          if end != index { changes[end] = change }
          end += 1
        } else {
          count(change, part: number, isQuarantined: decision == .quarantine)
        }
      }
      transactions[number].first = Int32(first)
      transactions[number].count = Int32(end - first)
    }
    if end < changes.count { changes.removeSubrange(end...) }
  }

  private func count(_ change: RowChange, part: Int, isQuarantined: Bool) {
    let table = change.operation == .schema ? -1 - Int32(change.row) : Int32(change.schema)
    if let last = accounts.dropped.indices.last, accounts.dropped[last].part == Int32(part),
      accounts.dropped[last].table == table, accounts.dropped[last].isQuarantined == isQuarantined
    {
      accounts.dropped[last].count += 1
    } else {
      accounts.dropped.append(
        ChangeAccounts.Dropped(part: Int32(part), table: table, count: 1, isQuarantined: isQuarantined))
    }
  }
}
