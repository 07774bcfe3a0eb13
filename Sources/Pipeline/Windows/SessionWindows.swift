import Change

/// Sessions: the rows of a group that follow each other closer than the gap. A session ends one gap behind its last row.
///
/// Each event time of a group has a state of its own, so that a row that comes in between joins two sessions, and one that
/// goes parts them: what a query over all rows would find. They are put together when a session is told.
///
/// *Thread*: one at a time. *Memory*: an entry for each group and event time until the session is gone.
final class SessionWindows: WindowState {
  /// What a group has, beside its number.
  struct Group: BitwiseCopyable {
    /// Entries of event times, ascending.
    var moments = EntryList()
    /// Entries of sessions that were told, by their start.
    var told = EntryList()
    /// Changes since the last pane of an open session.
    var changes: UInt32 = 0
    var isPending = false
    var waitsForEarly = false
    var waitsForLate = false
  }

  /// A moment of the watermark at which a session may end or be gone.
  struct Timer: BitwiseCopyable {
    var at: Int64
    var group: UInt32
    /// Of the group's key.
    var hash: UInt32
    /// The row that would be its last.
    var time: Int64
  }

  let layout: AccumulatorLayout
  let groups: GroupIndex
  let blocks: BlockArena
  let renderer: PaneRenderer
  let moments: EntryTable
  let told: EntryTable
  let definition: WindowDefinition
  let gap: Int64

  let budget: StateBudget
  let timers: TimerHeap
  /// Groups to be looked at at the end of the transaction, and at the next multiple of a trigger's period.
  @exclusivity(unchecked) var pending: [UInt32] = []
  @exclusivity(unchecked) private(set) var early: [UInt32] = []
  @exclusivity(unchecked) private(set) var late: [UInt32] = []
  /// The watermark up to which sessions were told as complete.
  @exclusivity(unchecked) var passed = Int64.min
  private let merged: AccumulatorLayout.Words

  init(_ plan: WindowPlan, gap: Int64, _ budget: StateBudget) {
    definition = plan.definition
    self.gap = gap
    self.budget = budget
    groups = GroupIndex(budget, extra: MemoryLayout<Group>.stride)
    blocks = BlockArena(budget)
    timers = TimerHeap(budget, groups)
    layout = AccumulatorLayout(plan, blocks)
    renderer = PaneRenderer(plan: plan, layout: layout, groups: groups, blocks: blocks)
    moments = EntryTable(budget, stride: EntryTable.headerWidth + plan.width)
    told = EntryTable(budget, stride: renderer.stateOffset)
    merged = .allocate(capacity: plan.width + 1)
    merged.initialize(repeating: 0, count: plan.width + 1)
  }

  deinit { merged.deallocate() }

  var byteCount: Int {
    moments.byteCount + told.byteCount + groups.byteCount + blocks.inUse + timers.byteCount + fixedByteCount
  }
  var fixedByteCount: Int { (pending.capacity + early.capacity + late.capacity) * 4 }
  var entryCount: Int { moments.count }

  /// What a group has; good until the budget is settled.
  @inline(__always) func group(_ number: UInt32) -> UnsafeMutablePointer<Group> {
    groups.extra(number).assumingMemoryBound(to: Group.self)
  }

  @inline(__always) func momentList(_ group: UInt32) -> UnsafeMutableBufferPointer<UInt32> {
    self.group(group).pointee.moments.entries(in: blocks)
  }

  func rebind(_ plan: WindowPlan) {
    layout.measures = plan.measures
    renderer.plan = plan
  }

  func add(
    _ row: AccumulatorLayout.Row, group: UInt32, clock: WindowClock, late tooLate: (Int64) throws(Failure) -> Void
  ) throws(Failure) {
    try budget.settle()
    groups.retain(group)
    defer { groups.release(group) }
    let own = self.group(group)
    if own.pointee.moments.isEmpty, own.pointee.told.isEmpty { own.pointee.changes = 0 }
    let end = endOfSession(holding: row.time, group)
    if end - 1 <= clock.watermark, end - 1 + clock.allowedLateness <= clock.watermark { return try tooLate(end) }
    let moment = moment(at: row.time, group)
    let words = moments.words(moment)
    try layout.add(row, to: words + EntryTable.headerWidth)
    words[EntryTable.rows] &+= UInt64(bitPattern: row.sign)
    if words[EntryTable.rows] == 0, renderer.plan.timeColumn != nil { remove(moment, group) }
    noteChange(group, isClosed: end - 1 <= clock.watermark)
  }

  private func noteChange(_ group: UInt32, isClosed: Bool) {
    let own = self.group(group)
    if own.pointee.changes < .max { own.pointee.changes += 1 }
    var isDue = false
    if isClosed {
      isDue = definition.late == .each
      if case .every = definition.late { wait(group, early: false, late: true) }
    } else if case .changes(let limit) = definition.early {
      isDue = own.pointee.changes >= limit
    } else if case .every = definition.early {
      wait(group, early: true, late: false)
    }
    guard isDue, !own.pointee.isPending else { return }
    own.pointee.isPending = true
    groups.retain(group)
    pending.append(group)
  }

  /// The end of the session that a row at `time` would belong to.
  private func endOfSession(holding time: Int64, _ group: UInt32) -> Int64 {
    let list = momentList(group)
    var index = position(of: time, in: list)
    var last = time
    while index < list.count, moments.end(list[index]) - last < gap {
      last = moments.end(list[index])
      index += 1
    }
    return last + gap
  }

  /// Where a time is in a list, or would be; most rows come near the end.
  private func position(of time: Int64, in list: UnsafeMutableBufferPointer<UInt32>) -> Int {
    if let last = list.last, moments.end(last) < time { return list.count }
    var (low, high) = (0, list.count)
    while low < high {
      let middle = (low + high) / 2
      if moments.end(list[middle]) < time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func moment(at time: Int64, _ group: UInt32) -> UInt32 {
    let list = momentList(group)
    let index = position(of: time, in: list)
    if index < list.count, moments.end(list[index]) == time { return list[index] }
    let moment = moments.insert(end: time, group: group)
    groups.retain(group)
    self.group(group).pointee.moments.insert(moment, at: index, in: blocks)
    setTimers(time, group)
    return moment
  }

  /// The watermark that ends a session whose last row is at `time`, and the one behind which it is gone.
  private func setTimers(_ time: Int64, _ group: UInt32) {
    setTimer(at: time + gap - 1, group, time)
    guard definition.allowedLateness > 0 else { return }
    setTimer(at: time + gap - 1 + definition.allowedLateness, group, time)
  }

  func setTimer(at instant: Int64, _ group: UInt32, _ time: Int64) {
    groups.retain(group)
    timers.push(Timer(at: instant, group: group, hash: groups.hash(of: group), time: time))
    timers.removeDuplicates { groups.release($0.group) }
  }

  private func remove(_ moment: UInt32, _ group: UInt32) {
    let index = position(of: moments.end(moment), in: momentList(group))
    self.group(group).pointee.moments.remove(at: index, in: blocks)
    free(moment)
    // What stays may have ended earlier than it looked.
    if index > 0 { setTimers(moments.end(momentList(group)[index - 1]), group) }
  }

  private func free(_ moment: UInt32) {
    let group = moments.group(moment)
    layout.clear(moments.words(moment) + EntryTable.headerWidth)
    moments.remove(moment)
    groups.release(group)
  }

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

  func fire(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    try pass(clock, to: writer)
    if case .every(let period) = definition.early, WindowBounds.isMultiple(clock.now, of: period) {
      let list = early
      early.removeAll(keepingCapacity: true)
      for group in list {
        self.group(group).pointee.waitsForEarly = false
        try tell(group, tellsOpen: true, tellsClosed: false, clock, writer)
        groups.release(group)
      }
    }
    if case .every(let period) = definition.late, WindowBounds.isMultiple(clock.now, of: period) {
      let list = late
      late.removeAll(keepingCapacity: true)
      for group in list {
        self.group(group).pointee.waitsForLate = false
        try tell(group, tellsOpen: false, tellsClosed: true, clock, writer)
        groups.release(group)
      }
    }
  }

  func endTransaction(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    let list = pending
    pending.removeAll(keepingCapacity: true)
    for group in list {
      self.group(group).pointee.isPending = false
      try tell(group, tellsOpen: true, tellsClosed: definition.late == .each, clock, writer)
      groups.release(group)
    }
    try pass(clock, except: list, to: writer)
  }

  /// Tells the sessions that are complete now, and forgets those that are gone.
  /// - Parameter told: groups whose sessions were looked at with this watermark already: each is told once.
  func pass(_ clock: WindowClock, except told: [UInt32] = [], to writer: PaneWriter) throws(Failure) {
    var told = Set(told)
    while let timer = timers.first, timer.at <= clock.watermark {
      timers.pop()
      if !told.contains(timer.group), endsSession(timer) {
        told.insert(timer.group)
        try tell(timer.group, tellsOpen: false, tellsClosed: false, clock, writer)
      }
      groups.release(timer.group)
    }
    passed = max(passed, clock.watermark)
  }

  /// Whether the row is still there, and none follows it within the gap.
  private func endsSession(_ timer: Timer) -> Bool {
    let list = momentList(timer.group)
    let index = position(of: timer.time, in: list)
    guard index < list.count, moments.end(list[index]) == timer.time else {
      // It went; what it told must go as well.
      return !group(timer.group).pointee.told.isEmpty
    }
    return index + 1 == list.count || moments.end(list[index + 1]) - timer.time >= gap
  }

  /// Looks at all sessions of a group, and tells those that are due.
  func tell(
    _ group: UInt32, tellsOpen: Bool, tellsClosed: Bool, _ clock: WindowClock, _ writer: PaneWriter
  ) throws(Failure) {
    try budget.settle()
    groups.retain(group)
    if tellsOpen { self.group(group).pointee.changes = 0 }
    var starts: Set<Int64> = []
    var index = 0
    var gone = 0
    while index < momentList(group).count {
      let range = session(from: index, group)
      let start = moments.end(momentList(group)[index])
      let end = moments.end(momentList(group)[range.upperBound - 1]) + gap
      let isGone = end - 1 + clock.allowedLateness <= clock.watermark
      starts.insert(start)
      let isComplete = end - 1 <= clock.watermark
      let isNew = isComplete && end - 1 > passed
      if isNew || isGone || (isComplete ? tellsClosed : tellsOpen) {
        let timing: PaneTiming = isNew ? .onTime : isComplete ? .late : .early
        let pane = PaneRenderer.Pane(start: start, end: end, timing: timing, isLast: isGone)
        try tell(pane, range, group, isAlways: isNew, writer)
      }
      if isGone { gone = range.upperBound }
      index = range.upperBound
    }
    try retract(group, except: starts, writer)
    if gone > 0 { try forget(group, gone) }
    groups.release(group)
  }

  /// The moments of the session that begins at an index.
  private func session(from first: Int, _ group: UInt32) -> Range<Int> {
    let list = momentList(group)
    var end = first + 1
    while end < list.count, moments.end(list[end]) - moments.end(list[end - 1]) < gap { end += 1 }
    return first..<end
  }

  private func tell(
    _ pane: PaneRenderer.Pane, _ range: Range<Int>, _ group: UInt32, isAlways: Bool, _ writer: PaneWriter
  ) throws(Failure) {
    var rows: Int64 = 0
    for index in range {
      let words = moments.peek(momentList(group)[index])
      rows += Int64(bitPattern: words[EntryTable.rows])
      try layout.merge(words + EntryTable.headerWidth, into: merged)
    }
    defer { layout.clear(merged) }
    try budget.settle()
    let entry = toldEntry(pane.start, group)
    let words = told.words(entry)
    if !isAlways, try renderer.isTold(words, end: pane.end, state: merged, rows: rows) { return }
    try renderer.emit(pane, words, state: merged, rows: rows, to: writer)
    // The row before the next change has the end that was told.
    words[EntryTable.rows] = UInt64(bitPattern: pane.end)
  }

  private func toldEntry(_ start: Int64, _ group: UInt32) -> UInt32 {
    let found = told.find(end: start, group: group)
    if found != EntryTable.none { return found }
    let entry = told.insert(end: start, group: group)
    groups.retain(group)
    self.group(group).pointee.told.append(entry, in: blocks)
    return entry
  }

  /// Takes back the sessions that begin where none begins any more: they have been joined, parted or emptied.
  private func retract(_ group: UInt32, except starts: Set<Int64>, _ writer: PaneWriter) throws(Failure) {
    var index = 0
    while index < self.group(group).pointee.told.count {
      let entry = self.group(group).pointee.told.entries(in: blocks)[index]
      let start = told.end(entry)
      if starts.contains(start) {
        index += 1
        continue
      }
      let words = told.words(entry)
      let end = Int64(bitPattern: words[EntryTable.rows])
      try renderer.retract(
        PaneRenderer.Pane(start: start, end: end, timing: .late, isLast: false), words, to: writer)
      removeTold(at: index, entry, group)
    }
  }

  private func removeTold(at index: Int, _ entry: UInt32, _ group: UInt32) {
    self.group(group).pointee.told.remove(at: index, in: blocks)
    renderer.forget(told.words(entry))
    told.remove(entry)
    groups.release(group)
  }

  /// Forgets the first moments of a group, and what was told of them.
  private func forget(_ group: UInt32, _ count: Int) throws(Failure) {
    let last = moments.end(momentList(group)[count - 1])
    for index in 0..<count {
      try budget.settle()
      free(momentList(group)[index])
    }
    self.group(group).pointee.moments.removeSubrange(0..<count, in: blocks)
    var index = 0
    while index < self.group(group).pointee.told.count {
      let entry = self.group(group).pointee.told.entries(in: blocks)[index]
      if told.end(entry) > last { index += 1 } else { removeTold(at: index, entry, group) }
    }
  }

  /// After a restart: the next event time of a group, which has its timers already; nil when it does not come next.
  func restoreMoment(at time: Int64, _ group: UInt32) -> UInt32? {
    if let last = momentList(group).last, moments.end(last) >= time { return nil }
    let moment = moments.insert(end: time, group: group)
    groups.retain(group)
    self.group(group).pointee.moments.append(moment, in: blocks)
    return moment
  }

  /// After a restart: a session that was told, by its start; nil when it is there already.
  func restoreTold(at start: Int64, _ group: UInt32) -> UInt32? {
    guard told.find(end: start, group: group) == EntryTable.none else { return nil }
    return toldEntry(start, group)
  }

  /// The group is looked at, at the next multiple of a trigger's period.
  func wait(_ group: UInt32, early isEarly: Bool, late isLate: Bool) {
    let own = self.group(group)
    if isEarly, !own.pointee.waitsForEarly {
      own.pointee.waitsForEarly = true
      groups.retain(group)
      early.append(group)
    }
    if isLate, !own.pointee.waitsForLate {
      own.pointee.waitsForLate = true
      groups.retain(group)
      late.append(group)
    }
  }
}
