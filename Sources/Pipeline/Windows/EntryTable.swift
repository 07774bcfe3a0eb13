import Change

/// The state of windows: one run of words for each window and group that has changes, or for each event time of a session.
///
/// *Memory*: flat; an entry has `stride` words, all of which may lie in files. Words that were asked for are good until the
/// budget is settled. *Thread*: one at a time.
final class EntryTable {
  typealias Words = UnsafeMutablePointer<UInt64>
  static let none = UInt32.max

  // The words of a window's entry before those of its aggregates.
  /// The window's end, or the start of a session.
  static let end = 0
  /// The group's number, and the next entry of the same window.
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
  @exclusivity(unchecked) private(set) var count = 0
  @exclusivity(unchecked) private var used = 0
  /// The first of those that are free; each names the next one in its first word.
  @exclusivity(unchecked) private var freeHead = EntryTable.none

  init(_ budget: StateBudget, stride: Int) {
    self.stride = stride
    byteStride = stride * 8
    memory = StateMemory(budget)
    pages = memory.pages
  }

  /// Bytes, in memory and in files.
  var byteCount: Int { used * byteStride }

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
    let head = pages.write(Int(entry) &* byteStride, 16).assumingMemoryBound(to: UInt64.self)
    head[EntryTable.link] = head[EntryTable.link] & 0xffff_ffff | UInt64(next) << 32
  }
  @inline(__always) func changes(_ entry: UInt32) -> Int { Int(peek(entry)[EntryTable.changes] & 0xffff_ffff) }

  /// Counts changes since the last pane, at most so many as there is room for.
  @inline(__always) @discardableResult static func count(_ changes: UInt64, in words: Words) -> Int {
    let count = words[EntryTable.changes] & 0xffff_ffff
    let sum = min(count &+ changes, 0xffff_ffff)
    words[EntryTable.changes] &+= sum &- count
    return Int(sum)
  }

  /// Adds an entry of a window and group, without a state.
  func insert(end: Int64, group: UInt32) -> UInt32 {
    let entry = insert()
    let words = words(entry)
    words[EntryTable.end] = UInt64(bitPattern: end)
    words[EntryTable.link] = EntryTable.link(group)
    return entry
  }

  /// The word for a group, with no entry to follow.
  @inline(__always) static func link(_ group: UInt32) -> UInt64 { UInt64(group) | UInt64(none) << 32 }

  /// Adds an entry whose words are all 0.
  @inline(__always) func insert() -> UInt32 {
    let entry: UInt32
    if freeHead != EntryTable.none {
      entry = freeHead
      freeHead = UInt32(truncatingIfNeeded: peek(entry)[0])
    } else {
      memory.extend(to: (used + 1) &* byteStride)
      entry = UInt32(used)
      used += 1
    }
    count += 1
    words(entry).update(repeating: 0, count: stride)
    return entry
  }

  /// Takes an entry out. Its state must be empty.
  @inline(__always) func remove(_ entry: UInt32) {
    count -= 1
    words(entry)[0] = UInt64(freeHead)
    freeHead = entry
  }
}
