import Change

/// Numbers for groups: the same bytes have the same number for as long as something refers to it.
///
/// *Memory*: a block of 24 bytes, what the state keeps for a group, and the group's bytes; and a place of 11 to 21 bytes; all
/// of which may lie in files. *Thread*: one at a time.
final class GroupIndex {
  struct Record: BitwiseCopyable {
    var hash: UInt32
    var length: UInt32
    /// How many windows hold the group.
    var references: UInt32
    /// Where the group was found last: `EntryTable.none` when it is not known.
    var recentEntry: UInt32
    var recentEnd: Int64
  }

  /// In place of the references of a block that no group has.
  private static let isFree = UInt32.max
  private static let header = MemoryLayout<Record>.size

  private let arena: BlockArena
  private let pages: StatePages
  private let places: HashPlaces
  /// How many bytes the state keeps for each group, 0 at first.
  private let extra: Int

  init(_ budget: StateBudget, extra: Int = 0) {
    arena = BlockArena(budget)
    pages = arena.pages
    places = HashPlaces(budget)
    self.extra = extra
  }

  var count: Int { places.count }
  /// Bytes, in memory and in files.
  var byteCount: Int { arena.inUse + places.byteCount }

  @inline(__always) private func record(_ number: UInt32) -> UnsafeMutablePointer<Record> {
    pages.write(Int(number) &* BlockArena.unit, GroupIndex.header).assumingMemoryBound(to: Record.self)
  }

  @inline(__always) private func peek(_ number: UInt32) -> UnsafeMutablePointer<Record> {
    pages.read(Int(number) &* BlockArena.unit, GroupIndex.header).assumingMemoryBound(to: Record.self)
  }

  private func size(_ length: UInt32) -> Int { GroupIndex.header + extra + Int(length) }

  /// What the state keeps for a group.
  @inline(__always) func extra(_ number: UInt32) -> UnsafeMutableRawPointer {
    pages.write(Int(number) &* BlockArena.unit, GroupIndex.header + extra) + GroupIndex.header
  }

  /// The group's number; a new one has no references yet.
  func number(of key: UnsafeRawBufferPointer) -> UInt32 {
    let hash = UInt32(truncatingIfNeeded: GroupIndex.hash(key))
    let found = places.find(hash) { isEqual($0, key) }
    return found == HashPlaces.none ? insert(key, hash) : found
  }

  @inline(__always) private func isEqual(_ number: UInt32, _ key: UnsafeRawBufferPointer) -> Bool {
    guard peek(number).pointee.length == UInt32(key.count) else { return false }
    let own =
      pages.read(Int(number) &* BlockArena.unit, GroupIndex.header + extra + key.count) + GroupIndex.header + extra
    var index = 0
    if key.count < 8 {
      while index < key.count {
        if own.load(fromByteOffset: index, as: UInt8.self) != key[index] { return false }
        index += 1
      }
      return true
    }
    // Eight bytes at once; the last eight begin among those that were compared.
    let last = key.count - 8
    while index < last {
      if GroupIndex.word(own, index) != GroupIndex.word(key, index) { return false }
      index += 8
    }
    return GroupIndex.word(own, last) == GroupIndex.word(key, last)
  }

  @inline(__always) private static func word(_ bytes: UnsafeMutableRawPointer, _ offset: Int) -> UInt64 {
    bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  @inline(__always) private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  private func insert(_ key: UnsafeRawBufferPointer, _ hash: UInt32) -> UInt32 {
    let number = arena.allocate(size(UInt32(key.count)))
    places.insert(number, hash)
    let block = pages.write(Int(number) &* BlockArena.unit, size(UInt32(key.count)))
    block.storeBytes(
      of: Record(hash: hash, length: UInt32(key.count), references: 0, recentEntry: .max, recentEnd: 0),
      as: Record.self)
    let rest = block + GroupIndex.header
    rest.initializeMemory(as: UInt8.self, repeating: 0, count: extra)
    if let start = key.baseAddress { (rest + extra).copyMemory(from: start, byteCount: key.count) }
    return number
  }

  @inline(__always) func retain(_ number: UInt32) { record(number).pointee.references += 1 }

  /// Forgets a group that nothing refers to.
  @inline(__always) func removeIfUnused(_ number: UInt32) {
    if peek(number).pointee.references == 0 { remove(number) }
  }

  func release(_ number: UInt32) {
    let record = record(number)
    record.pointee.references -= 1
    if record.pointee.references == 0 { remove(number) }
  }

  private func remove(_ number: UInt32) {
    let record = record(number)
    places.remove(number, record.pointee.hash)
    record.pointee.references = GroupIndex.isFree
    arena.free(number, size(record.pointee.length))
  }

  /// Every group, in the order in which they lie.
  func forEach(_ body: (UInt32) -> Void) {
    var offset = BlockArena.unit
    while offset < arena.end {
      let number = UInt32(offset / BlockArena.unit)
      let record = peek(number).pointee
      if record.references != GroupIndex.isFree { body(number) }
      offset += BlockArena.size(size(record.length))
    }
  }

  @inline(__always) func recent(_ number: UInt32, end: Int64) -> UInt32 {
    let record = peek(number)
    return record.pointee.recentEnd == end ? record.pointee.recentEntry : .max
  }

  @inline(__always) func setRecent(_ number: UInt32, end: Int64, entry: UInt32) {
    let record = record(number)
    record.pointee.recentEnd = end
    record.pointee.recentEntry = entry
  }

  /// The hash of a group's bytes.
  @inline(__always) func hash(of number: UInt32) -> UInt32 { peek(number).pointee.hash }

  /// Whether a group's bytes come before another's.
  func comes(_ number: UInt32, before other: UInt32) -> Bool {
    withKey(number) { key in withKey(other) { key.lexicographicallyPrecedes($0) } }
  }

  func withKey<Result, Failed: Error>(
    _ number: UInt32, _ body: (UnsafeRawBufferPointer) throws(Failed) -> Result
  ) throws(Failed) -> Result {
    let length = peek(number).pointee.length
    let block = pages.read(Int(number) &* BlockArena.unit, size(length)) + GroupIndex.header + extra
    return try body(UnsafeRawBufferPointer(start: block, count: Int(length)))
  }

  /// Multiplies eight bytes at once and folds both halves of the product (after Wang Yi's wyhash).
  static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(key.count)
    var index = 0
    if key.count >= 8 {
      // The last eight bytes begin among those before.
      while index < key.count - 8 {
        hash = mixed(hash ^ word(key, index))
        index += 8
      }
      return mixed(hash ^ word(key, key.count - 8))
    }
    var rest: UInt64 = 0
    while index < key.count {
      rest = rest << 8 | UInt64(key[index])
      index += 1
    }
    return mixed(hash ^ rest)
  }

  @inline(__always) static func mixed(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
  }
}
