import Change

/// What sessions tell.
extension SessionWindows {
  /// Looks at all sessions of a group, and tells those that are due.
  func tell(
    _ group: UInt32, tellsOpen: Bool, tellsClosed: Bool, _ clock: WindowClock, _ writer: PaneWriter
  ) throws(Failure) {
    try budget.settle()
    groups.retain(group)
    if tellsOpen { self.group(group).pointee.changes = 0 }
    spans.removeAll(keepingCapacity: true)
    var index = 0
    var gone = 0
    while index < self.group(group).pointee.moments.count {
      let list = momentList(group)
      let range = session(from: index, in: list)
      let start = list[index].time
      let end = list[range.upperBound - 1].time + gap
      let isGone = end - 1 + clock.allowedLateness <= clock.watermark
      spans.append(Span(start: start, end: end))
      let timing = timing(ofEnd: end, clock)
      if timing == .onTime || isGone || (timing == .late ? tellsClosed : tellsOpen) {
        let pane = PaneRenderer.Pane(start: start, end: end, timing: timing, isLast: isGone)
        try tell(pane, range, group, isAlways: timing == .onTime, writer)
      }
      if isGone { gone = range.upperBound }
      index = range.upperBound
    }
    try retract(group, clock, writer)
    if gone > 0 { try forget(group, gone) }
    groups.release(group)
  }

  /// What a pane says that is told now of a session with this end.
  @inline(__always) private func timing(ofEnd end: Int64, _ clock: WindowClock) -> PaneTiming {
    end - 1 > clock.watermark ? .early : end - 1 > passed ? .onTime : .late
  }

  /// The moments of the session that begins at an index.
  @inline(__always) private func session(from first: Int, in list: EntryList.Elements) -> Range<Int> {
    var end = first + 1
    while end < list.count, list[end].time - list[end - 1].time < gap { end += 1 }
    return first..<end
  }

  private func tell(
    _ pane: PaneRenderer.Pane, _ range: Range<Int>, _ group: UInt32, isAlways: Bool, _ writer: PaneWriter
  ) throws(Failure) {
    var rows: Int64 = 0
    for index in range {
      try budget.settle()
      let words = moments.peek(momentList(group)[index].entry)
      rows += Int64(bitPattern: words[0])
      try layout.merge(words + SessionWindows.momentHeader, into: merged)
    }
    defer { layout.clear(merged) }
    try budget.settle()
    let found = findTold(pane.start, group)
    if found == nil, pane.isLast { return try tellOnce(pane, group, rows, isAlways: isAlways, writer) }
    try tell(pane, told.words(found ?? insertTold(pane.start, group)), rows, isAlways: isAlways, writer)
  }

  /// Tells a session that was not told yet, and is gone: nothing must be kept of what it told.
  private func tellOnce(
    _ pane: PaneRenderer.Pane, _ group: UInt32, _ rows: Int64, isAlways: Bool, _ writer: PaneWriter
  ) throws(Failure) {
    single.update(repeating: 0, count: renderer.stateOffset)
    single[EntryTable.end] = UInt64(bitPattern: pane.start)
    single[EntryTable.link] = EntryTable.link(group)
    try tell(pane, single, rows, isAlways: isAlways, writer)
    renderer.forget(single)
  }

  private func tell(
    _ pane: PaneRenderer.Pane, _ entry: EntryTable.Words, _ rows: Int64, isAlways: Bool, _ writer: PaneWriter
  ) throws(Failure) {
    if !isAlways, try renderer.isTold(entry, end: pane.end, state: merged, rows: rows) { return }
    try renderer.emit(pane, entry, state: merged, rows: rows, to: writer)
    // The row before the next change has the end that was told.
    entry[EntryTable.rows] = UInt64(bitPattern: pane.end)
  }

  /// Takes back the sessions that begin where none begins any more: they have been joined, parted or emptied.
  private func retract(_ group: UInt32, _ clock: WindowClock, _ writer: PaneWriter) throws(Failure) {
    var index = 0
    var next = 0
    while index < self.group(group).pointee.told.count {
      let element = self.group(group).pointee.told.elements(in: blocks)[index]
      while next < spans.count, spans[next].start < element.time { next += 1 }
      if next < spans.count, spans[next].start == element.time {
        index += 1
        continue
      }
      try budget.settle()
      let words = told.words(element.entry)
      let gone = Span(start: element.time, end: Int64(bitPattern: words[EntryTable.rows]))
      let timing = timing(ofEnd: replacement(of: gone, before: next)?.end ?? gone.end, clock)
      let pane = PaneRenderer.Pane(start: gone.start, end: gone.end, timing: timing, isLast: false)
      try renderer.retract(pane, words, to: writer)
      // Results are told apart by their number: where a session begins there once more, it goes on.
      let isNumbered = definition.accumulation == .retracting && gone.end - 1 + clock.allowedLateness > clock.watermark
      if isNumbered { index += 1 } else { removeTold(at: index, group) }
    }
  }

  /// The first session that lies where one did that is no more: it stands in its place.
  /// - Parameter next: the index of the first that begins behind its start.
  private func replacement(of gone: Span, before next: Int) -> Span? {
    if next > 0, spans[next - 1].end > gone.start { return spans[next - 1] }
    return next < spans.count && spans[next].start < gone.end ? spans[next] : nil
  }
}
