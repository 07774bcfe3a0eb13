package import Change

/// The one order of several sources: by commit time, then source, then place in the log. Nothing here waits or sends.
///
/// *Ordering*: a transaction is next when no other source can still bring an earlier one: its next one is later, or it has
/// promised so, or nobody waits for it because it ended, is idle or reads its tables. What a snapshot reads has no place in
/// the order and is next when it comes. Between the pieces of a transaction nothing else comes. *Watermark*: never goes
/// back; what is at or below it comes late. *Determinism*: while no source is idle, the order depends on nothing but the logs.
package struct CommitOrder: Sendable {
  /// Parts of the batch that is next in a lane.
  package struct Run: Hashable, Sendable {
    package var lane: Int
    package var parts: Range<Int>
    /// They are all parts of the batch.
    package var isWholeBatch: Bool
  }

  /// What is next in a lane, without the lane: all lanes are looked at for each run.
  private struct Standing: BitwiseCopyable {
    /// The time of the next transaction, or of the earliest that may still come; the latest of all when nothing is
    /// waited for.
    var time: Int64
    var isReady: Bool
    var isSnapshot: Bool

    static let nothing = Standing(time: .max, isReady: false, isSnapshot: false)
  }

  package private(set) var lanes: [SourceLane]
  /// Nothing at or before it will come any more.
  package private(set) var watermark: EventTime
  /// The lane whose transaction has begun to leave and has not ended.
  package private(set) var inside: Int?
  /// The lane that everybody waits for, when something is ready but for it.
  package private(set) var holder: Int?
  private var standings: [Standing]

  package init(_ lanes: [SourceLane], watermark: EventTime) {
    standings = lanes.map(CommitOrder.standing)
    self.lanes = lanes
    self.watermark = watermark
  }

  /// Takes what has come into an empty lane.
  /// - Returns: whether the source is further than it was, although perhaps nothing of it is to leave.
  package mutating func receive(
    _ batches: [Batch], watermark: EventTime, isLast: Bool, isStopped: Bool = false, into lane: Int, now: UInt64
  ) throws(Failure) -> Bool {
    let hasMoved = try lanes[lane].receive(
      batches, watermark: watermark, isLast: isLast, isStopped: isStopped, now: now)
    // Whoever is heard of is waited for again.
    if lanes[lane].heardAt == now { lanes[lane].isIdle = false }
    standings[lane] = CommitOrder.standing(lanes[lane])
    return hasMoved
  }

  /// A source has said that its tables are read.
  package mutating func endReadingTables(_ lane: Int) {
    guard lanes[lane].isEmpty else { return }
    lanes[lane].endReadingTables()
    standings[lane] = CommitOrder.standing(lanes[lane])
  }

  /// Lets go of the lanes that were silent until `now` for longer than `limit`, and returns them.
  package mutating func findIdle(limit: UInt64, now: UInt64) -> [Int] {
    var found: [Int] = []
    for index in lanes.indices where !lanes[index].isIdle && lanes[index].isEmpty && index != inside {
      guard !lanes[index].isReadingTables, !lanes[index].isStopped, now &- lanes[index].heardAt >= limit else {
        continue
      }
      lanes[index].isIdle = true
      standings[index] = CommitOrder.standing(lanes[index])
      found.append(index)
    }
    return found
  }

  /// What leaves next; nil while something must come first.
  package mutating func nextRun() -> Run? {
    holder = nil
    if let inside { return runInside(inside) }
    // The earliest, and the one behind it. Of two at one time the first in the list is the earlier.
    var (next, second, isAnyReady) = (-1, -1, false)
    for index in standings.indices {
      let standing = standings[index]
      isAnyReady = isAnyReady || standing.isReady
      if standing.isSnapshot { return snapshotRun(index) }
      if standing.time == .max, !standing.isReady { continue }
      if next < 0 || standing.time < standings[next].time {
        (next, second) = (index, next)
      } else if second < 0 || standing.time < standings[second].time {
        second = index
      }
    }
    guard next >= 0 else { return nil }
    guard standings[next].isReady, let head = lanes[next].head else {
      // The earliest is one that may still come; it matters to whoever has something.
      if isAnyReady { holder = next }
      return nil
    }
    return run(next, head, limit: second < 0 ? nil : (standings[second].time, second))
  }

  private static func standing(_ lane: SourceLane) -> Standing {
    if !lane.isEmpty {
      return Standing(time: lane.headTime.microseconds, isReady: true, isSnapshot: lane.isHeadSnapshot)
    }
    if lane.isIdle || lane.isReadingTables || (lane.isEnded && !lane.isStopped) { return .nothing }
    let promised = lane.watermark.microseconds
    return Standing(time: promised == .max ? .max : promised + 1, isReady: false, isSnapshot: false)
  }

  private func run(_ lane: Int, _ head: Batch, limit: (time: Int64, lane: Int)?) -> Run {
    let parts = head.transactions
    let begin = lanes[lane].cursor
    var end = begin + 1
    if let limit {
      // At the limit's own time it depends on who is first in the list.
      let latest = lane < limit.lane ? limit.time : limit.time == .min ? .min : limit.time - 1
      while end < parts.count, parts[end].commitTime.microseconds <= latest { end += 1 }
    } else {
      end = parts.count
    }
    return Run(lane: lane, parts: begin..<end, isWholeBatch: begin == 0 && end == parts.count)
  }

  private mutating func runInside(_ lane: Int) -> Run? {
    guard let head = lanes[lane].head else {
      if standings.contains(where: \.isReady) { holder = lane }
      return nil
    }
    let cursor = lanes[lane].cursor
    return Run(
      lane: lane, parts: cursor..<(cursor + 1), isWholeBatch: cursor == 0 && head.transactions.count == 1)
  }

  /// What a snapshot has read, until the batch ends or the log goes on in it.
  private func snapshotRun(_ lane: Int) -> Run? {
    guard let head = lanes[lane].head else { return nil }
    let cursor = lanes[lane].cursor
    let end = head.transactions[cursor...].firstIndex { !$0.isSnapshot } ?? head.transactions.count
    return Run(
      lane: lane, parts: cursor..<end, isWholeBatch: cursor == 0 && end == head.transactions.count)
  }

  /// The run leaves with the whole batch, which nobody else here holds any more.
  package mutating func takeBatch(_ run: Run) throws(Failure) -> Batch? {
    let batch = try lanes[run.lane].removeHead()
    note(batch?.transactions.last, of: run.lane)
    standings[run.lane] = CommitOrder.standing(lanes[run.lane])
    return batch
  }

  /// The run has left; its batch stays.
  package mutating func leave(_ run: Run) throws(Failure) {
    let last = lanes[run.lane].head?.transactions[run.parts.upperBound - 1]
    note(last, of: run.lane)
    try lanes[run.lane].leave(through: run.parts.upperBound)
    standings[run.lane] = CommitOrder.standing(lanes[run.lane])
  }

  private mutating func note(_ last: TransactionPart?, of lane: Int) {
    guard let last else { return }
    inside = last.ends ? nil : lane
  }

  /// Raises the watermark to what all sources have promised, those that nobody waits for left out.
  /// - Returns: whether it has moved.
  package mutating func advance() -> Bool {
    var least: EventTime?
    for lane in lanes where !lane.isIdle || !lane.isEmpty {
      var promised = lane.watermark
      if lane.isReadingTables { promised = .distantPast }
      if !lane.isEmpty, !lane.isHeadSnapshot {
        promised = EventTime(microseconds: max(lane.headTime.microseconds, .min + 1) - 1)
      }
      least = min(least ?? promised, promised)
    }
    guard let least, least > watermark else { return false }
    watermark = least
    return true
  }

  /// Everything has left that ever will: what is left is behind a source that has stopped. Asked behind `nextRun`.
  package var isFinished: Bool {
    if tornLane != nil || lanes.allSatisfy({ $0.isEnded && $0.isEmpty }) { return true }
    return holder.map { lanes[$0].isStopped } ?? false
  }

  /// The lane that has ended inside a transaction; nothing of the others may come behind that.
  package var tornLane: Int? { inside.flatMap { lanes[$0].isEnded && lanes[$0].isEmpty ? $0 : nil } }
}
