package import Change

extension WindowSet {
  /// From here on rows are only taken in: no clock and no watermark moves, no row is late, and nothing is told.
  ///
  /// A snapshot that goes on after a crash reads what is missing at another time and in another order. Because no result comes
  /// inside it, the number of results is the same at each of its places, whatever the state has read until there.
  package func beginSnapshot() {
    isInsideSnapshot = true
    for window in operators { window.clock.isInsideSnapshot = true }
  }

  /// Tells what has become due inside a snapshot, all in one transaction: what it is follows from the stored state alone.
  /// - Parameter watermark: what was promised with the place of the state; the results come behind it.
  package func endSnapshot(behind watermark: EventTime = .distantPast) throws(Failure) -> [Batch] {
    try tellSnapshot(behind: watermark)
    var results: [Batch] = []
    pass(writer.take(), into: &results)
    return results
  }

  /// As `endSnapshot`, where the log has not come to the place of the state yet: the results are held.
  package func endSnapshotAhead(behind watermark: EventTime = .distantPast) throws(Failure) {
    let before = panes
    try tellSnapshot(behind: watermark)
    hold(writer.take(), count: panes - before)
  }

  private func tellSnapshot(behind watermark: EventTime) throws(Failure) {
    isInsideSnapshot = false
    clock = max(clock, watermark.microseconds)
    if writer.latestCommit > .distantPast { clock = max(clock, writer.latestCommit.microseconds - 1) }
    writer.begin(at: clock == .min ? clock : clock + 1)
    for window in operators { try window.endSnapshot(at: clock, to: writer) }
    writer.end()
  }

  /// A batch that the state has already, with a position that counts results: not those that are held.
  func passOver(_ batch: consuming Batch) -> Batch { passedOn(batch, panes: panes - heldCount) }
}
