import Change

/// When a result was told: before its window was complete, at that moment, or after it.
enum PaneTiming: UInt64 {
  case early = 0, onTime, late

  var text: StaticString {
    switch self {
    case .early: "early"
    case .onTime: "on_time"
    case .late: "late"
    }
  }
}

/// Turns the state of a window and group into rows of the result, as the accumulation asks for.
///
/// What was told last is kept in the words of the entry: it is the row before the next change.
final class PaneRenderer {
  typealias Words = UnsafeMutablePointer<UInt64>

  var plan: WindowPlan
  let layout: AccumulatorLayout
  let groups: GroupIndex
  let keepsEmitted: Bool
  /// Where the words of the aggregates begin in an entry.
  let stateOffset: Int
  @exclusivity(unchecked) private var values: [AggregateValue] = []
  @exclusivity(unchecked) private var previous: [AggregateValue] = []
  /// Where the texts lie that were told: the first of a value's words is the block, the second the length and 1.
  private let blocks: BlockArena

  /// The words of an entry behind its header: a mask of the values that were NULL, then two words a value.
  private static let emitted = EntryTable.headerWidth
  private static let timingShift: UInt64 = 8

  init(plan: WindowPlan, layout: AccumulatorLayout, groups: GroupIndex, blocks: BlockArena) {
    self.plan = plan
    self.layout = layout
    self.groups = groups
    self.blocks = blocks
    keepsEmitted = plan.definition.accumulation != .discarding
    stateOffset = EntryTable.headerWidth + (keepsEmitted ? 1 + 2 * plan.measures.count : 0)
  }

  var stride: Int { stateOffset + layout.width }

  struct Pane {
    var start: Int64
    var end: Int64
    var timing: PaneTiming
    var isLast: Bool
  }

  /// Writes what an entry is now, and remembers it. Nothing is written for rows that came and went unseen.
  /// - Parameter state: the aggregates; those of the entry itself, or of everything that belongs to it.
  func emit(_ pane: Pane, _ entry: Words, state: Words, rows: Int64, to writer: PaneWriter) throws(Failure) {
    let isEmitted = entry[EntryTable.flags] & EntryTable.emittedFlag != 0
    let isGone = keepsEmitted && plan.timeColumn != nil && rows == 0
    entry[EntryTable.changes] &= 0xffff_ffff_0000_0000
    if isGone, !isEmitted { return }
    let index = Int(entry[EntryTable.changes] >> 32)
    try layout.values(state, rows: rows, into: &values)
    if isEmitted { loadPrevious(entry) }
    let group = UInt32(truncatingIfNeeded: entry[EntryTable.link])
    switch plan.definition.accumulation {
    case .accumulating:
      var before = RowChange.noCells
      if isEmitted {
        let told = Pane(start: pane.start, end: toldEnd(entry, pane), timing: timing(entry), isLast: false)
        before = try row(told, group, previous, index: index - 1, sign: 1, writer)
      }
      let after = isGone ? RowChange.noCells : try row(pane, group, values, index: index, sign: 1, writer)
      writer.write(
        isGone ? .delete : isEmitted ? .update : .insert, plan.result, before: before, after: after)
    case .discarding:
      let after = try row(pane, group, values, index: index, sign: 1, writer)
      writer.write(.insert, plan.result, before: RowChange.noCells, after: after)
    case .retracting:
      if isEmitted {
        var told = pane
        told.end = toldEnd(entry, pane)
        let after = try row(told, group, previous, index: index, sign: -1, writer)
        writer.write(.insert, plan.result, before: RowChange.noCells, after: after)
      }
      if !isGone {
        let after = try row(pane, group, values, index: index, sign: 1, writer)
        writer.write(.insert, plan.result, before: RowChange.noCells, after: after)
      }
    }
    entry[EntryTable.changes] = UInt64(index + 1) << 32
    if keepsEmitted { remember(entry, pane.timing, isGone) }
  }

  /// Whether an entry has told this end and these values last.
  func isTold(_ entry: Words, end: Int64, state: Words, rows: Int64) throws(Failure) -> Bool {
    let isGone = plan.timeColumn != nil && rows == 0
    guard entry[EntryTable.flags] & EntryTable.emittedFlag != 0 else { return isGone }
    guard !isGone, entry[EntryTable.rows] == UInt64(bitPattern: end) else { return false }
    loadPrevious(entry)
    try layout.values(state, rows: rows, into: &values)
    return values == previous
  }

  /// Takes back what an entry told, whose window is no more.
  func retract(_ pane: Pane, _ entry: Words, to writer: PaneWriter) throws(Failure) {
    guard entry[EntryTable.flags] & EntryTable.emittedFlag != 0, keepsEmitted else { return }
    loadPrevious(entry)
    let group = UInt32(truncatingIfNeeded: entry[EntryTable.link])
    let index = Int(entry[EntryTable.changes] >> 32)
    if plan.definition.accumulation == .accumulating {
      let told = Pane(start: pane.start, end: pane.end, timing: timing(entry), isLast: false)
      let before = try row(told, group, previous, index: index - 1, sign: 1, writer)
      writer.write(.delete, plan.result, before: before, after: RowChange.noCells)
    } else {
      let after = try row(pane, group, previous, index: index, sign: -1, writer)
      writer.write(.insert, plan.result, before: RowChange.noCells, after: after)
      entry[EntryTable.changes] = UInt64(index + 1) << 32
    }
    forget(entry)
  }

  /// A session's end moves; its entry has the one that was told where others count rows.
  private func toldEnd(_ entry: Words, _ pane: Pane) -> Int64 {
    if case .session = plan.definition.kind { return Int64(bitPattern: entry[EntryTable.rows]) }
    return pane.end
  }

  private func timing(_ entry: Words) -> PaneTiming {
    PaneTiming(rawValue: entry[EntryTable.flags] >> PaneRenderer.timingShift & 3) ?? .onTime
  }

  private func row(
    _ pane: Pane, _ group: UInt32, _ values: [AggregateValue], index: Int, sign: Int64, _ writer: PaneWriter
  ) throws(Failure) -> UInt32 {
    writer.beginRow()
    writer.append(.timestamp(microseconds: pane.start))
    writer.append(.timestamp(microseconds: pane.end))
    try groups.withKey(group) { (key) throws(Failure) in try GroupKey.write(key, plan, to: writer) }
    for (measure, value) in zip(plan.measures, values) { PaneRenderer.write(value, measure, to: writer) }
    writer.append(pane.timing.text)
    writer.append(.int(Int64(index)))
    writer.append(.boolean(pane.isLast))
    if plan.definition.accumulation == .retracting { writer.append(.int(sign)) }
    return writer.endRow()
  }

  private static func write(_ value: AggregateValue, _ measure: Measure, to writer: PaneWriter) {
    if value.isNull { return writer.append(.null) }
    if let text = value.text {
      var tag = Cell.Tag.text
      if case .text(let own) = measure.form { tag = own }
      return text.withUnsafeBytes { writer.append(tag, $0) }
    }
    let number = Int64(truncatingIfNeeded: value.bits)
    switch measure.result.type {
    case .decimal(let precision, let scale, _):
      writer.append(decimal: value.bits, scale: scale, precision: precision)
    case .integer(_, true): writer.append(.uint(UInt64(truncatingIfNeeded: value.bits)))
    case .integer, .year: writer.append(.int(number))
    case .float64: writer.append(.float64(float(value, measure)))
    case .float32: writer.append(.float32(Float(float(value, measure))))
    default:
      if case .ordinal(let tag) = measure.form {
        writer.append(Cell(tag, UInt64(bitPattern: number)))
      } else {
        writer.append(.int(number))
      }
    }
  }

  /// A value of a set is kept in the order of floats, a result as its bits.
  private static func float(_ value: AggregateValue, _ measure: Measure) -> Double {
    switch measure.function {
    case .min, .max, .first, .last: CellReader.float(ordered: value.bits)
    default: Double(bitPattern: UInt64(truncatingIfNeeded: value.bits))
    }
  }

  private func loadPrevious(_ entry: Words) {
    previous.removeAll(keepingCapacity: true)
    let words = entry + PaneRenderer.emitted
    for index in plan.measures.indices {
      if words[0] >> UInt64(index) & 1 != 0 {
        previous.append(.null)
      } else if isText(index) {
        previous.append(AggregateValue(text: text(words + 1 + 2 * index)))
      } else {
        previous.append(AggregateValue(bits: AccumulatorLayout.load(words + 1 + 2 * index)))
      }
    }
  }

  private func isText(_ index: Int) -> Bool {
    guard plan.measures[index].keepsValues, case .text = plan.measures[index].form else { return false }
    return plan.measures[index].function != .distinct
  }

  private func remember(_ entry: Words, _ timing: PaneTiming, _ isGone: Bool) {
    forget(entry)
    if isGone { return }
    let words = entry + PaneRenderer.emitted
    for (index, value) in values.enumerated() {
      if value.isNull {
        words[0] |= 1 << UInt64(index)
      } else if let text = value.text {
        keep(text, in: words + 1 + 2 * index)
      } else {
        AccumulatorLayout.store(value.bits, to: words + 1 + 2 * index)
      }
    }
    entry[EntryTable.flags] |= EntryTable.emittedFlag | timing.rawValue << PaneRenderer.timingShift
  }

  private func keep(_ text: [UInt8], in words: Words) {
    words[0] = UInt64(text.withUnsafeBytes(blocks.copy))
    words[1] = UInt64(text.count) + 1
  }

  private func text(_ words: Words) -> [UInt8] {
    let length = Int(words[1]) - 1
    guard length > 0 else { return [] }
    let block = blocks.read(BlockArena.Reference(truncatingIfNeeded: words[0]), length)
    return Array(UnsafeRawBufferPointer(start: block, count: length))
  }

  /// Forgets what an entry told.
  func forget(_ entry: Words) {
    guard keepsEmitted else { return }
    let words = entry + PaneRenderer.emitted
    if entry[EntryTable.flags] & EntryTable.emittedFlag != 0 {
      for index in plan.measures.indices where isText(index) && words[0] >> UInt64(index) & 1 == 0 {
        let length = Int(words[2 + 2 * index]) - 1
        if length > 0 { blocks.free(BlockArena.Reference(truncatingIfNeeded: words[1 + 2 * index]), length) }
      }
    }
    words.update(repeating: 0, count: 1 + 2 * plan.measures.count)
    entry[EntryTable.flags] &= ~(EntryTable.emittedFlag | 3 << PaneRenderer.timingShift)
  }

  /// The texts that an entry told, in the order of the aggregates.
  func toldTexts(_ entry: Words) -> [[UInt8]] {
    let words = entry + PaneRenderer.emitted
    guard keepsEmitted, entry[EntryTable.flags] & EntryTable.emittedFlag != 0 else { return [] }
    return plan.measures.indices.compactMap { index in
      isText(index) && words[0] >> UInt64(index) & 1 == 0 ? text(words + 1 + 2 * index) : nil
    }
  }

  /// Takes over the texts that a stored entry told.
  func takeTexts(_ entry: Words, from reader: inout StateReader) throws(Failure) {
    let words = entry + PaneRenderer.emitted
    guard keepsEmitted, entry[EntryTable.flags] & EntryTable.emittedFlag != 0 else { return }
    for index in plan.measures.indices where isText(index) && words[0] >> UInt64(index) & 1 == 0 {
      keep(try reader.text(), in: words + 1 + 2 * index)
    }
  }
}
