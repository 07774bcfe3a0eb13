/// A list of entries in a block: what a group of sessions has.
struct EntryList: BitwiseCopyable {
  private var block: BlockArena.Reference = 0
  private var length: UInt32 = 0
  private var capacity: UInt32 = 0

  var count: Int { Int(length) }
  var isEmpty: Bool { length == 0 }

  /// The entries; good until the list changes or the budget is settled.
  @inline(__always) func entries(in blocks: BlockArena) -> UnsafeMutableBufferPointer<UInt32> {
    if length == 0 { return UnsafeMutableBufferPointer(start: nil, count: 0) }
    let start = blocks.write(block, Int(capacity) * 4).assumingMemoryBound(to: UInt32.self)
    return UnsafeMutableBufferPointer(start: start, count: Int(length))
  }

  mutating func insert(_ entry: UInt32, at index: Int, in blocks: BlockArena) {
    if length == capacity { grow(in: blocks) }
    length += 1
    let entries = entries(in: blocks)
    var place = count - 1
    while place > index {
      entries[place] = entries[place - 1]
      place -= 1
    }
    entries[index] = entry
  }

  private mutating func grow(in blocks: BlockArena) {
    let grown = BlockArena.size(Int(max(4, 2 * capacity)) * 4)
    let block = blocks.allocate(grown)
    if length > 0 {
      blocks.write(block, grown).copyMemory(from: blocks.read(self.block, count * 4), byteCount: count * 4)
      blocks.free(self.block, Int(capacity) * 4)
    }
    (self.block, capacity) = (block, UInt32(grown / 4))
  }

  mutating func append(_ entry: UInt32, in blocks: BlockArena) { insert(entry, at: count, in: blocks) }

  mutating func remove(at index: Int, in blocks: BlockArena) { removeSubrange(index..<(index + 1), in: blocks) }

  mutating func removeSubrange(_ range: Range<Int>, in blocks: BlockArena) {
    let entries = entries(in: blocks)
    var place = range.lowerBound
    for index in range.upperBound..<count {
      entries[place] = entries[index]
      place += 1
    }
    length = UInt32(place)
    guard length == 0, capacity > 0 else { return }
    blocks.free(block, Int(capacity) * 4)
    (block, capacity) = (0, 0)
  }
}
