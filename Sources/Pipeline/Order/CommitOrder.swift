package import Change

/// The one order of several sources: by commit time, then source, then place in the log. Nothing here waits or sends.
///
/// *Ordering*: a transaction is next when no other source can still bring an earlier one: its next one is later, or it has
/// promised so, or nobody waits for it because it ended, is idle or reads its tables. What a snapshot reads has no place in
/// the order and is next when it comes. Between the pieces of a transaction nothing else comes. *Watermark*: never goes
/// back; what is at or below it comes late. *Determinism*: while no source is idle, the order depends on nothing but the logs;
/// `takeBreak` tells where it does not. *Replay*: what a sink has results of comes again first, in the order in which it came
/// before; until then sources are waited for, and nothing is promised.
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
  private var standings: [Standing] = []
  private var replay: OrderReplay
  /// The watermark has risen to what was promised before, and `advance` has not told so yet: it holds before what leaves next.
  package private(set) var hasRisen = false
  /// The latest that has left since the order was broken last.
  private var tail: (time: Int64, lane: Int)?

  package init(_ lanes: [SourceLane], watermark: EventTime, replay: OrderReplay = OrderReplay()) {
    self.lanes = lanes
    self.watermark = watermark
    self.replay = replay
    standings = lanes.map { _ in .nothing }
    passGoals()
  }

  // MARK: Replay

  /// What a sink has has not come again yet.
  package var isReplaying: Bool { !replay.isOver }

  /// How many transactions of each source have left.
  package var counts: [TransactionCount] { lanes.map(\.progress.count) }

  /// How many transactions of a lane may leave now.
  private func remaining(_ lane: Int) -> UInt64 { replay.remaining(lane, lanes[lane].progress.count) }

  private mutating func passGoals(left: (lane: Int, transactions: UInt64)? = nil) {
    if let promised = replay.pass(counts, left: left), promised > watermark { (watermark, hasRisen) = (promised, true) }
    for lane in lanes.indices { standings[lane] = standing(lane) }
  }

  /// What changed in a lane, of which so many transactions have left.
  private mutating func restand(_ lane: Int, left: UInt64 = 0) {
    guard isReplaying else { return standings[lane] = standing(lane) }
    passGoals(left: (lane, left))
  }

  /// Stops a replay that will not end: a source has gone beyond what it has to bring, and has not brought it.
  package func checkReplay() throws(Failure) {
    guard isReplaying, let end = replay.end else { return }
    for (index, lane) in lanes.enumerated() where remaining(index) > 0 {
      guard let place = end[lane.name], try lane.hasMissed(place) else { continue }
      throw Failure(
        .identity, "the log of source \"\(lane.name)\" does not bring again what results of windows follow from",
        at: place.text,
        hint: "the source reads other tables than before, or another server; begin anew: remove windows.state from the"
          + " state directory, and the tables and checkpoints of the sinks")
    }
  }

  /// Where the order does not follow from the logs when a run leaves: it is late, or behind what has left. Asked once for each
  /// run that leaves.
  package mutating func takeBreak(_ run: Run) -> OrderBreak? {
    guard let parts = lanes[run.lane].head?.transactions[run.parts], let first = parts.first, !first.isSnapshot else {
      return nil
    }
    // Where it came from alone, it is told already; so is where a transaction goes on.
    guard first.begins, !replay.isAlone(run.lane) else {
      if first.begins { tail = nil }
      return nil
    }
    var (begun, latest, isLate) = (UInt64(0), Int64.min, false)
    for part in parts where !part.isSnapshot {
      latest = max(latest, part.commitTime.microseconds)
      isLate = isLate || part.commitTime <= watermark
      begun += part.begins ? 1 : 0
    }
    let isBehind = tail.map { (first.commitTime.microseconds, run.lane) < ($0.time, $0.lane) } ?? false
    if !isReplaying, isLate || isBehind {
      tail = nil
      return OrderBreak(counts: counts, lane: run.lane, transactions: begun, watermark: watermark)
    }
    if let known = tail, (latest, run.lane) < (known.time, known.lane) { return nil }
    tail = (latest, run.lane)
    return nil
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
    restand(lane)
    return hasMoved
  }

  /// A source has said that its tables are read.
  package mutating func endReadingTables(_ lane: Int) {
    guard lanes[lane].isEmpty else { return }
    lanes[lane].endReadingTables()
    restand(lane)
  }

  /// Lets go of the lanes that were silent until `now` for longer than `limit`, and returns them.
  package mutating func findIdle(limit: UInt64, now: UInt64) -> [Int] {
    var found: [Int] = []
    for index in lanes.indices where !lanes[index].isIdle && lanes[index].isEmpty && index != inside {
      // What a sink has results of is there, and comes.
      if isReplaying, remaining(index) > 0 { continue }
      guard !lanes[index].isReadingTables, !lanes[index].isStopped, now &- lanes[index].heardAt >= limit else {
        continue
      }
      lanes[index].isIdle = true
      restand(index)
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
    var (nextTime, secondTime) = (Int64.max, Int64.max)
    for index in standings.indices {
      let standing = standings[index]
      isAnyReady = isAnyReady || standing.isReady
      if standing.isSnapshot { return snapshotRun(index) }
      if standing.time == .max, !standing.isReady { continue }
      if next < 0 || standing.time < nextTime {
        (next, nextTime, second, secondTime) = (index, standing.time, next, nextTime)
      } else if second < 0 || standing.time < secondTime {
        (second, secondTime) = (index, standing.time)
      }
    }
    guard next >= 0 else { return nil }
    guard standings[next].isReady else {
      // The earliest is one that may still come; it matters to whoever has something.
      if isAnyReady { holder = next }
      return nil
    }
    // At the second's own time it depends on who is first in the list.
    let latest = second < 0 || next < second || secondTime == .min ? secondTime : secondTime - 1
    return run(next, through: second < 0 ? nil : latest)
  }

  private func standing(_ index: Int) -> Standing {
    if isReplaying, index != inside, remaining(index) == 0 {
      let mayPass = lanes[index].isHeadSnapshot && !replay.holdsSnapshots
      if !mayPass { return .nothing }
    }
    // Each property by itself: a lane has many references, and a copy of it counts them all.
    if !lanes[index].isEmpty {
      return Standing(
        time: lanes[index].headTime.microseconds, isReady: true, isSnapshot: lanes[index].isHeadSnapshot)
    }
    if lanes[index].isEnded && !lanes[index].isStopped { return .nothing }
    if lanes[index].isIdle || lanes[index].isReadingTables, !isReplaying { return .nothing }
    let promised = lanes[index].watermark.microseconds
    return Standing(time: promised == .max ? .max : promised + 1, isReady: false, isSnapshot: false)
  }

  /// - Parameter latest: the time of the last one that may leave before another lane; nil: no other has anything.
  private func run(_ lane: Int, through latest: Int64?) -> Run? {
    let begin = lanes[lane].cursor
    if let latest, let time = lanes[lane].nextTime, time.microseconds > latest, !isReplaying {
      return Run(lane: lane, parts: begin..<(begin + 1), isWholeBatch: false)
    }
    guard let head = lanes[lane].head else { return nil }
    let count = head.transactions.count
    var end = begin + 1
    if let latest {
      while end < count, head.transactions[end].commitTime.microseconds <= latest { end += 1 }
    } else {
      end = count
    }
    if isReplaying { end = cut(head.transactions[begin..<end], to: remaining(lane)) }
    return Run(lane: lane, parts: begin..<end, isWholeBatch: begin == 0 && end == count)
  }

  /// The end of so many transactions.
  private func cut(_ parts: ArraySlice<TransactionPart>, to limit: UInt64) -> Int {
    var left = limit
    for (index, part) in zip(parts.indices, parts) where part.begins && !part.isSnapshot {
      if left == 0 { return index }
      left -= 1
    }
    return parts.endIndex
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
    if let last = batch?.transactions.last { inside = last.ends ? nil : run.lane }
    restand(run.lane, left: isReplaying ? CommitOrder.ended(batch?.transactions[...] ?? []) : 0)
    return batch
  }

  /// The run has left; its batch stays.
  package mutating func leave(_ run: Run) throws(Failure) {
    guard let batch = lanes[run.lane].head, !run.parts.isEmpty else { return }
    inside = batch.transactions[run.parts.upperBound - 1].ends ? nil : run.lane
    let ended = isReplaying ? CommitOrder.ended(batch.transactions[run.parts]) : 0
    try lanes[run.lane].leave(through: run.parts.upperBound)
    restand(run.lane, left: ended)
  }

  private static func ended(_ parts: ArraySlice<TransactionPart>) -> UInt64 {
    UInt64(parts.count { $0.ends && !$0.isSnapshot })
  }

  /// Raises the watermark to what all sources have promised, those that nobody waits for left out.
  /// - Returns: whether it has moved.
  package mutating func advance() -> Bool {
    defer { hasRisen = false }
    if isReplaying { return hasRisen }
    var least: EventTime?
    for lane in lanes where !lane.isIdle || !lane.isEmpty {
      var promised = lane.watermark
      if lane.isReadingTables { promised = .distantPast }
      if !lane.isEmpty, !lane.isHeadSnapshot {
        promised = EventTime(microseconds: max(lane.headTime.microseconds, .min + 1) - 1)
      }
      least = min(least ?? promised, promised)
    }
    guard let least, least > watermark else { return hasRisen }
    watermark = least
    return true
  }

  /// Everything has left that ever will: what is left is behind a source that has stopped. Asked behind `nextRun`.
  package var isFinished: Bool {
    if tornLane != nil || lanes.allSatisfy({ $0.isEnded && $0.isEmpty }) { return true }
    // Where a source ends before it has brought again what it has to, the others' rest is for the next start.
    if isReplaying, lanes.indices.allSatisfy({ remaining($0) == 0 || (lanes[$0].isEnded && lanes[$0].isEmpty) }) {
      return true
    }
    return holder.map { lanes[$0].isStopped } ?? false
  }

  /// The lane that has ended inside a transaction; nothing of the others may come behind that.
  package var tornLane: Int? { inside.flatMap { lanes[$0].isEnded && lanes[$0].isEmpty ? $0 : nil } }
}
