/// Numbers for groups: the same bytes have the same number for as long as something refers to it.
///
/// *Memory*: the bytes once, 32 bytes and a place of 4 to 8 a group; no object. *Thread*: one at a time.
final class GroupIndex {
  struct Record: BitwiseCopyable {
    var offset: UInt32
    var length: UInt32
    var hash: UInt64
    /// How many windows hold the group; a free record has 0 and names the next free one by `offset`.
    var references: UInt32
    /// Where the group was found last: `EntryTable.none` when it is not known.
    var recentEntry: UInt32
    var recentEnd: Int64
  }

  @exclusivity(unchecked) private var records: [Record] = []
  @exclusivity(unchecked) private var bytes: [UInt8] = []
  @exclusivity(unchecked) private var garbage = 0
  @exclusivity(unchecked) private var places: [UInt32] = Array(repeating: .max, count: 64)
  @exclusivity(unchecked) private var free: [UInt32] = []
  @exclusivity(unchecked) private(set) var count = 0

  init() {}

  var byteCount: Int {
    records.capacity * MemoryLayout<Record>.stride + bytes.capacity + (places.capacity + free.capacity) * 4
  }

  /// The group's number; a new one has no references yet.
  func number(of key: UnsafeRawBufferPointer) -> UInt32 {
    let hash = GroupIndex.hash(key)
    let mask = places.count - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while places[place] != .max {
      let record = records[Int(places[place])]
      if record.hash == hash, Int(record.length) == key.count, isEqual(record, key) { return places[place] }
      place = (place + 1) & mask
    }
    return insert(key, hash, at: place)
  }

  @inline(__always) private func isEqual(_ record: Record, _ key: UnsafeRawBufferPointer) -> Bool {
    bytes.withUnsafeBytes { all in
      var index = 0
      let base = Int(record.offset)
      // Eight bytes at once, and the rest one by one.
      while index + 8 <= key.count {
        if all.loadUnaligned(fromByteOffset: base + index, as: UInt64.self)
          != key.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        {
          return false
        }
        index += 8
      }
      while index < key.count {
        if all[base + index] != key[index] { return false }
        index += 1
      }
      return true
    }
  }

  private func insert(_ key: UnsafeRawBufferPointer, _ hash: UInt64, at place: Int) -> UInt32 {
    let record = Record(
      offset: UInt32(bytes.count), length: UInt32(key.count), hash: hash, references: 0, recentEntry: .max,
      recentEnd: 0)
    bytes.append(contentsOf: key)
    let number: UInt32
    if let reused = free.popLast() {
      number = reused
      records[Int(number)] = record
    } else {
      number = UInt32(records.count)
      records.append(record)
    }
    places[place] = number
    count += 1
    if count * 2 > places.count { rehash(places.count * 2) }
    return number
  }

  private func rehash(_ size: Int) {
    var grown = [UInt32](repeating: .max, count: size)
    let mask = size - 1
    for number in places where number != .max {
      var place = Int(truncatingIfNeeded: records[Int(number)].hash) & mask
      while grown[place] != .max { place = (place + 1) & mask }
      grown[place] = number
    }
    places = grown
  }

  func retain(_ number: UInt32) { records[Int(number)].references += 1 }

  /// Forgets a group that nothing refers to.
  @inline(__always) func removeIfUnused(_ number: UInt32) {
    if records[Int(number)].references == 0 { remove(number) }
  }

  func release(_ number: UInt32) {
    records[Int(number)].references -= 1
    if records[Int(number)].references == 0 { remove(number) }
  }

  private func remove(_ number: UInt32) {
    let mask = places.count - 1
    var hole = Int(truncatingIfNeeded: records[Int(number)].hash) & mask
    while places[hole] != number { hole = (hole + 1) & mask }
    // What follows moves up, so that no search ends too early.
    var next = (hole + 1) & mask
    while places[next] != .max {
      let home = Int(truncatingIfNeeded: records[Int(places[next])].hash) & mask
      if (next &- home) & mask >= (next &- hole) & mask {
        places[hole] = places[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    places[hole] = .max
    garbage += Int(records[Int(number)].length)
    records[Int(number)].length = 0
    free.append(number)
    count -= 1
    if garbage > 1 << 20, garbage > bytes.count / 2 { compact() }
  }

  private func compact() {
    var packed: [UInt8] = []
    packed.reserveCapacity(bytes.count - garbage)
    for number in places where number != .max {
      let record = records[Int(number)]
      records[Int(number)].offset = UInt32(packed.count)
      packed.append(contentsOf: bytes[Int(record.offset)..<(Int(record.offset) + Int(record.length))])
    }
    bytes = packed
    garbage = 0
  }

  @inline(__always) func recent(_ number: UInt32, end: Int64) -> UInt32 {
    let record = records[Int(number)]
    return record.recentEnd == end ? record.recentEntry : .max
  }

  @inline(__always) func setRecent(_ number: UInt32, end: Int64, entry: UInt32) {
    records[Int(number)].recentEnd = end
    records[Int(number)].recentEntry = entry
  }

  func withKey<Result, Failed: Error>(
    _ number: UInt32, _ body: (UnsafeRawBufferPointer) throws(Failed) -> Result
  ) throws(Failed) -> Result {
    let record = records[Int(number)]
    return try bytes.withUnsafeBufferPointer { (all) throws(Failed) in
      let key = UnsafeBufferPointer(rebasing: all[Int(record.offset)..<Int(record.offset + record.length)])
      return try body(UnsafeRawBufferPointer(key))
    }
  }

  /// Multiplies eight bytes at once and folds both halves of the product (after Wang Yi's wyhash).
  static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64 = 0x9e37_79b9_7f4a_7c15 ^ UInt64(key.count)
    var index = 0
    while index + 8 <= key.count {
      hash = mixed(hash ^ key.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      index += 8
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
