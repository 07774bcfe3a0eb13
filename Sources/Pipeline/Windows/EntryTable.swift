/// The windows' groups and their state: one run of words for each window and group that has changes.
///
/// *Memory*: flat; an entry has `stride` words and a place of 4 to 8 bytes. *Thread*: one at a time.
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
  @exclusivity(unchecked) private var memory: Words
  @exclusivity(unchecked) private var capacity: Int
  @exclusivity(unchecked) private var used = 0
  @exclusivity(unchecked) private var freeHead = EntryTable.none
  @exclusivity(unchecked) private(set) var count = 0
  @exclusivity(unchecked) private var places: [UInt32] = Array(repeating: EntryTable.none, count: 64)

  init(stride: Int) {
    self.stride = stride
    capacity = 64
    memory = .allocate(capacity: 64 * stride)
    memory.initialize(repeating: 0, count: 64 * stride)
  }

  deinit { memory.deallocate() }

  var byteCount: Int { capacity * stride * 8 + places.capacity * 4 }

  /// The words of an entry, until the next insertion.
  @inline(__always) func words(_ entry: UInt32) -> Words { memory + Int(entry) * stride }

  @inline(__always) func end(_ entry: UInt32) -> Int64 { Int64(bitPattern: words(entry)[EntryTable.end]) }
  @inline(__always) func group(_ entry: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: words(entry)[EntryTable.link])
  }
  @inline(__always) func next(_ entry: UInt32) -> UInt32 { UInt32(words(entry)[EntryTable.link] >> 32) }
  @inline(__always) func setNext(_ entry: UInt32, _ next: UInt32) {
    let words = words(entry)
    words[EntryTable.link] = words[EntryTable.link] & 0xffff_ffff | UInt64(next) << 32
  }
  @inline(__always) func rows(_ entry: UInt32) -> Int64 { Int64(bitPattern: words(entry)[EntryTable.rows]) }
  @inline(__always) func changes(_ entry: UInt32) -> Int { Int(words(entry)[EntryTable.changes] & 0xffff_ffff) }
  @inline(__always) func paneIndex(_ entry: UInt32) -> Int { Int(words(entry)[EntryTable.changes] >> 32) }

  @inline(__always) private func place(_ end: Int64, _ group: UInt32) -> Int {
    Int(truncatingIfNeeded: GroupIndex.mixed(UInt64(bitPattern: end) ^ UInt64(group) << 20)) & (places.count - 1)
  }

  @inline(__always) func find(end: Int64, group: UInt32) -> UInt32 {
    let mask = places.count - 1
    var place = place(end, group)
    while places[place] != EntryTable.none {
      let entry = places[place]
      if self.end(entry) == end, self.group(entry) == group { return entry }
      place = (place + 1) & mask
    }
    return EntryTable.none
  }

  /// Adds an entry that is not there, without a state.
  func insert(end: Int64, group: UInt32) -> UInt32 {
    let entry: UInt32
    if freeHead != EntryTable.none {
      entry = freeHead
      freeHead = next(entry)
    } else {
      if used == capacity { grow() }
      entry = UInt32(used)
      used += 1
    }
    let words = words(entry)
    words.update(repeating: 0, count: stride)
    words[EntryTable.end] = UInt64(bitPattern: end)
    words[EntryTable.link] = UInt64(group) | UInt64(EntryTable.none) << 32
    count += 1
    if count * 2 > places.count { rehash() }
    link(entry)
    return entry
  }

  private func link(_ entry: UInt32) {
    let mask = places.count - 1
    var place = place(end(entry), group(entry))
    while places[place] != EntryTable.none { place = (place + 1) & mask }
    places[place] = entry
  }

  private func grow() {
    let grown = Words.allocate(capacity: 2 * capacity * stride)
    grown.update(from: memory, count: capacity * stride)
    (grown + capacity * stride).update(repeating: 0, count: capacity * stride)
    memory.deallocate()
    memory = grown
    capacity *= 2
  }

  private func rehash() {
    let old = places
    places = Array(repeating: EntryTable.none, count: old.count * 2)
    for entry in old where entry != EntryTable.none { link(entry) }
  }

  /// Takes an entry out. Its state must be empty.
  func remove(_ entry: UInt32) {
    let mask = places.count - 1
    var hole = place(end(entry), group(entry))
    while places[hole] != entry { hole = (hole + 1) & mask }
    var next = (hole + 1) & mask
    while places[next] != EntryTable.none {
      let home = place(end(places[next]), group(places[next]))
      if (next &- home) & mask >= (next &- hole) & mask {
        places[hole] = places[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    places[hole] = EntryTable.none
    setNext(entry, freeHead)
    freeHead = entry
    count -= 1
  }
}
