/// Values in order, each with the number of times that it is there: what `min`, `max`, `first`, `last`, `count(distinct)`
/// and `percentile` need to stay right when a row is taken away.
///
/// A number below 0 stands for a value that was taken away before it came; it is not seen. *Cost*: a search and a move
/// inside one chunk a change; memory for each different value.
struct SortedCounts: Sendable {
  struct Key: Comparable, Sendable {
    /// When the value was there, for `first` and `last`; otherwise 0.
    var time: Int64 = 0
    var order: Int64 = 0
    var value: Int128 = 0
    var text: [UInt8]?

    static func < (left: Key, right: Key) -> Bool {
      if left.time != right.time { return left.time < right.time }
      if left.order != right.order { return left.order < right.order }
      if left.value != right.value { return left.value < right.value }
      guard let text = left.text, let other = right.text else { return left.text == nil && right.text != nil }
      return text.lexicographicallyPrecedes(other)
    }

    func hasSameValue(as other: Key) -> Bool { value == other.value && text == other.text }
  }

  struct Element: Sendable {
    var key: Key
    var count: Int64
  }

  private static let chunkLimit = 128
  private(set) var chunks: [[Element]] = []
  /// How many values there are, those with a number below 0 left out.
  private(set) var distinct: Int64 = 0
  /// How often all of them are there together.
  private(set) var total: Int64 = 0
  /// The memory that the values take, in bytes.
  private(set) var byteCount = 0

  init() {}

  var isEmpty: Bool { chunks.isEmpty }

  mutating func add(_ key: Key, _ change: Int64) {
    guard !chunks.isEmpty else {
      insert(Element(key: key, count: change), chunk: 0, at: 0)
      return
    }
    let chunk = chunkIndex(for: key)
    let index = SortedCounts.index(of: key, in: chunks[chunk])
    guard index < chunks[chunk].count, chunks[chunk][index].key == key else {
      insert(Element(key: key, count: change), chunk: chunk, at: index)
      return
    }
    let before = chunks[chunk][index].count
    count(before, before + change)
    chunks[chunk][index].count = before + change
    guard before + change == 0 else { return }
    byteCount -= SortedCounts.size(of: key)
    chunks[chunk].remove(at: index)
    if chunks[chunk].isEmpty {
      chunks.remove(at: chunk)
    } else if chunks[chunk].count * 4 < chunks[chunk].capacity {
      chunks[chunk] = chunks[chunk].map(\.self)
    }
  }

  /// Chunks are a quarter full at least, and a text is an array of its own.
  private static func size(of key: Key) -> Int {
    4 * MemoryLayout<Element>.stride + (key.text.map { 32 + $0.count } ?? 0)
  }

  private mutating func insert(_ element: Element, chunk: Int, at index: Int) {
    byteCount += SortedCounts.size(of: element.key)
    count(0, element.count)
    guard !chunks.isEmpty else {
      chunks.append([element])
      return
    }
    chunks[chunk].insert(element, at: index)
    guard chunks[chunk].count > SortedCounts.chunkLimit else { return }
    let half = SortedCounts.chunkLimit / 2
    chunks.insert(Array(chunks[chunk][half...]), at: chunk + 1)
    chunks[chunk] = Array(chunks[chunk][..<half])
  }

  private mutating func count(_ before: Int64, _ after: Int64) {
    total += max(0, after) - max(0, before)
    distinct += (after > 0 ? 1 : 0) - (before > 0 ? 1 : 0)
  }

  /// The last chunk that does not begin behind the key.
  private func chunkIndex(for key: Key) -> Int {
    var (low, high) = (0, chunks.count)
    while low < high {
      let middle = (low + high) / 2
      if key < chunks[middle][0].key { high = middle } else { low = middle + 1 }
    }
    return max(0, low - 1)
  }

  private static func index(of key: Key, in chunk: [Element]) -> Int {
    var (low, high) = (0, chunk.count)
    while low < high {
      let middle = (low + high) / 2
      if chunk[middle].key < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  var first: Key? {
    for chunk in chunks { for element in chunk where element.count > 0 { return element.key } }
    return nil
  }

  var last: Key? {
    for chunk in chunks.reversed() { for element in chunk.reversed() where element.count > 0 { return element.key } }
    return nil
  }

  /// The value that has `rank` values before it, counted from 0.
  func value(atRank rank: Int64) -> Key? {
    var passed: Int64 = 0
    for chunk in chunks {
      for element in chunk where element.count > 0 {
        passed += element.count
        if passed > rank { return element.key }
      }
    }
    return nil
  }

  /// Takes away a value that came at `time`; where none did, the newest of the same value.
  mutating func removeNewest(like key: Key) {
    for chunk in chunks.indices.reversed() {
      for index in chunks[chunk].indices.reversed() where chunks[chunk][index].key.hasSameValue(as: key) {
        let found = chunks[chunk][index].key
        add(found, -1)
        return
      }
    }
  }

  /// Takes away the oldest of the values that came at the key's time and are equal to it; false when there is none.
  mutating func removeOldest(at key: Key) -> Bool {
    var chunk = 0
    var start = key
    (start.order, start.value, start.text) = (.min, .min, nil)
    if !chunks.isEmpty { chunk = chunkIndex(for: start) }
    while chunk < chunks.count {
      for element in chunks[chunk] where element.key.time >= key.time {
        if element.key.time > key.time { return false }
        guard element.count > 0, element.key.hasSameValue(as: key) else { continue }
        add(element.key, -1)
        return true
      }
      chunk += 1
    }
    return false
  }

  mutating func merge(_ other: SortedCounts) {
    for chunk in other.chunks { for element in chunk { add(element.key, element.count) } }
  }

  mutating func forEach(_ body: (Element) -> Void) { for chunk in chunks { for element in chunk { body(element) } } }
}
