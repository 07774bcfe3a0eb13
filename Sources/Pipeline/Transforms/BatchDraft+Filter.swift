package import Change

/// What becomes of a change of a draft.
package enum Verdict: Sendable {
  case keep
  /// Left out by a rule, and counted as filtered.
  case leaveOut
  /// Taken out; what is told of it is in `BatchDraft.rejected`.
  case setAside
}

extension BatchDraft {
  /// Asks about every change in log order, and drops those that are not to be kept from their transactions, counted.
  package func filter(_ keeps: (RowChange) -> Bool) {
    judge { change, _ in keeps(change) ? .keep : .leaveOut }
  }

  /// Asks about every change, with its index, in log order.
  package func judge(_ verdict: (RowChange, Int) -> Verdict) {
    var changes: [RowChange] = []
    var dropped: [ChangeAccounts.Dropped] = []
    swap(&changes, &self.changes)
    swap(&dropped, &accounts.dropped)
    defer {
      swap(&changes, &self.changes)
      swap(&dropped, &accounts.dropped)
    }
    var end = 0
    for number in transactions.indices {
      let first = end
      for index in transactions[number].range {
        let change = changes[index]
        switch verdict(change, index) {
        case .keep:
          if end != index { changes[end] = change }
          end += 1
        case .leaveOut: dropped.count(change, part: number)
        case .setAside: break
        }
      }
      transactions[number].first = Int32(first)
      transactions[number].count = Int32(end - first)
    }
    if end < changes.count { changes.removeSubrange(end...) }
  }

}

extension [ChangeAccounts.Dropped] {
  fileprivate mutating func count(_ change: RowChange, part: Int) {
    let table = change.operation == .schema ? -1 - Int32(change.row) : Int32(change.schema)
    if let last = indices.last, self[last].part == Int32(part), self[last].table == table {
      self[last].count += 1
    } else {
      append(ChangeAccounts.Dropped(part: Int32(part), table: table, count: 1))
    }
  }
}
