import Change

extension SessionWindows {
  func passOverTransaction() throws(Failure) {
    for number in pending {
      try budget.settle()
      group(number).pointee.isPending = false
      groups.release(number)
    }
    pending.removeAll(keepingCapacity: true)
  }

  /// What waits for a multiple of a trigger's period goes on to wait.
  func endSnapshot(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    let limit = earlyLimit
    let tellsClosed = definition.late == .each
    var list: [UInt32] = []
    groups.forEach { number in
      budget.settleLater()
      let own = group(number)
      guard !own.pointee.moments.isEmpty, tellsClosed || own.pointee.changes >= limit else { return }
      groups.retain(number)
      list.append(number)
    }
    passes += 1
    for number in list {
      let isFull = group(number).pointee.changes >= limit
      // Its sessions are looked at with this watermark: each is told once.
      group(number).pointee.lookedAt = passes
      try tell(number, tellsOpen: isFull, tellsClosed: tellsClosed, clock, writer)
      groups.release(number)
    }
    try pass(clock, to: writer)
  }
}
