import Change

/// Leaves out the transactions that a sink already has, after a restart at the position of a sink that is further behind.
///
/// Every transaction is compared with the sink's checkpoint, by its place in the log, until the log has passed it.
struct CatchUp {
  let checkpoint: Position
  let coverage: any PositionCoverage

  /// Whether everything from `position` on is new to the sink.
  func isDone(at position: Position) throws -> Bool { try coverage.hasReached(checkpoint, at: position) }

  /// The first run of transactions that the sink does not have, skipping those before it; empty, at the end, when it has them all.
  func nextRun(in batch: Batch, parts: Range<Int>) throws -> Range<Int> {
    var begin = parts.lowerBound
    while begin < parts.upperBound, try isCovered(batch.transactions[begin]) { begin += 1 }
    var end = begin
    while end < parts.upperBound, try !isCovered(batch.transactions[end]) { end += 1 }
    return begin..<end
  }

  private func isCovered(_ part: TransactionPart) throws -> Bool {
    try coverage.covers(part.mark, isSnapshot: part.isSnapshot, in: checkpoint)
  }
}
