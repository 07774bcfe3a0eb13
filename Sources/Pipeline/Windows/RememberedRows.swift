import Change

/// Rows as bytes, found by their keys: what a window knows of the rows that are in its table now.
///
/// *Memory*: a row takes its bytes and 12 more, in blocks as those of ``BlockArena``, and a place of 11 to 21; one that goes
/// leaves its block to the next of its size. All of it may lie in files. *Thread*: one at a time.
final class RememberedRows {
  /// Names a row until it is removed or replaced.
  typealias Place = BlockArena.Reference

  private struct Header: BitwiseCopyable {
    /// Of the key. In a block that is free, which one is the next.
    var hash: UInt32
    /// Of the row, its key first.
    var length: UInt32
    var keyLength: UInt32
  }

  /// In place of the key's length of a block that no row has.
  private static let isFree = UInt32.max
  private static let header = MemoryLayout<Header>.size

  private let budget: StateBudget
  private let arena: BlockArena
  private let pages: StatePages
  private let places: HashPlaces

  init(_ budget: StateBudget) {
    self.budget = budget
    arena = BlockArena(budget)
    pages = arena.pages
    places = HashPlaces(budget)
  }

  var count: Int { places.count }
  /// Bytes, in memory and in files.
  var byteCount: Int { arena.inUse + places.byteCount }

  @inline(__always) private func header(_ place: Place) -> Header {
    pages.read(Int(place) &* BlockArena.unit, RememberedRows.header).load(as: Header.self)
  }

  private func size(_ length: Int) -> Int { RememberedRows.header + length }

  @inline(__always) private static func hash(_ key: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(truncatingIfNeeded: GroupIndex.hash(key))
  }

  /// The row with a key; nil: there is none.
  @inline(__always) func find(_ key: UnsafeRawBufferPointer) -> Place? {
    let found = places.find(RememberedRows.hash(key)) { place in
      guard Int(header(place).keyLength) == key.count else { return false }
      return RememberedRows.isEqual(start(place, key.count), key)
    }
    return found == HashPlaces.none ? nil : found
  }

  /// The first bytes of a row.
  @inline(__always) private func start(_ place: Place, _ length: Int) -> UnsafeMutableRawPointer {
    pages.read(Int(place) &* BlockArena.unit, size(length)) + RememberedRows.header
  }

  @inline(__always) private static func isEqual(
    _ row: UnsafeMutableRawPointer, _ key: UnsafeRawBufferPointer
  ) -> Bool {
    for index in key.indices where row.load(fromByteOffset: index, as: UInt8.self) != key[index] { return false }
    return true
  }

  /// The bytes of a row, key first; good until the budget is settled.
  @inline(__always) func bytes(at place: Place) -> UnsafeRawBufferPointer {
    let length = Int(header(place).length)
    return UnsafeRawBufferPointer(start: start(place, length), count: length)
  }

  /// Puts other bytes in the place of a row; the key is the same.
  @inline(__always) func replace(_ row: UnsafeRawBufferPointer, keyLength: Int, at place: Place) {
    let old = header(place)
    if BlockArena.size(size(row.count)) == BlockArena.size(size(Int(old.length))) {
      return fill(place, row, keyLength, old.hash)
    }
    let added = arena.allocate(size(row.count))
    fill(added, row, keyLength, old.hash)
    places.replace(place, old.hash, with: added)
    free(place, old)
  }

  /// Adds a row whose key is not there.
  func insert(_ row: UnsafeRawBufferPointer, keyLength: Int) {
    let place = arena.allocate(size(row.count))
    let hash = RememberedRows.hash(UnsafeRawBufferPointer(rebasing: row[..<keyLength]))
    fill(place, row, keyLength, hash)
    places.insert(place, hash)
  }

  func remove(at place: Place) {
    let header = header(place)
    places.remove(place, header.hash)
    free(place, header)
  }

  private func free(_ place: Place, _ header: Header) {
    arena.free(place, size(Int(header.length)))
    let block = pages.write(Int(place) &* BlockArena.unit, RememberedRows.header)
    block.assumingMemoryBound(to: Header.self).pointee.keyLength = RememberedRows.isFree
  }

  @inline(__always) private func fill(
    _ place: Place, _ row: UnsafeRawBufferPointer, _ keyLength: Int, _ hash: UInt32
  ) {
    let block = pages.write(Int(place) &* BlockArena.unit, size(row.count))
    block.storeBytes(
      of: Header(hash: hash, length: UInt32(row.count), keyLength: UInt32(keyLength)), as: Header.self)
    UnsafeMutableRawBufferPointer(start: block + RememberedRows.header, count: row.count).copyMemory(from: row)
  }
}

extension RememberedRows {
  func encode(to writer: inout StateWriter) {
    writer.append(count)
    // As they lie, so that what is in files is read once.
    var offset = BlockArena.unit
    while offset < arena.end {
      budget.settleLater()
      let place = Place(offset / BlockArena.unit)
      let header = header(place)
      if header.keyLength != RememberedRows.isFree {
        writer.append(Int(header.keyLength))
        writer.append(bytes(at: place))
      }
      offset += BlockArena.size(size(Int(header.length)))
    }
  }

  /// - Parameter isRow: whether bytes are a row, with a key of this length.
  func decode(
    from reader: inout StateReader, isRow: (UnsafeRawBufferPointer, Int) -> Bool
  ) throws(Failure) {
    for _ in 0..<(try reader.count(least: 16)) {
      try budget.settle()
      let keyLength = Int(try reader.integer())
      let bytes = try reader.text()
      try bytes.withUnsafeBufferPointer { (buffer) throws(Failure) in
        let row = UnsafeRawBufferPointer(buffer)
        guard (0...row.count).contains(keyLength), isRow(row, keyLength),
          find(UnsafeRawBufferPointer(rebasing: row[..<keyLength])) == nil
        else { throw StateReader.damaged("has a row that cannot be read") }
        insert(row, keyLength: keyLength)
      }
    }
  }
}
