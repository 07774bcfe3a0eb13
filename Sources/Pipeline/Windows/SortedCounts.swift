import Change
import Glibc

/// Sets of values in order, each value with the number of times that it is there: what `min`, `max`, `first`, `last`,
/// `count(distinct)` and `percentile` need to stay right when a row is taken away.
///
/// A set is named by a word; 0 is an empty one. A number below 0 stands for a value that was taken away before it came; it is
/// not seen. *Cost*: a search and a move inside one chunk a change. *Memory*: 48 to 96 bytes for each different value, twice
/// that for sets with an index, in blocks which may lie in files. *Thread*: one at a time.
final class SortedCounts {
  typealias Word = UnsafeMutablePointer<UInt64>

  struct Key: Sendable {
    /// When the value was there, for `first` and `last`; otherwise 0.
    var time: Int64 = 0
    var order: Int64 = 0
    var value: Int128 = 0
    var text: [UInt8]?
  }

  struct Header: BitwiseCopyable {
    /// How many values there are, those with a number below 0 left out.
    var distinct: Int64 = 0
    /// How often all of them are there together.
    var total: Int64 = 0
    /// The only chunk, or where `capacity` is not 0 the list of them.
    var chunks: BlockArena.Reference = 0
    var chunkCount: UInt32 = 0
    var capacity: UInt32 = 0
    /// The same values, in order of the values before that of their times.
    var index: BlockArena.Reference = 0

    static let size = MemoryLayout<Header>.size
    /// Behind two numbers of 8 bytes.
    static let chunksOffset = 16
  }

  struct Element: BitwiseCopyable {
    var time: Int64
    var order: Int64
    var value: Int128
    var count: Int64
    var text: BlockArena.Reference
    /// The text's length and 1; 0: there is none.
    var length: UInt32

    static let size = MemoryLayout<Element>.stride
  }

  /// A run of elements: their number and for how many there is room, then the elements.
  struct Chunk {
    let block: UnsafeMutableRawPointer
    static let header = 16
    static let limit = 128

    var count: Int {
      get { Int(block.load(as: UInt32.self)) }
      nonmutating set { block.storeBytes(of: UInt32(newValue), as: UInt32.self) }
    }
    var capacity: Int {
      get { Int(block.load(fromByteOffset: 4, as: UInt32.self)) }
      nonmutating set { block.storeBytes(of: UInt32(newValue), toByteOffset: 4, as: UInt32.self) }
    }
    var elements: UnsafeMutablePointer<Element> {
      (block + Chunk.header).assumingMemoryBound(to: Element.self)
    }
    static func size(_ capacity: Int) -> Int { header + capacity * Element.size }
  }

  let blocks: BlockArena

  init(_ blocks: BlockArena) { self.blocks = blocks }

  @inline(__always) func header(_ set: BlockArena.Reference) -> UnsafeMutablePointer<Header> {
    blocks.write(set, Header.size).assumingMemoryBound(to: Header.self)
  }

  /// Adds to the number of a value in the set that a word names.
  /// - Parameter isIndexed: the set is one of `first` or `last`; the same for all changes of a set.
  func add(_ key: Key, _ change: Int64, to word: Word, isIndexed: Bool = false) {
    if word.pointee == 0 { word.pointee = UInt64(newSet()) }
    let set = BlockArena.Reference(truncatingIfNeeded: word.pointee)
    add(key, change, to: set, byValue: false)
    if isIndexed {
      if header(set).pointee.index == 0 { header(set).pointee.index = newSet() }
      add(key, change, to: header(set).pointee.index, byValue: true)
    }
    if header(set).pointee.chunkCount == 0 { clear(word) }
  }

  private func newSet() -> BlockArena.Reference {
    let set = blocks.allocate(Header.size)
    header(set).pointee = Header()
    return set
  }

  private func add(_ key: Key, _ change: Int64, to set: BlockArena.Reference, byValue: Bool) {
    let header = header(set)
    if header.pointee.chunkCount == 0 { addChunk(newChunk(1), at: 0, to: header) }
    let at = position(of: key, in: header, byValue: byValue)
    let chunk = chunk(at.chunk, of: header)
    let element = chunk.elements + at.index
    guard at.index < chunk.count, compare(element, key, byValue: byValue) == 0 else {
      SortedCounts.count(header, 0, change)
      return insert(self.element(of: key, change), at, into: header)
    }
    let count = element.pointee.count + change
    SortedCounts.count(header, element.pointee.count, count)
    element.pointee.count = count
    if count == 0 { remove(at, from: header) }
  }

  private static func count(_ header: UnsafeMutablePointer<Header>, _ before: Int64, _ after: Int64) {
    header.pointee.total += max(0, after) - max(0, before)
    header.pointee.distinct += (after > 0 ? 1 : 0) - (before > 0 ? 1 : 0)
  }

  private func element(of key: Key, _ count: Int64) -> Element {
    Element(
      time: key.time, order: key.order, value: key.value, count: count,
      text: key.text.map { $0.withUnsafeBytes(blocks.copy) } ?? 0,
      length: key.text.map { UInt32($0.count) + 1 } ?? 0)
  }

  func text(of element: UnsafeMutablePointer<Element>) -> UnsafeRawBufferPointer? {
    let length = element.pointee.length
    if length < 2 { return length == 0 ? nil : UnsafeRawBufferPointer(start: nil, count: 0) }
    return UnsafeRawBufferPointer(start: blocks.read(element.pointee.text, Int(length) - 1), count: Int(length) - 1)
  }

  func key(of element: UnsafeMutablePointer<Element>) -> Key {
    Key(
      time: element.pointee.time, order: element.pointee.order, value: element.pointee.value,
      text: text(of: element).map { Array($0) })
  }

  // Places in a set.

  struct Place {
    var chunk: Int
    var index: Int
  }

  func chunk(_ index: Int, of header: UnsafeMutablePointer<Header>) -> Chunk {
    let reference = reference(index, of: header).pointee
    let capacity = Chunk(block: blocks.read(reference, Chunk.header)).capacity
    return Chunk(block: blocks.write(reference, Chunk.size(capacity)))
  }

  /// Where a chunk is named.
  private func reference(
    _ index: Int, of header: UnsafeMutablePointer<Header>
  ) -> UnsafeMutablePointer<BlockArena.Reference> {
    let capacity = Int(header.pointee.capacity)
    if capacity == 0 {
      // Beside the header, which is in memory.
      return (UnsafeMutableRawPointer(header) + Header.chunksOffset).assumingMemoryBound(to: BlockArena.Reference.self)
    }
    return blocks.write(header.pointee.chunks, capacity * 4).assumingMemoryBound(to: BlockArena.Reference.self) + index
  }

  /// Where a key is, or would be: in the last chunk that does not begin behind it.
  func position(of key: Key, in header: UnsafeMutablePointer<Header>, byValue: Bool) -> Place {
    var (low, high) = (0, Int(header.pointee.chunkCount))
    while low + 1 < high {
      let middle = (low + high) / 2
      if compare(chunk(middle, of: header).elements, key, byValue: byValue) > 0 { high = middle } else { low = middle }
    }
    let chunk = chunk(low, of: header)
    var (first, end) = (0, chunk.count)
    while first < end {
      let middle = (first + end) / 2
      if compare(chunk.elements + middle, key, byValue: byValue) < 0 { first = middle + 1 } else { end = middle }
    }
    return Place(chunk: low, index: first)
  }

  /// Below 0 where the element comes before the key.
  private func compare(_ element: UnsafeMutablePointer<Element>, _ key: Key, byValue: Bool) -> Int {
    let time = SortedCounts.compare(element.pointee.time, key.time)
    let when = time != 0 ? time : SortedCounts.compare(element.pointee.order, key.order)
    if !byValue, when != 0 { return when }
    let value = SortedCounts.compare(element.pointee.value, key.value)
    if value != 0 { return value }
    let text = compareTexts(element, key)
    return text != 0 || !byValue ? text : when
  }

  @inline(__always) private static func compare<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
    left < right ? -1 : left == right ? 0 : 1
  }

  private func compareTexts(_ element: UnsafeMutablePointer<Element>, _ key: Key) -> Int {
    guard let text = text(of: element), let other = key.text else {
      return element.pointee.length == 0 ? (key.text == nil ? 0 : -1) : 1
    }
    let order = other.withUnsafeBytes { other in
      let count = min(text.count, other.count)
      return count == 0 ? 0 : memcmp(text.baseAddress!, other.baseAddress!, count)
    }
    return order != 0 ? Int(order) : SortedCounts.compare(text.count, other.count)
  }

  func hasSameValue(_ element: UnsafeMutablePointer<Element>, as key: Key) -> Bool {
    element.pointee.value == key.value && compareTexts(element, key) == 0
  }

  // Chunks.

  private func newChunk(_ capacity: Int) -> BlockArena.Reference {
    let block = blocks.allocate(Chunk.size(capacity))
    let chunk = Chunk(block: blocks.write(block, Chunk.size(capacity)))
    (chunk.count, chunk.capacity) = (0, capacity)
    return block
  }

  private func addChunk(_ chunk: BlockArena.Reference, at index: Int, to header: UnsafeMutablePointer<Header>) {
    let count = Int(header.pointee.chunkCount)
    header.pointee.chunkCount += 1
    if count == 0, header.pointee.capacity == 0 {
      header.pointee.chunks = chunk
      return
    }
    if count >= Int(header.pointee.capacity) { growList(header) }
    let list = reference(0, of: header)
    (list + index + 1).update(from: list + index, count: count - index)
    list[index] = chunk
  }

  private func growList(_ header: UnsafeMutablePointer<Header>) {
    let old = Int(header.pointee.capacity)
    let capacity = max(4, 2 * old)
    let block = blocks.allocate(capacity * 4)
    let list = blocks.write(block, capacity * 4).assumingMemoryBound(to: BlockArena.Reference.self)
    list.update(from: reference(0, of: header), count: max(1, old))
    if old > 0 { blocks.free(header.pointee.chunks, old * 4) }
    (header.pointee.chunks, header.pointee.capacity) = (block, UInt32(capacity))
  }

  private func insert(_ element: Element, _ at: Place, into header: UnsafeMutablePointer<Header>) {
    var at = at
    var chunk = chunk(at.chunk, of: header)
    if chunk.count == chunk.capacity {
      if chunk.capacity < Chunk.limit {
        chunk = resized(at.chunk, to: 2 * chunk.capacity, of: header)
      } else {
        at = split(at, of: header)
        chunk = self.chunk(at.chunk, of: header)
      }
    }
    let elements = chunk.elements
    (elements + at.index + 1).update(from: elements + at.index, count: chunk.count - at.index)
    elements[at.index] = element
    chunk.count += 1
  }

  private func resized(_ index: Int, to capacity: Int, of header: UnsafeMutablePointer<Header>) -> Chunk {
    let old = chunk(index, of: header)
    let block = newChunk(capacity)
    let grown = Chunk(block: blocks.write(block, Chunk.size(capacity)))
    grown.elements.update(from: old.elements, count: old.count)
    grown.count = old.count
    let reference = reference(index, of: header)
    blocks.free(reference.pointee, Chunk.size(old.capacity))
    reference.pointee = block
    return grown
  }

  /// Parts a full chunk in two; returns where the place is now.
  private func split(_ at: Place, of header: UnsafeMutablePointer<Header>) -> Place {
    let half = Chunk.limit / 2
    let block = newChunk(Chunk.limit)
    addChunk(block, at: at.chunk + 1, to: header)
    let (first, second) = (chunk(at.chunk, of: header), chunk(at.chunk + 1, of: header))
    second.elements.update(from: first.elements + half, count: first.count - half)
    second.count = first.count - half
    first.count = half
    return at.index <= half ? at : Place(chunk: at.chunk + 1, index: at.index - half)
  }

  private func remove(_ at: Place, from header: UnsafeMutablePointer<Header>) {
    let chunk = chunk(at.chunk, of: header)
    let elements = chunk.elements
    freeText(of: elements[at.index])
    (elements + at.index).update(from: elements + at.index + 1, count: chunk.count - at.index - 1)
    chunk.count -= 1
    if chunk.count == 0 {
      let list = reference(0, of: header)
      blocks.free(list[at.chunk], Chunk.size(chunk.capacity))
      let count = Int(header.pointee.chunkCount)
      (list + at.chunk).update(from: list + at.chunk + 1, count: count - at.chunk - 1)
      header.pointee.chunkCount -= 1
      if count == 2 { dropList(header) }
    } else if chunk.count == 1, chunk.capacity > 1 {
      _ = resized(at.chunk, to: 1, of: header)
    } else if chunk.count * 4 <= chunk.capacity {
      _ = resized(at.chunk, to: chunk.capacity / 2, of: header)
    }
  }

  /// One chunk needs no list.
  private func dropList(_ header: UnsafeMutablePointer<Header>) {
    let (list, capacity) = (header.pointee.chunks, Int(header.pointee.capacity))
    let chunk = reference(0, of: header).pointee
    (header.pointee.chunks, header.pointee.capacity) = (chunk, 0)
    blocks.free(list, capacity * 4)
  }

  private func freeText(of element: Element) {
    if element.length > 1 { blocks.free(element.text, Int(element.length) - 1) }
  }

  /// Empties the set that a word names.
  func clear(_ word: Word) {
    guard word.pointee != 0 else { return }
    free(BlockArena.Reference(truncatingIfNeeded: word.pointee))
    word.pointee = 0
  }

  private func free(_ set: BlockArena.Reference) {
    let header = header(set)
    if header.pointee.index != 0 { free(header.pointee.index) }
    for index in 0..<Int(header.pointee.chunkCount) {
      let chunk = chunk(index, of: header)
      for element in 0..<chunk.count { freeText(of: chunk.elements[element]) }
      blocks.free(reference(index, of: header).pointee, Chunk.size(chunk.capacity))
    }
    if header.pointee.capacity > 0 { blocks.free(header.pointee.chunks, Int(header.pointee.capacity) * 4) }
    blocks.free(set, Header.size)
  }
}
