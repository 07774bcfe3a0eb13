package import Change

/// What the order of several sources knows of one of them: the batches that have come, and what was promised.
package struct SourceLane: Sendable {
  package let index: UInt16
  package let name: String
  /// The batch that is next.
  package private(set) var head: Batch?
  /// How many batches were next before it: another number is another batch.
  package private(set) var headNumber: UInt64 = 0
  /// Those behind it, the newest first.
  private var rest: [Batch] = []
  /// The next part of the batch that is next.
  package private(set) var cursor = 0
  /// Nothing at or before it will still come.
  package private(set) var watermark = EventTime.distantPast
  package private(set) var progress: SourceProgress
  /// Nothing will come behind the batches.
  package private(set) var isEnded = false
  /// It ended because it was asked to: what its log still has comes at the next start, before what is later.
  package private(set) var isStopped = false
  /// The source was silent for so long that nobody waits for it.
  package var isIdle = false
  /// It reads its tables: nothing is known of the times of what comes after.
  package private(set) var isReadingTables = false
  /// When the source was heard of last, nanoseconds of the monotonic clock.
  package private(set) var heardAt: UInt64
  /// The last transaction of the checkpoint, until it was met: what comes before it is everywhere already.
  private var skipsThrough: LogMark?
  /// The last of the transactions that come again although every sink has them.
  let everywhere: LogMark?
  private var hasMetLast = false
  private let coverage: any PositionCoverage

  /// - Parameter everywhere: the last transaction behind `progress` that every sink has, and that comes all the same.
  package init(
    index: UInt16, name: String, progress: SourceProgress, everywhere: LogMark? = nil,
    coverage: any PositionCoverage, now: UInt64
  ) {
    self.index = index
    self.name = name
    self.progress = progress
    // What was counted of another beginning is not comparable with what comes now.
    if progress.count.epoch == 0 { self.progress.count.begin() }
    self.coverage = coverage
    skipsThrough = progress.last
    self.everywhere = everywhere
    heardAt = now
  }

  package var isEmpty: Bool { head == nil }

  /// The commit time of the part that is next; meaningful only when the lane is not empty.
  private(set) var headTime = EventTime.distantPast

  /// That of the part behind it in its batch; nil: it is the batch's last. Read with the other one, beside which it lies: where
  /// runs are short, a look at the batch for each would wait for memory.
  private(set) var nextTime: EventTime?

  /// What is next is a snapshot's, which has no place in the order of commits.
  private(set) var isHeadSnapshot = false

  /// Takes what has come, into an empty lane.
  /// - Returns: whether the source is further than it was, although perhaps nothing of it is to leave.
  package mutating func receive(
    _ received: [Batch], watermark promise: EventTime, isLast: Bool, isStopped: Bool, now: UInt64
  ) throws(Failure) -> Bool {
    precondition(isEmpty, "a lane takes more when it is empty")
    if !received.isEmpty || promise > watermark { heardAt = now }
    let before = progress
    rest = received.reversed()
    nextHead()
    if promise > watermark { isReadingTables = false }
    watermark = max(watermark, promise)
    isEnded = isLast
    self.isStopped = isLast && isStopped
    try settle()
    return progress != before
  }

  /// The parts before `end` leave.
  package mutating func leave(through end: Int) throws(Failure) {
    guard let batch = head else { return }
    for index in cursor..<end where batch.transactions[index].ends {
      let part = batch.transactions[index]
      if part.isSnapshot { progress.leaveSnapshot() } else { progress.leave(part.mark) }
    }
    cursor = end
    try settle()
  }

  /// The whole batch leaves; the lane has no reference to it any more.
  package mutating func removeHead() throws(Failure) -> Batch? {
    guard let batch = head.take() else { return nil }
    nextHead()
    var ended: UInt64 = 0
    for part in batch.transactions.reversed() {
      if part.isSnapshot {
        progress.leaveSnapshot()
        break
      }
      ended += part.ends ? 1 : 0
    }
    progress.count.transactions += ended
    progress.reach(batch.position)
    try settle()
    return batch
  }

  private mutating func nextHead() {
    head = rest.popLast()
    headNumber += 1
    cursor = 0
  }

  /// Passes over batches that are used up, and transactions that every sink has.
  private mutating func settle() throws(Failure) {
    while let batch = head {
      if skipsThrough != nil { skipKnown(batch) }
      if cursor < batch.transactions.count {
        let part = batch.transactions[cursor]
        nextTime = cursor + 1 < batch.transactions.count ? batch.transactions[cursor + 1].commitTime : nil
        headTime = part.commitTime
        isHeadSnapshot = part.isSnapshot
        isReadingTables = part.isSnapshot
        return
      }
      nextHead()
      try reach(batch.position)
    }
    isHeadSnapshot = false
  }

  /// Whether the source has gone beyond a place without bringing all that it had brought there.
  func hasMissed(_ place: SourceProgress) throws(Failure) -> Bool {
    guard isEmpty, let position = progress.position else { return false }
    if let last = place.last { return try coverage.covers(last, isSnapshot: false, in: position) }
    return try place.position.map { known throws(Failure) in try coverage.hasReached(known, at: position) } ?? false
  }

  /// The snapshot is over, although nothing of the log has come yet.
  mutating func endReadingTables() { isReadingTables = false }

  private mutating func reach(_ position: Position) throws(Failure) {
    guard let last = skipsThrough, !hasMetLast else { return progress.reach(position) }
    // The end of the skipped ones has not come: the checkpoint that is known is further.
    guard try coverage.covers(last, isSnapshot: false, in: position) else { return }
    throw Failure(
      .identity, "the log of source \"\(name)\" does not have the last transaction of the checkpoint",
      at: progress.text, hint: "the source reads other tables than before, or another server; reset the sinks")
  }

  private mutating func skipKnown(_ batch: Batch) {
    guard let last = skipsThrough else { return }
    while cursor < batch.transactions.count {
      let part = batch.transactions[cursor]
      let isLast = part.mark.isSameTransaction(as: last)
      if part.isSnapshot || (hasMetLast && !isLast) {
        skipsThrough = nil
        return
      }
      // Its end: until that has come, the source's positions are before it.
      hasMetLast = hasMetLast || (isLast && part.ends)
      cursor += 1
    }
  }
}
