import Change

/// The windows' groups and their state: one run of words for each window and group that has changes.
///
/// *Memory*: flat; an entry has `stride` words and a place of 11 to 21 bytes, all of which may lie in files. Words that were
/// asked for are good until the budget is settled. *Thread*: one at a time.
final class EntryTable {
  typealias Words = UnsafeMutablePointer<UInt64>
  static let none = UInt32.max

  // The words of an entry before those of its aggregates.
  /// The window's end, or the event time of a session's row.
  static let end = 0
  /// The group's number, and the next entry of the same window or group.
  static let link = 1
  /// How many rows there are, those that went taken off.
  static let rows = 2
  /// Changes since the last pane, and the number of the next pane.
  static let changes = 3
  /// `emitted` and others.
  static let flags = 4
  static let headerWidth = 5

  static let emittedFlag: UInt64 = 1
  static let pendingFlag: UInt64 = 2

  let stride: Int
  private let memory: StateMemory
  private let pages: StatePages
  private let byteStride: Int
  private let places: HashPlaces
  @exclusivity(unchecked) private var used = 0
  @exclusivity(unchecked) private var freeHead = EntryTable.none

  init(_ budget: StateBudget, stride: Int) {
    self.stride = stride
    byteStride = stride * 8
    memory = StateMemory(budget)
    pages = memory.pages
    places = HashPlaces(budget)
  }

  var count: Int { places.count }
  /// Bytes, in memory and in files.
  var byteCount: Int { used * stride * 8 + places.byteCount }

  /// The words of an entry.
  @inline(__always) func words(_ entry: UInt32) -> Words {
    pages.write(Int(entry) &* byteStride, byteStride).assumingMemoryBound(to: UInt64.self)
  }

  /// The words of an entry, to be read only.
  @inline(__always) func peek(_ entry: UInt32) -> Words {
    pages.read(Int(entry) &* byteStride, byteStride).assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always) private func head(_ entry: UInt32) -> Words {
    pages.read(Int(entry) &* byteStride, 16).assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always) func end(_ entry: UInt32) -> Int64 { Int64(bitPattern: head(entry)[EntryTable.end]) }
  @inline(__always) func group(_ entry: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: head(entry)[EntryTable.link])
  }
  @inline(__always) func next(_ entry: UInt32) -> UInt32 { UInt32(head(entry)[EntryTable.link] >> 32) }
  @inline(__always) func setNext(_ entry: UInt32, _ next: UInt32) {
    let words = words(entry)
    words[EntryTable.link] = words[EntryTable.link] & 0xffff_ffff | UInt64(next) << 32
  }
  @inline(__always) func changes(_ entry: UInt32) -> Int { Int(peek(entry)[EntryTable.changes] & 0xffff_ffff) }

  @inline(__always) private static func hash(_ end: Int64, _ group: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: GroupIndex.mixed(UInt64(bitPattern: end) ^ UInt64(group) << 20))
  }

  @inline(__always) func find(end: Int64, group: UInt32) -> UInt32 {
    places.find(EntryTable.hash(end, group)) { entry in
      let head = head(entry)
      return head[EntryTable.end] == UInt64(bitPattern: end)
        && UInt32(truncatingIfNeeded: head[EntryTable.link]) == group
    }
  }

  /// Adds an entry that is not there, without a state. Words that were asked for before are good no more.
  func insert(end: Int64, group: UInt32) -> UInt32 {
    places.insert(nextEntry(), EntryTable.hash(end, group))
    let entry: UInt32
    if freeHead != EntryTable.none {
      entry = freeHead
      freeHead = next(entry)
    } else {
      entry = UInt32(used)
      used += 1
    }
    let words = words(entry)
    words.update(repeating: 0, count: stride)
    words[EntryTable.end] = UInt64(bitPattern: end)
    words[EntryTable.link] = UInt64(group) | UInt64(EntryTable.none) << 32
    return entry
  }

  /// The entry that is taken next, with room for it.
  private func nextEntry() -> UInt32 {
    if freeHead != EntryTable.none { return freeHead }
    memory.extend(to: (used + 1) * stride * 8)
    return UInt32(used)
  }

  /// Takes an entry out. Its state must be empty.
  func remove(_ entry: UInt32) {
    places.remove(entry, EntryTable.hash(end(entry), group(entry)))
    setNext(entry, freeHead)
    freeHead = entry
  }
}
