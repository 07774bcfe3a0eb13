import Change

extension FixedWindows {
  func passOverTransaction() throws(Failure) {
    for entry in pending {
      try budget.settle()
      table.words(entry)[EntryTable.flags] &= ~EntryTable.pendingFlag
    }
    pending.removeAll(keepingCapacity: true)
  }

  /// What waits for a multiple of a trigger's period goes on to wait.
  func endSnapshot(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    if definition.late == .each {
      for index in 0..<passedCount { try tellChanged(index, .late, clock, writer) }
    }
    if case .changes(let limit) = definition.early {
      for index in passedCount..<spans.count { try tellFull(index, limit, clock, writer) }
    }
    try pass(clock, to: writer)
    try expire(clock, to: writer)
  }

  /// Tells what has changed so often that its early result is due.
  private func tellFull(
    _ index: Int, _ limit: Int, _ clock: WindowClock, _ writer: PaneWriter
  ) throws(Failure) {
    guard spans[index].changed > 0 else { return }
    var entry = spans[index].head
    while entry != EntryTable.none {
      try budget.settle()
      if table.changes(entry) >= limit { try tell(entry, index, .early, clock, writer) }
      entry = table.next(entry)
    }
  }
}
