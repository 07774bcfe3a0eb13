import Change

/// When sessions end: a timer for a row that may be the last of its session.
///
/// A group has one timer for the first of its sessions' ends, at the latest; when it comes, the next one is set. So the rows
/// that lengthen a session set none. Another timer per session says when late rows can change it no more.
extension SessionWindows {
  /// A moment of the watermark at which a session may end or be gone.
  struct Timer: BitwiseCopyable {
    var at: Int64
    var group: UInt32
    /// Of the group's key.
    var hash: UInt32
    /// The row that would be its last.
    var time: Int64
  }

  /// Sees to it that the end of the session of a new event time is noticed.
  @inline(__always) func arm(_ time: Int64, at index: Int, _ group: UInt32, _ clock: WindowClock) {
    if time + gap - 1 <= clock.watermark { return setTimers(time, group) }
    let own = self.group(group)
    if own.pointee.isArmed {
      if time >= own.pointee.armed { return }
      // The row that follows has a timer, or one that comes before it leads there.
      let list = own.pointee.moments.elements(in: blocks)
      if index + 1 < list.count, list[index + 1].time - time < gap { return }
    }
    setEndTimer(time, group)
  }

  /// The watermark that ends a session whose last row is at `time`, and the one behind which it is gone.
  /// - Parameter watermark: timers that it has passed already are not set.
  func setTimers(_ time: Int64, _ group: UInt32, behind watermark: Int64 = .min) {
    if time + gap - 1 > watermark { setEndTimer(time, group) }
    if time + gap - 1 + definition.allowedLateness > watermark { setGoneTimer(time, group) }
  }

  private func setEndTimer(_ time: Int64, _ group: UInt32) {
    let own = self.group(group)
    if own.pointee.isArmed, own.pointee.armed == time { return }
    if !own.pointee.isArmed || time < own.pointee.armed { (own.pointee.isArmed, own.pointee.armed) = (true, time) }
    setTimer(at: time + gap - 1, group, time)
  }

  private func setGoneTimer(_ time: Int64, _ group: UInt32) {
    guard definition.allowedLateness > 0 else { return }
    setTimer(at: time + gap - 1 + definition.allowedLateness, group, time)
  }

  private func setTimer(at instant: Int64, _ group: UInt32, _ time: Int64) {
    groups.retain(group)
    timers.push(Timer(at: instant, group: group, hash: groups.hash(of: group), time: time))
    timers.removeDuplicates { groups.release($0.group) }
  }

  /// After a restart: a timer as it was stored.
  func restoreTimer(at instant: Int64, _ group: UInt32, _ time: Int64) {
    if isEnd(instant, time) { setEndTimer(time, group) } else { setTimer(at: instant, group, time) }
  }

  private func isEnd(_ instant: Int64, _ time: Int64) -> Bool { instant == time + gap - 1 }

  func nextInstant(_ clock: WindowClock) -> Int64? {
    var next = Int64.max
    if let first = timers.first, let instant = clock.instant(ofWatermark: first.at) { next = instant }
    if case .every(let period) = definition.early, !early.isEmpty {
      next = min(next, WindowBounds.multiple(of: period, behind: clock.now))
    }
    if case .every(let period) = definition.late, !late.isEmpty {
      next = min(next, WindowBounds.multiple(of: period, behind: clock.now))
    }
    return next == .max ? nil : max(next, clock.now)
  }

  /// Tells the sessions that are complete now, and forgets those that are gone. A group that this pass has looked at already
  /// is left out: each session is told once.
  func pass(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    while let timer = timers.first, timer.at <= clock.watermark {
      try budget.settle()
      timers.pop()
      let ends = endsSession(timer)
      if isEnd(timer.at, timer.time) {
        if ends { setGoneTimer(timer.time, timer.group) }
        armNext(behind: timer)
      }
      if ends, group(timer.group).pointee.lookedAt != passes {
        group(timer.group).pointee.lookedAt = passes
        try tell(timer.group, tellsOpen: false, tellsClosed: false, clock, writer)
      }
      groups.release(timer.group)
    }
    passed = max(passed, clock.watermark)
  }

  /// Whether the row is still there, and none follows it within the gap.
  private func endsSession(_ timer: Timer) -> Bool {
    let list = momentList(timer.group)
    let index = EntryList.position(of: timer.time, in: list)
    guard index < list.count, list[index].time == timer.time else {
      // It went; what it told must go as well.
      return !group(timer.group).pointee.told.isEmpty
    }
    return index + 1 == list.count || list[index + 1].time - timer.time >= gap
  }

  /// The group's next timer, behind one for the end of a session that has come. Passes before this one have seen to the
  /// sessions that had ended until then.
  private func armNext(behind timer: Timer) {
    let own = group(timer.group)
    let list = own.pointee.moments.elements(in: blocks)
    let time = passed == .min ? timer.time : max(timer.time, passed - gap + 1)
    var index = EntryList.position(of: time + 1, in: list)
    if own.pointee.isArmed, own.pointee.armed <= timer.time { own.pointee.isArmed = false }
    guard index < list.count else { return }
    while index + 1 < list.count, list[index + 1].time - list[index].time < gap { index += 1 }
    let next = list[index].time
    if !own.pointee.isArmed || next < own.pointee.armed { setEndTimer(next, timer.group) }
  }
}
