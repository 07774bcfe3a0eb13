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
      for index in passedCount..<spans.count { try tellChanged(index, .early, least: limit, clock, writer) }
    }
    try pass(clock, to: writer)
    try expire(clock, to: writer)
  }
}
