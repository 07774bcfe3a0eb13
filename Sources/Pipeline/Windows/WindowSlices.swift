import Change

/// Rows that lie in the same windows, added together before they go into each of them.
///
/// The bounds of hopping and cumulative windows cut time into slices, and all rows of a group in one slice lie in the same
/// windows (Li et al., "No Pane, No Gain", SIGMOD Record 34:1, 2005): a row is added once, and not once for each window. Only
/// what has come since the windows were told last lies here. The first row of a slice goes into its windows itself, so that
/// each has an entry, in the order of the rows.
///
/// *Memory*: fixed, at most a quarter of a mebibyte, or that of 16 groups. *Thread*: one at a time.
final class WindowSlices {
  typealias Words = UnsafeMutablePointer<UInt64>

  /// One group in one slice.
  private static let end = 0
  private static let group = 1
  private static let rows = 2
  private static let changes = 3
  private static let state = 4
  /// So many changes may come together that no sum of `Measure.isSliced` overflows.
  private static let mostChanges: UInt64 = 1 << 20

  private let layout: AccumulatorLayout
  private let stride: Int
  private let mask: Int
  private let words: Words
  /// How many slots hold a group.
  @exclusivity(unchecked) private var openCount = 0

  init(_ layout: AccumulatorLayout, isNeeded: Bool) {
    self.layout = layout
    stride = WindowSlices.state + layout.width
    var count = isNeeded ? 1024 : 1
    while count > 16, count * stride * 8 > 1 << 18 { count /= 2 }
    mask = count - 1
    words = .allocate(capacity: count * stride)
    words.initialize(repeating: 0, count: count * stride)
  }

  deinit { words.deallocate() }

  var byteCount: Int { (mask + 1) * stride * 8 }

  @inline(__always) private func slot(_ group: UInt32, _ end: Int64) -> Words {
    let hash = GroupIndex.mixed(UInt64(bitPattern: end) ^ UInt64(group) << 32)
    return words + (Int(truncatingIfNeeded: hash) & mask) &* stride
  }

  /// Adds a row to its slice, where it is open.
  /// - Returns: whether it was; if not, the row's windows must be given it, and the slice is open then.
  /// - Parameter pour: gives what another slice holds to its windows, before this one takes its place.
  @inline(__always) func add(
    _ row: AccumulatorLayout.Row, group: UInt32, end: Int64, pour: (Sum) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    let slot = slot(group, end)
    guard slot[WindowSlices.end] == UInt64(bitPattern: end), slot[WindowSlices.group] == UInt64(group) &+ 1,
      slot[WindowSlices.changes] < WindowSlices.mostChanges
    else {
      if slot[WindowSlices.group] != 0 { try close(slot, pour) }
      slot[WindowSlices.end] = UInt64(bitPattern: end)
      slot[WindowSlices.group] = UInt64(group) &+ 1
      openCount += 1
      return false
    }
    try layout.add(row, to: slot + WindowSlices.state)
    slot[WindowSlices.rows] &+= UInt64(bitPattern: row.sign)
    slot[WindowSlices.changes] &+= 1
    return true
  }

  /// What a slice holds of a group.
  struct Sum {
    let end: Int64
    let group: UInt32
    let rows: UInt64
    let changes: UInt64
    let state: Words
  }

  /// Gives what all slices hold to their windows; none is open then.
  @inline(__always) func close(_ pour: (Sum) throws(Failure) -> Void) throws(Failure) {
    if openCount > 0 { try closeAll(pour) }
  }

  private func closeAll(_ pour: (Sum) throws(Failure) -> Void) throws(Failure) {
    for index in 0...mask where words[index * stride + WindowSlices.group] != 0 {
      try close(words + index * stride, pour)
    }
  }

  private func close(_ slot: Words, _ pour: (Sum) throws(Failure) -> Void) throws(Failure) {
    if slot[WindowSlices.changes] > 0 {
      try pour(
        Sum(
          end: Int64(bitPattern: slot[WindowSlices.end]),
          group: UInt32(truncatingIfNeeded: slot[WindowSlices.group] &- 1), rows: slot[WindowSlices.rows],
          changes: slot[WindowSlices.changes], state: slot + WindowSlices.state))
    }
    slot.update(repeating: 0, count: stride)
    openCount -= 1
  }
}
