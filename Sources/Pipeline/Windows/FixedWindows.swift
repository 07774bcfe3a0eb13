import Change

/// Windows whose bounds the calendar gives: tumbling, hopping and cumulative ones.
///
/// *Thread*: one at a time. *Memory*: an entry for each window and group, until the window is gone.
final class FixedWindows: WindowState {
  /// A window with its entries, in the order in which their groups came.
  struct Span {
    var end: Int64
    var head: UInt32
    var tail: UInt32
    /// The entries by their groups.
    var places = EntryPlaces.Table()
    /// How many entries have changed since their last pane.
    var changed = 0
  }

  let layout: AccumulatorLayout
  let groups: GroupIndex
  let blocks: BlockArena
  let renderer: PaneRenderer
  let table: EntryTable
  let places: EntryPlaces
  private let bounds: WindowBounds
  private let slices: WindowSlices
  /// Whether rows are added together by their slices. All windows of a slice that is open are still to come.
  @exclusivity(unchecked) private var isSliced: Bool
  let definition: WindowDefinition
  let budget: StateBudget

  /// By end. Those that the watermark has passed are the first `passedCount`.
  @exclusivity(unchecked) var spans: [Span] = []
  @exclusivity(unchecked) var passedCount = 0
  /// Entries to be told at the end of the transaction.
  @exclusivity(unchecked) var pending: [UInt32] = []
  @exclusivity(unchecked) private var ends: [Int64] = []
  @exclusivity(unchecked) private var recentEnd = Int64.min / 2
  /// Where a window was found last, and where the first of a row's.
  @exclusivity(unchecked) private var recentSpan = 0
  @exclusivity(unchecked) private var firstSpan = 0

  init(_ plan: WindowPlan, _ budget: StateBudget) {
    definition = plan.definition
    self.budget = budget
    groups = GroupIndex(budget)
    blocks = BlockArena(budget)
    layout = AccumulatorLayout(plan, blocks)
    renderer = PaneRenderer(plan: plan, layout: layout, groups: groups, blocks: blocks)
    table = EntryTable(budget, stride: renderer.stride)
    places = EntryPlaces(budget)
    bounds = WindowBounds(plan.definition)
    slices = WindowSlices(layout, isNeeded: !bounds.isSingle)
    isSliced = !bounds.isSingle && FixedWindows.isSliced(plan)
  }

  /// Where a number of changes is waited for, or the order of the rows counts, each goes into its windows itself.
  private static func isSliced(_ plan: WindowPlan) -> Bool {
    if case .changes = plan.definition.early { return false }
    return plan.measures.allSatisfy(\.isSliced)
  }

  var byteCount: Int { table.byteCount + places.byteCount + groups.byteCount + blocks.inUse + fixedByteCount }
  var fixedByteCount: Int { spans.capacity * MemoryLayout<Span>.stride + pending.capacity * 4 + slices.byteCount }
  var entryCount: Int { table.count }

  func add(
    _ row: AccumulatorLayout.Row, group: UInt32, clock: WindowClock, late: (Int64) throws(Failure) -> Void
  ) throws(Failure) {
    try budget.settle()
    if bounds.isSingle {
      // Most rows lie in the window of the row before.
      if row.time < recentEnd - bounds.size || row.time >= recentEnd { recentEnd = bounds.end(of: row.time) }
      try add(row, group, end: recentEnd, clock, late)
    } else {
      if isSliced, try addToSlice(row, group, clock) { return }
      bounds.ends(of: row.time, into: &ends)
      // Most rows lie in the windows of the row before.
      recentSpan = firstSpan
      for index in ends.indices {
        try add(row, group, end: ends[index], clock, late)
        if index == 0 { firstSpan = recentSpan }
      }
    }
    groups.removeIfUnused(group)
  }

  @inline(__always) private func addToSlice(
    _ row: AccumulatorLayout.Row, _ group: UInt32, _ clock: WindowClock
  ) throws(Failure) -> Bool {
    let end = bounds.sliceEnd(of: row.time)
    guard end - 1 > clock.watermark else { return false }
    return try slices.add(row, group: group, end: end) { (sum) throws(Failure) in try pour(sum) }
  }

  private func pour(_ sum: WindowSlices.Sum) throws(Failure) {
    try budget.settle()
    bounds.ends(of: sum.end - 1, into: &ends)
    for end in ends {
      let entry = find(sum.group, end: end)
      precondition(entry != EntryTable.none, "the first row of a slice has gone into each of its windows")
      let words = table.words(entry)
      try layout.merge(sum.state, into: words + renderer.stateOffset)
      words[EntryTable.rows] &+= sum.rows
      EntryTable.count(sum.changes, in: words)
    }
  }

  /// Gives the windows what their slices hold: they are about to be read.
  @inline(__always) func closeSlices() throws(Failure) {
    try slices.close { (sum) throws(Failure) in try pour(sum) }
  }

  @inline(__always) private func add(
    _ row: AccumulatorLayout.Row, _ group: UInt32, end: Int64, _ clock: WindowClock,
    _ late: (Int64) throws(Failure) -> Void
  ) throws(Failure) {
    if end - 1 <= clock.watermark, end - 1 + clock.allowedLateness <= clock.watermark { return try late(end) }
    var entry = groups.recent(group, end: end)
    if entry == EntryTable.none {
      entry = find(group, end: end)
      if entry == EntryTable.none { entry = insert(end: end, group, clock) }
      groups.setRecent(group, end: end, entry: entry)
    }
    let words = table.words(entry)
    try layout.add(row, to: words + renderer.stateOffset)
    words[EntryTable.rows] &+= UInt64(bitPattern: row.sign)
    let changes = EntryTable.count(1, in: words)
    if changes == 1 { spans[span(end)].changed += 1 }
    let isPassed = end - 1 <= clock.watermark
    if isPassed {
      if definition.late == .each { setPending(entry, words) }
    } else if case .changes(let limit) = definition.early, changes >= limit {
      setPending(entry, words)
    }
  }

  @inline(__always) private func setPending(_ entry: UInt32, _ words: EntryTable.Words) {
    guard words[EntryTable.flags] & EntryTable.pendingFlag == 0 else { return }
    words[EntryTable.flags] |= EntryTable.pendingFlag
    pending.append(entry)
  }

  /// The entry of a window and group.
  @inline(__always) func find(_ group: UInt32, end: Int64) -> UInt32 {
    let index = span(end)
    guard index < spans.count, spans[index].end == end else { return EntryTable.none }
    return places.find(group, in: spans[index].places) { table.group($0) == group }
  }

  /// Where a window is in `spans`, or would be.
  @inline(__always) private func span(_ end: Int64) -> Int {
    // A row's windows come in order.
    if recentSpan < spans.count, spans[recentSpan].end == end { return recentSpan }
    recentSpan += 1
    if recentSpan < spans.count, spans[recentSpan].end == end { return recentSpan }
    recentSpan = searchSpan(end)
    return recentSpan
  }

  private func searchSpan(_ end: Int64) -> Int {
    var (low, high) = (0, spans.count)
    while low < high {
      let middle = (low + high) / 2
      if spans[middle].end < end { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func insert(end: Int64, _ group: UInt32, _ clock: WindowClock) -> UInt32 {
    let known = spans.count
    let entry = append(end: end, group)
    if spans.count > known, end - 1 <= clock.watermark { passedCount += 1 }
    return entry
  }

  /// Adds an entry to its window, behind the others.
  func append(end: Int64, _ group: UInt32) -> UInt32 {
    let entry = table.insert(end: end, group: group)
    groups.retain(group)
    let index = span(end)
    if index == spans.count || spans[index].end != end {
      spans.insert(Span(end: end, head: entry, tail: entry), at: index)
    } else {
      table.setNext(spans[index].tail, entry)
      spans[index].tail = entry
    }
    places.insert(entry, of: group, in: &spans[index].places)
    return entry
  }

  func rebind(_ plan: WindowPlan) throws(Failure) {
    try closeSlices()
    layout.measures = plan.measures
    isSliced = !bounds.isSingle && FixedWindows.isSliced(plan)
    renderer.plan = plan
  }

  func nextInstant(_ clock: WindowClock) -> Int64? {
    guard !spans.isEmpty else { return nil }
    var next = Int64.max
    if passedCount < spans.count, let instant = clock.instant(ofWatermark: spans[passedCount].end - 1) {
      next = min(next, instant)
    }
    if passedCount > 0, let instant = clock.instant(ofWatermark: spans[0].end - 1 + clock.allowedLateness) {
      next = min(next, instant)
    }
    if case .every(let period) = definition.early, spans[passedCount...].contains(where: { $0.changed > 0 }) {
      next = min(next, WindowBounds.multiple(of: period, behind: clock.now))
    }
    if case .every(let period) = definition.late, spans[..<passedCount].contains(where: { $0.changed > 0 }) {
      next = min(next, WindowBounds.multiple(of: period, behind: clock.now))
    }
    return next == .max ? nil : max(next, clock.now)
  }

  func fire(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    try pass(clock, to: writer)
    if case .every(let period) = definition.early, WindowBounds.isMultiple(clock.now, of: period) {
      try closeSlices()
      for index in passedCount..<spans.count { try tellChanged(index, .early, clock, writer) }
    }
    if case .every(let period) = definition.late, WindowBounds.isMultiple(clock.now, of: period) {
      for index in 0..<passedCount { try tellChanged(index, .late, clock, writer) }
    }
    try expire(clock, to: writer)
  }

  func endTransaction(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    for entry in pending {
      try budget.settle()
      let words = table.words(entry)
      words[EntryTable.flags] &= ~EntryTable.pendingFlag
      let index = span(table.end(entry))
      try tell(entry, index, index < passedCount ? .late : .early, clock, writer)
    }
    pending.removeAll(keepingCapacity: true)
    try pass(clock, to: writer)
    try expire(clock, to: writer)
  }

  /// Tells the windows that are complete now.
  func pass(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    guard passedCount < spans.count, spans[passedCount].end - 1 <= clock.watermark else { return }
    try closeSlices()
    while passedCount < spans.count, spans[passedCount].end - 1 <= clock.watermark {
      let index = passedCount
      passedCount += 1
      var entry = spans[index].head
      while entry != EntryTable.none {
        try budget.settle()
        try tell(entry, index, .onTime, clock, writer)
        entry = table.next(entry)
      }
    }
  }

  /// - Parameter least: how many changes there must have been since a group was told.
  func tellChanged(
    _ index: Int, _ timing: PaneTiming, least: Int = 1, _ clock: WindowClock, _ writer: PaneWriter
  ) throws(Failure) {
    guard spans[index].changed > 0 else { return }
    var entry = spans[index].head
    while entry != EntryTable.none {
      try budget.settle()
      if table.changes(entry) >= least { try tell(entry, index, timing, clock, writer) }
      entry = table.next(entry)
    }
  }

  func tell(
    _ entry: UInt32, _ index: Int, _ timing: PaneTiming, _ clock: WindowClock, _ writer: PaneWriter
  ) throws(Failure) {
    let end = spans[index].end
    let words = table.words(entry)
    if table.changes(entry) > 0 { spans[index].changed -= 1 }
    let isLast = timing != .early && end - 1 + clock.allowedLateness <= clock.watermark
    let pane = PaneRenderer.Pane(start: bounds.start(ofEnd: end), end: end, timing: timing, isLast: isLast)
    let state = words + renderer.stateOffset
    try renderer.emit(pane, words, state: state, rows: Int64(bitPattern: words[EntryTable.rows]), to: writer)
    guard definition.accumulation == .discarding else { return }
    layout.clear(state)
    words[EntryTable.rows] = 0
  }

  /// Forgets the windows that nothing can change any more.
  func expire(_ clock: WindowClock, to writer: PaneWriter) throws(Failure) {
    guard passedCount > 0, spans[0].end - 1 + clock.allowedLateness <= clock.watermark else { return }
    // Of a stored state that says of windows to come that they were told, too.
    try closeSlices()
    var gone = 0
    while gone < passedCount, spans[gone].end - 1 + clock.allowedLateness <= clock.watermark {
      try tellChanged(gone, .late, clock, writer)
      var entry = spans[gone].head
      while entry != EntryTable.none {
        try budget.settle()
        let next = table.next(entry)
        release(entry)
        entry = next
      }
      places.removeAll(from: &spans[gone].places)
      gone += 1
    }
    guard gone > 0 else { return }
    spans.removeSubrange(..<gone)
    passedCount -= gone
  }

  private func release(_ entry: UInt32) {
    let words = table.words(entry)
    renderer.forget(words)
    layout.clear(words + renderer.stateOffset)
    let group = table.group(entry)
    if groups.recent(group, end: table.end(entry)) == entry {
      groups.setRecent(group, end: 0, entry: EntryTable.none)
    }
    table.remove(entry)
    groups.release(group)
  }
}
