import Change

/// Numbers by a hash of what they stand for: open addressing, in order of the hash, so that growing reads and writes from
/// front to end.
///
/// *Memory*: 8 bytes a place, of which at most three quarters are taken. *Thread*: one at a time.
final class HashPlaces {
  static let none = UInt32.max

  private let budget: StateBudget
  /// The hash in the upper half, and the number and 1 in the lower; 0 is a free place.
  @exclusivity(unchecked) private var memory: StateMemory
  @exclusivity(unchecked) private var pages: StatePages
  @exclusivity(unchecked) private var bits = 6 {
    didSet { (mask, shift) = ((1 << bits) - 1, UInt32(32 - bits)) }
  }
  @exclusivity(unchecked) private var mask = 63
  @exclusivity(unchecked) private var shift: UInt32 = 26
  @exclusivity(unchecked) private(set) var count = 0

  init(_ budget: StateBudget) {
    self.budget = budget
    memory = StateMemory(budget)
    pages = memory.pages
    memory.extend(to: 8 << 6)
  }

  var byteCount: Int { 8 << bits }

  @inline(__always) private func home(_ hash: UInt32) -> Int { Int(hash &>> shift) }

  @inline(__always) private func slot(_ place: Int) -> UInt64 {
    pages.read(place << 3, 8).load(as: UInt64.self)
  }

  @inline(__always) private func set(_ place: Int, _ slot: UInt64) {
    pages.write(place << 3, 8).storeBytes(of: slot, as: UInt64.self)
  }

  @inline(__always) private static func number(_ slot: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: slot) &- 1 }
  @inline(__always) private static func hash(_ slot: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: slot >> 32) }

  /// The number with this hash for which `isIt` holds.
  @inline(__always) func find(_ hash: UInt32, _ isIt: (UInt32) -> Bool) -> UInt32 {
    var place = home(hash)
    while true {
      let slot = slot(place)
      if slot == 0 { return HashPlaces.none }
      if HashPlaces.hash(slot) == hash, isIt(HashPlaces.number(slot)) { return HashPlaces.number(slot) }
      place = (place &+ 1) & mask
    }
  }

  /// Adds a number that is not there.
  func insert(_ number: UInt32, _ hash: UInt32) {
    if count >= (3 << bits) / 4 { grow() }
    put(UInt64(hash) << 32 | UInt64(number + 1))
    count += 1
  }

  private func put(_ slot: UInt64) {
    var place = home(HashPlaces.hash(slot))
    while self.slot(place) != 0 { place = (place + 1) & mask }
    set(place, slot)
  }

  private func grow() {
    let old = memory
    let oldCount = 1 << bits
    precondition(bits < 32, "the budget has a limit before this")
    bits += 1
    memory = StateMemory(budget)
    pages = memory.pages
    // Both lie in memory for a while; where that is too much, neither must.
    if budget.isExceeded(by: 8 << bits) { budget.pageFromNowOn(memory) }
    memory.extend(to: 8 << bits)
    for place in 0..<oldCount {
      if place & 0xfff == 0 { budget.settleLater() }
      let slot = old.pages.read(place << 3, 8).load(as: UInt64.self)
      if slot != 0 { put(slot) }
    }
  }

  /// Puts another number with the same hash in the place of one that is there.
  func replace(_ number: UInt32, _ hash: UInt32, with other: UInt32) {
    set(place(of: number, hash), UInt64(hash) << 32 | UInt64(other + 1))
  }

  private func place(of number: UInt32, _ hash: UInt32) -> Int {
    let sought = UInt64(hash) << 32 | UInt64(number + 1)
    var place = home(hash)
    while slot(place) != sought { place = (place + 1) & mask }
    return place
  }

  /// Takes a number out that is there.
  func remove(_ number: UInt32, _ hash: UInt32) {
    var hole = place(of: number, hash)
    // What follows moves up, so that no search ends too early.
    var next = (hole + 1) & mask
    while true {
      let slot = slot(next)
      if slot == 0 { break }
      if (next &- home(HashPlaces.hash(slot))) & mask >= (next &- hole) & mask {
        set(hole, slot)
        hole = next
      }
      next = (next + 1) & mask
    }
    set(hole, 0)
    count -= 1
  }
}
