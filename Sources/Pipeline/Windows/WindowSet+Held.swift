package import Change

// Results that wait, beside those that were returned: told by a state that the log has not come to yet, or behind others.

extension WindowSet {
  /// Bytes of results that wait in memory, roughly.
  package var waitingByteCount: Int { writer.spool.waiting }

  /// Holds results behind those that are held.
  /// - Parameter count: how many transactions they are.
  func hold(_ results: [ResultSpool.Result], count: UInt64) {
    held.insert(contentsOf: results.reversed(), at: 0)
    heldCount += count
  }

  /// The next of the results that are held, for the place that the sinks have come to; nil: there is none.
  package func nextHeld(at log: Position) throws(Failure) -> Batch? {
    guard let result = held.popLast() else { return nil }
    let batch = try writer.spool.load(result)
    heldCount -= UInt64(batch.transactions.count(where: \.ends))
    return Batch.relabel(
      batch, transactions: batch.transactions,
      position: WindowPosition(log: log, panes: WindowPosition(batch.position).panes).position)
  }

  /// The results among what was returned last, and those that follow it.
  func told(_ returned: [Batch]) -> [ResultSpool.Result] {
    (returned.map { .batch($0) } + following.reversed()).filter { result in
      guard case .batch(let batch) = result else { return true }
      return batch.transactions.contains { WindowPosition.isPane($0.mark) }
    }
  }

  /// How many results there were before these, the last ones.
  func panes(before told: [ResultSpool.Result]) throws(Failure) -> UInt64 {
    guard let first = told.first, let part = try writer.spool.load(first).transactions.first else { return panes }
    return part.mark.sequence - 1
  }
}
