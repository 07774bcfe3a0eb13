import Change

extension SortedCounts {
  @inline(__always) private func named(_ word: UInt64) -> UnsafeMutablePointer<Header>? {
    word == 0 ? nil : header(BlockArena.Reference(truncatingIfNeeded: word))
  }

  func distinct(_ word: UInt64) -> Int64 { named(word)?.pointee.distinct ?? 0 }

  func total(_ word: UInt64) -> Int64 { named(word)?.pointee.total ?? 0 }

  func first(_ word: UInt64) -> Key? {
    guard let header = named(word) else { return nil }
    for index in 0..<Int(header.pointee.chunkCount) {
      let chunk = chunk(index, of: header)
      for element in 0..<chunk.count where chunk.elements[element].count > 0 {
        return key(of: chunk.elements + element)
      }
    }
    return nil
  }

  func last(_ word: UInt64) -> Key? {
    guard let header = named(word) else { return nil }
    for index in (0..<Int(header.pointee.chunkCount)).reversed() {
      let chunk = chunk(index, of: header)
      for element in (0..<chunk.count).reversed() where chunk.elements[element].count > 0 {
        return key(of: chunk.elements + element)
      }
    }
    return nil
  }

  /// The value that has `rank` values before it, counted from 0.
  func value(_ word: UInt64, atRank rank: Int64) -> Key? {
    guard let header = named(word) else { return nil }
    var passed: Int64 = 0
    for index in 0..<Int(header.pointee.chunkCount) {
      let chunk = chunk(index, of: header)
      for element in 0..<chunk.count where chunk.elements[element].count > 0 {
        passed += chunk.elements[element].count
        if passed > rank { return key(of: chunk.elements + element) }
      }
    }
    return nil
  }

  /// Every value with its number, in order.
  func forEach(_ word: UInt64, _ body: (UnsafeMutablePointer<Element>) -> Void) {
    guard let header = named(word) else { return }
    for index in 0..<Int(header.pointee.chunkCount) {
      let chunk = chunk(index, of: header)
      for element in 0..<chunk.count { body(chunk.elements + element) }
    }
  }

  func merge(_ other: UInt64, into word: Word, isIndexed: Bool) {
    forEach(other) { add(key(of: $0), $0.pointee.count, to: word, isIndexed: isIndexed) }
  }

  /// Takes away a value that came at `time`; where none did, the newest of the same value.
  func removeNewest(like key: Key, from word: Word) {
    guard let index = valueIndex(word) else { return }
    var end = key
    (end.time, end.order) = (.max, .max)
    var place = position(of: end, in: index, byValue: true)
    if place.index == 0 {
      guard place.chunk > 0 else { return }
      place = Place(chunk: place.chunk - 1, index: chunk(place.chunk - 1, of: index).count)
    }
    let element = chunk(place.chunk, of: index).elements + place.index - 1
    guard hasSameValue(element, as: key) else { return }
    add(self.key(of: element), -1, to: word, isIndexed: true)
  }

  /// Takes away the oldest of the values that came at the key's time and are equal to it; false when there is none.
  func removeOldest(at key: Key, from word: Word) -> Bool {
    guard let index = valueIndex(word) else { return false }
    var start = key
    start.order = .min
    var place = position(of: start, in: index, byValue: true)
    while place.chunk < Int(index.pointee.chunkCount) {
      let chunk = chunk(place.chunk, of: index)
      while place.index < chunk.count {
        let element = chunk.elements + place.index
        guard element.pointee.time == key.time, hasSameValue(element, as: key) else { return false }
        if element.pointee.count > 0 {
          add(self.key(of: element), -1, to: word, isIndexed: true)
          return true
        }
        place.index += 1
      }
      place = Place(chunk: place.chunk + 1, index: 0)
    }
    return false
  }

  private func valueIndex(_ word: Word) -> UnsafeMutablePointer<Header>? {
    guard let header = named(word.pointee), header.pointee.index != 0 else { return nil }
    return self.header(header.pointee.index)
  }
}
