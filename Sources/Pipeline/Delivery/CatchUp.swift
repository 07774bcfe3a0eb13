import Change

/// Leaves out the transactions that a sink already has, after a restart at the position of a sink that is further behind.
///
/// Every transaction is compared with the sink's checkpoint, by its place in its source's log, until that log has passed it.
struct CatchUp {
  /// One source at the sink.
  struct Component {
    let name: String
    let progress: SourceProgress
    let coverage: any PositionCoverage
    /// Whether the last transaction of `progress` was seen, and another one behind it.
    var hasPassedLast = false
    var hasMetLast = false
    /// How many transactions of the log have come that are new, and the last of them.
    var news: UInt64 = 0
    var lastNews: LogMark?
    /// Whether new rows of a snapshot have come.
    var hasSnapshotNews = false
  }

  /// By source; nil: the sink has nothing of it.
  private var components: [Component?]
  /// How many transactions of windows' results the sink has; nil: the pipeline has no windows.
  private let panes: UInt64?
  /// What the sink has stored of several sources; nil: there is one.
  private let stored: VectorPosition?

  /// - Parameter stored: what the sink has stored, where there are several sources.
  /// - Returns: nil when the sink has nothing.
  init?(_ components: [Component?], panes: UInt64? = nil, stored: VectorPosition? = nil) {
    guard components.contains(where: { $0 != nil }) else { return nil }
    self.components = components
    self.panes = panes
    self.stored = stored
  }

  /// What the sink may store when everything has come to `position`, and it is not done: of each source what it has, or what
  /// has come, where that is further. So a sink that is ahead in one source does not keep back what it gets of another,
  /// which may be waited for: where snapshots bring one sink level in one source, and another one in the other. What was
  /// promised meanwhile is not promised to this sink.
  /// - Returns: nil where that is nothing new, while results of windows are on their way, and inside a snapshot until the source
  ///   has told a place that is further.
  func place(at position: Position) throws -> Position? {
    let reached = WindowPosition(position)
    guard let stored, reached.panes == panes ?? 0, var place = try VectorPosition(reached.log) else { return nil }
    place.watermark = stored.watermark
    for case let component? in components {
      guard let own = stored[component.name] else { continue }
      let index = place.components.firstIndex { $0.name == component.name }
      if let index, try component.isDone(at: place.components[index].progress.position) { continue }
      guard let progress = try component.progress(behind: own) else { return nil }
      let kept = VectorPosition.Component(name: component.name, progress: progress)
      if let index { place.components[index] = kept } else { place.components.append(kept) }
    }
    if place.components.allSatisfy({ $0.progress.isNothing || stored[$0.name] == $0.progress }) { return nil }
    return WindowPosition.replacingLog(of: position, with: place.position)
  }

  /// Whether everything from `position` on is new to the sink.
  /// - Parameter counts: the numbers of transactions tell, where they were counted from one beginning: sooner than positions,
  ///   which move by whole batches, and only where every run counts the same.
  func isDone(at position: Position, counts: Bool = false) throws -> Bool {
    var position = position
    if let panes {
      let reached = WindowPosition(position)
      guard reached.panes >= panes else { return false }
      position = reached.log
    }
    if components.count == 1, let component = components[0] { return try component.isDone(at: position) }
    guard let vector = try VectorPosition(position) else { return false }
    return try components.allSatisfy { component in
      guard let component else { return true }
      let reached = vector[component.name]
      if counts, let distance = reached?.count.distance(from: component.progress.count) { return distance >= 0 }
      return try component.isDone(at: reached?.position)
    }
  }

  /// The first run of transactions that the sink does not have, skipping those before it; empty, at the end, when it has them all.
  mutating func nextRun(in batch: Batch, parts: Range<Int>) throws -> Range<Int> {
    var begin = parts.lowerBound
    while begin < parts.upperBound, try isCovered(batch.transactions[begin]) { begin += 1 }
    var end = begin
    while end < parts.upperBound, try !isCovered(batch.transactions[end]) { end += 1 }
    return begin..<end
  }

  /// Asked for transactions in their order, the last one perhaps again.
  private mutating func isCovered(_ part: TransactionPart) throws -> Bool {
    if let panes, WindowPosition.isPane(part.mark) { return part.mark.sequence <= panes }
    let source = Int(part.source)
    guard source < components.count else { return false }
    let isCovered = try components[source]?.covers(part) ?? false
    if !isCovered { components[source]?.noteNews(part) }
    return isCovered
  }
}

extension CatchUp.Component {
  init(name: String, progress: SourceProgress, coverage: any PositionCoverage) {
    self.name = name
    self.progress = progress
    self.coverage = coverage
  }

  fileprivate mutating func covers(_ part: TransactionPart) throws(Failure) -> Bool {
    if let position = progress.position, try coverage.covers(part.mark, isSnapshot: part.isSnapshot, in: position) {
      return true
    }
    guard let last = progress.last, !part.isSnapshot, !hasPassedLast else { return false }
    if part.mark.isSameTransaction(as: last) {
      hasMetLast = hasMetLast || part.ends
      return true
    }
    hasPassedLast = hasMetLast
    return !hasPassedLast
  }

  /// May be asked twice for one.
  fileprivate mutating func noteNews(_ part: TransactionPart) {
    if part.isSnapshot { return hasSnapshotNews = true }
    guard part.ends, lastNews.map({ !part.mark.isSameTransaction(as: $0) }) ?? true else { return }
    news += 1
    lastNews = part.mark
  }

  /// What the sink has of the source with what has come, before the source has told a position beyond the sink's own: the batch
  /// that goes beyond it may have been cut. Nil: it cannot be told inside a snapshot.
  fileprivate func progress(behind own: SourceProgress) throws(Failure) -> SourceProgress? {
    if hasSnapshotNews { return nil }
    guard let lastNews else { return own }
    if let position = own.position, try coverage.isInsideSnapshot(position) { return nil }
    var progress = own
    progress.ended += news
    progress.last = lastNews
    progress.count.transactions += news
    return progress
  }

  fileprivate func isDone(at reached: Position?) throws(Failure) -> Bool {
    if let position = progress.position {
      guard let reached, try coverage.hasReached(position, at: reached) else { return false }
    }
    guard let last = progress.last, !hasMetLast else { return true }
    guard let reached, try coverage.covers(last, isSnapshot: false, in: reached) else { return false }
    throw Failure(
      .identity, "the log of source \"\(name)\" does not have the last transaction of the checkpoint",
      at: progress.text, hint: "the source reads other tables than before, or another server; reset the sink")
  }
}
