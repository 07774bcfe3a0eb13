import Change

/// The entries of a window by their groups: open addressing, in order of the hash, a block of its own for each window. So
/// those of a window that rows come for lie together, and those of one that waits for its end can go to files.
///
/// *Memory*: 8 bytes a place, of which at most three quarters are taken. *Thread*: one at a time.
final class EntryPlaces {
  /// The places of one window.
  struct Table {
    fileprivate var block: BlockArena.Reference = 0
    fileprivate var bits: UInt32 = 0
    fileprivate var count = 0
  }

  private static let leastBits: UInt32 = 3

  private let budget: StateBudget
  private let blocks: BlockArena
  private let pages: StatePages

  init(_ budget: StateBudget) {
    self.budget = budget
    blocks = BlockArena(budget)
    pages = blocks.pages
  }

  /// Bytes, in memory and in files.
  var byteCount: Int { blocks.inUse }

  @inline(__always) private static func hash(_ group: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: GroupIndex.mixed(UInt64(group)))
  }

  /// A slot has the hash in its upper half, and the entry and 1 in the lower; 0 is a free place.
  @inline(__always) private func slots(_ block: BlockArena.Reference) -> Int { Int(block) &* BlockArena.unit }

  /// The entry of a group for which `isIt` holds; `EntryTable.none` when there is none.
  @inline(__always) func find(_ group: UInt32, in table: Table, _ isIt: (UInt32) -> Bool) -> UInt32 {
    guard table.count > 0 else { return EntryTable.none }
    let hash = EntryPlaces.hash(group)
    let base = slots(table.block)
    let mask = 1 &<< Int(table.bits) &- 1
    var place = Int(hash &>> (32 &- table.bits))
    while true {
      let slot = pages.read(base &+ place &<< 3, 8).load(as: UInt64.self)
      if slot == 0 { return EntryTable.none }
      let entry = UInt32(truncatingIfNeeded: slot) &- 1
      if UInt32(truncatingIfNeeded: slot &>> 32) == hash, isIt(entry) { return entry }
      place = (place &+ 1) & mask
    }
  }

  /// Adds the entry of a group that is not there. Words that were asked for before are good no more.
  func insert(_ entry: UInt32, of group: UInt32, in table: inout Table) {
    if table.count >= (3 << table.bits) / 4 || table.bits == 0 { grow(&table) }
    put(UInt64(EntryPlaces.hash(group)) << 32 | UInt64(entry + 1), in: table)
    table.count += 1
  }

  @inline(__always) private func put(_ slot: UInt64, in table: Table) {
    let base = slots(table.block)
    let mask = 1 &<< Int(table.bits) &- 1
    var place = Int(slot &>> (64 &- UInt64(table.bits)))
    while pages.read(base &+ place &<< 3, 8).load(as: UInt64.self) != 0 { place = (place &+ 1) & mask }
    pages.write(base &+ place &<< 3, 8).storeBytes(of: slot, as: UInt64.self)
  }

  private func grow(_ table: inout Table) {
    let old = table
    precondition(old.bits < 32, "the budget has a limit before this")
    table.bits = old.bits == 0 ? EntryPlaces.leastBits : old.bits + 1
    table.block = blocks.allocate(8 << Int(table.bits))
    // In parts, so that not all of it must be in memory.
    let part = 1 << 15
    for offset in stride(from: 0, to: 8 << Int(table.bits), by: part) {
      let length = min(part, 8 << Int(table.bits) - offset)
      let bytes = pages.write(slots(table.block) + offset, length)
      bytes.initializeMemory(as: UInt8.self, repeating: 0, count: length)
      budget.settleLater()
    }
    guard old.bits > 0 else { return }
    for place in 0..<(1 << Int(old.bits)) {
      if place & 0xfff == 0 { budget.settleLater() }
      let slot = pages.read(slots(old.block) + place << 3, 8).load(as: UInt64.self)
      if slot != 0 { put(slot, in: table) }
    }
    blocks.free(old.block, 8 << Int(old.bits))
  }

  /// Forgets all entries of a window.
  func removeAll(from table: inout Table) {
    if table.bits > 0 { blocks.free(table.block, 8 << Int(table.bits)) }
    table = Table()
  }
}
