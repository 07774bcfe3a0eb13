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
    /// Entries of event times. While there is one, the group is referred to.
    var moments = EntryList()
    /// Entries of sessions that were told, by their start. While there is one, the group is referred to.
    var told = EntryList()
    /// Changes since the last pane of an open session.
    var changes: UInt32 = 0
    var isPending = false
    var waitsForEarly = false
    var waitsForLate = false
    /// Whether there is a timer for the end of a session, and for which row; of several for one.
    var isArmed = false
    var armed: Int64 = 0
    /// The number of the pass that looked at the group last.
    var lookedAt: Int64 = 0
  }

  let layout: AccumulatorLayout
  let groups: GroupIndex
  let blocks: BlockArena
  let renderer: PaneRenderer
  /// What the rows of one group and event time are together: how many there are, and the aggregates.
  let moments: EntryTable
  static let momentHeader = 1
  let told: EntryTable
  let definition: WindowDefinition
  let gap: Int64
  /// Rows have event times of their own, so that they can go again.
  private let rowsGo: Bool

  let budget: StateBudget
  let timers: TimerHeap
  /// Groups to be looked at at the end of the transaction, and at the next multiple of a trigger's period.
  @exclusivity(unchecked) var pending: [UInt32] = []
  @exclusivity(unchecked) private(set) var early: [UInt32] = []
  @exclusivity(unchecked) private(set) var late: [UInt32] = []
  /// The watermark up to which sessions were told as complete.
  @exclusivity(unchecked) var passed = Int64.min
  /// How often groups were looked at because the watermark may have passed their sessions.
  @exclusivity(unchecked) var passes: Int64 = 0
  /// The state of a session, put together.
  let merged: AccumulatorLayout.Words
  /// The entry of a session that is told once.
  let single: EntryTable.Words
  /// The sessions of the group that is looked at, in order of their times.
  @exclusivity(unchecked) var spans: [Span] = []

  /// From when until when a session goes.
  struct Span: BitwiseCopyable {
    var start: Int64
    var end: Int64
  }

  init(_ plan: WindowPlan, gap: Int64, _ budget: StateBudget) {
    definition = plan.definition
    self.gap = gap
    self.budget = budget
    rowsGo = plan.timeColumn != nil
    groups = GroupIndex(budget, extra: MemoryLayout<Group>.stride)
    blocks = BlockArena(budget)
    timers = TimerHeap(budget, groups)
    layout = AccumulatorLayout(plan, blocks)
    renderer = PaneRenderer(plan: plan, layout: layout, groups: groups, blocks: blocks)
    moments = EntryTable(budget, stride: SessionWindows.momentHeader + plan.width)
    told = EntryTable(budget, stride: renderer.stateOffset)
    merged = .allocate(capacity: plan.width + 1)
    merged.initialize(repeating: 0, count: plan.width + 1)
    single = .allocate(capacity: renderer.stateOffset)
    single.initialize(repeating: 0, count: renderer.stateOffset)
  }

  deinit {
    merged.deallocate()
    single.deallocate()
  }

  var byteCount: Int {
    moments.byteCount + told.byteCount + groups.byteCount + blocks.inUse + timers.byteCount + fixedByteCount
  }
  var fixedByteCount: Int { (pending.capacity + early.capacity + late.capacity) * 4 + spans.capacity * 16 }
  var entryCount: Int { moments.count }

  /// What a group has; good until the budget is settled.
  @inline(__always) func group(_ number: UInt32) -> UnsafeMutablePointer<Group> {
    groups.extra(number).assumingMemoryBound(to: Group.self)
  }

  @inline(__always) func momentList(_ group: UInt32) -> EntryList.Elements {
    self.group(group).pointee.moments.elements(in: blocks)
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
    let list = own.pointee.moments.elements(in: blocks)
    let index = EntryList.position(of: row.time, in: list)
    let end = endOfSession(holding: row.time, before: index, in: list)
    if end - 1 <= clock.watermark, end - 1 + clock.allowedLateness <= clock.watermark { return try tooLate(end) }
    let ownEnd = row.time + gap
    if ownEnd - 1 <= clock.watermark, ownEnd - 1 + clock.allowedLateness <= clock.watermark,
      !joins(row, at: index, in: list)
    {
      return try tooLate(ownEnd)
    }
    let moment: UInt32
    if index < list.count, list[index].time == row.time {
      moment = list[index].entry
    } else {
      moment = insert(row.time, at: index, group)
      arm(row.time, at: index, group, clock)
    }
    let words = moments.words(moment)
    try layout.add(row, to: words + SessionWindows.momentHeader)
    words[0] &+= UInt64(bitPattern: row.sign)
    if words[0] == 0, rowsGo { remove(at: index, group, clock) }
    noteChange(own, group, isClosed: end - 1 <= clock.watermark)
  }

  private func noteChange(_ own: UnsafeMutablePointer<Group>, _ group: UInt32, isClosed: Bool) {
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

  /// The end of the session that a row at `time` would belong to, before the element of an index.
  @inline(__always) private func endOfSession(
    holding time: Int64, before index: Int, in list: EntryList.Elements
  ) -> Int64 {
    var index = index
    var last = time
    while index < list.count, list[index].time - last < gap {
      last = list[index].time
      index += 1
    }
    return last + gap
  }

  /// Whether a row that alone would be too late belongs to a session that is still kept: one that goes, where it is held; one
  /// that comes, where a row before it is. One that would begin a session earlier may be of one that is gone, or lie behind it:
  /// no session begins where one has begun that is gone.
  private func joins(_ row: AccumulatorLayout.Row, at index: Int, in list: EntryList.Elements) -> Bool {
    if index < list.count, list[index].time == row.time { return true }
    return row.sign > 0 && index > 0 && row.time - list[index - 1].time < gap
  }

  @inline(__always) private func insert(_ time: Int64, at index: Int, _ group: UInt32) -> UInt32 {
    let moment = moments.insert()
    let own = self.group(group)
    if own.pointee.moments.isEmpty { groups.retain(group) }
    own.pointee.moments.insert(EntryList.Element(time: time, entry: moment), at: index, in: blocks)
    return moment
  }

  private func remove(at index: Int, _ group: UInt32, _ clock: WindowClock) {
    let own = self.group(group)
    let gone = own.pointee.moments.elements(in: blocks)[index]
    own.pointee.moments.remove(at: index, in: blocks)
    free(gone.entry)
    // What it told must go as well, when its time has come.
    setTimers(gone.time, group, behind: clock.watermark)
    // What stays may have ended earlier than it looked.
    if index > 0 { setTimers(momentList(group)[index - 1].time, group) }
    if own.pointee.moments.isEmpty { groups.release(group) }
  }

  private func free(_ moment: UInt32) {
    layout.clear(moments.words(moment) + SessionWindows.momentHeader)
    moments.remove(moment)
  }

  func fire(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    passes += 1
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

  /// How many changes of a group there are when its open sessions are told.
  var earlyLimit: UInt32 {
    if case .changes(let count) = definition.early { UInt32(clamping: count) } else { .max }
  }

  func endTransaction(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    passes += 1
    for group in pending {
      let own = self.group(group)
      own.pointee.isPending = false
      // Its sessions are looked at with this watermark: each is told once.
      own.pointee.lookedAt = passes
      let isFull = own.pointee.changes >= earlyLimit
      try tell(group, tellsOpen: isFull, tellsClosed: definition.late == .each, clock, writer)
      groups.release(group)
    }
    pending.removeAll(keepingCapacity: true)
    try pass(clock, to: writer)
  }

  /// Forgets the first moments of a group, and what was told of them.
  func forget(_ group: UInt32, _ count: Int) throws(Failure) {
    let last = momentList(group)[count - 1].time
    for index in 0..<count {
      try budget.settle()
      free(momentList(group)[index].entry)
    }
    let own = self.group(group)
    own.pointee.moments.removeSubrange(0..<count, in: blocks)
    if own.pointee.moments.isEmpty { groups.release(group) }
    while let first = own.pointee.told.elements(in: blocks).first, first.time <= last { removeTold(at: 0, group) }
  }

  func removeTold(at index: Int, _ group: UInt32) {
    let own = self.group(group)
    let entry = own.pointee.told.elements(in: blocks)[index].entry
    own.pointee.told.remove(at: index, in: blocks)
    renderer.forget(told.words(entry))
    told.remove(entry)
    if own.pointee.told.isEmpty { groups.release(group) }
  }

  /// The entry of a session that was told, by its start; nil when it was not.
  func findTold(_ start: Int64, _ group: UInt32) -> UInt32? {
    let list = self.group(group).pointee.told.elements(in: blocks)
    let index = EntryList.position(of: start, in: list)
    return index < list.count && list[index].time == start ? list[index].entry : nil
  }

  func insertTold(_ start: Int64, _ group: UInt32) -> UInt32 {
    let entry = told.insert(end: start, group: group)
    let own = self.group(group)
    if own.pointee.told.isEmpty { groups.retain(group) }
    let index = EntryList.position(of: start, in: own.pointee.told.elements(in: blocks))
    own.pointee.told.insert(EntryList.Element(time: start, entry: entry), at: index, in: blocks)
    return entry
  }

  /// After a restart: the next event time of a group; nil when it does not come next.
  func restoreMoment(at time: Int64, _ group: UInt32) -> UInt32? {
    let list = momentList(group)
    if let last = list.last, last.time >= time { return nil }
    return insert(time, at: list.count, group)
  }

  /// After a restart: a session that was told, by its start; nil when it is there already.
  func restoreTold(at start: Int64, _ group: UInt32) -> UInt32? {
    findTold(start, group) == nil ? insertTold(start, group) : nil
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
