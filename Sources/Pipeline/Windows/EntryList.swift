/// A list of entries by their times, ascending, in a block: what a group of sessions has.
struct EntryList: BitwiseCopyable {
  /// The time lies beside the entry's number, so that a search reads nothing but the list.
  struct Element: BitwiseCopyable {
    var time: Int64
    var entry: UInt32
  }

  typealias Elements = UnsafeMutableBufferPointer<Element>

  private static let stride = MemoryLayout<Element>.stride

  private var block: BlockArena.Reference = 0
  private var length: UInt32 = 0
  private var capacity: UInt32 = 0

  var count: Int { Int(length) }
  var isEmpty: Bool { length == 0 }

  /// The elements; good until the list changes or the budget is settled.
  @inline(__always) func elements(in blocks: BlockArena) -> Elements {
    if length == 0 { return Elements(start: nil, count: 0) }
    let start = blocks.write(block, Int(length) * EntryList.stride).assumingMemoryBound(to: Element.self)
    return Elements(start: start, count: Int(length))
  }

  /// Where a time is among elements, or would be; most come near the end.
  @inline(__always) static func position(of time: Int64, in elements: Elements) -> Int {
    var high = elements.count
    let near = max(0, high - 6)
    while high > near {
      if elements[high - 1].time < time { return high }
      high -= 1
    }
    return high == 0 ? 0 : position(of: time, in: elements, before: high)
  }

  private static func position(of time: Int64, in elements: Elements, before end: Int) -> Int {
    var (low, high) = (0, end)
    while low < high {
      let middle = (low + high) / 2
      if elements[middle].time < time { low = middle + 1 } else { high = middle }
    }
    return low
  }

  mutating func insert(_ element: Element, at index: Int, in blocks: BlockArena) {
    if length == capacity { grow(in: blocks) }
    length += 1
    let elements = elements(in: blocks)
    var place = count - 1
    while place > index {
      elements[place] = elements[place - 1]
      place -= 1
    }
    elements[index] = element
  }

  private mutating func grow(in blocks: BlockArena) {
    let size = BlockArena.size(Int(max(4, 2 * capacity)) * EntryList.stride)
    let grown = blocks.allocate(size)
    if length > 0 {
      let bytes = count * EntryList.stride
      blocks.write(grown, bytes).copyMemory(from: blocks.read(block, bytes), byteCount: bytes)
      blocks.free(block, Int(capacity) * EntryList.stride)
    }
    (block, capacity) = (grown, UInt32(size / EntryList.stride))
  }

  mutating func remove(at index: Int, in blocks: BlockArena) { removeSubrange(index..<(index + 1), in: blocks) }

  mutating func removeSubrange(_ range: Range<Int>, in blocks: BlockArena) {
    let elements = elements(in: blocks)
    var place = range.lowerBound
    for index in range.upperBound..<count {
      elements[place] = elements[index]
      place += 1
    }
    length = UInt32(place)
    guard length == 0, capacity > 0 else { return }
    blocks.free(block, Int(capacity) * EntryList.stride)
    (block, capacity) = (0, 0)
  }
}
