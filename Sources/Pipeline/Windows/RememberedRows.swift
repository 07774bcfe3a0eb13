import Change

/// Rows as bytes, found by their keys: what a window knows of the rows that are in its table now.
///
/// *Memory*: flat, no object for a row. A row takes its bytes and 4 more, in steps of 8, and a place of 11 to 21; one that
/// goes leaves room for the next of its size. *Thread*: one at a time.
final class RememberedRows {
  // A record: its length in units, the length of its key, the key, the rest, each behind the other.
  private static let unit = 8
  private static let headerLength = 4
  private static let chunkUnits = 65_536
  private static let chunkBytes = chunkUnits * unit
  /// No record begins there: the last unit of a chunk is never given away.
  private static let empty = UInt64.max
  private static let none = UInt32.max

  @exclusivity(unchecked) private var chunks: [UnsafeMutableRawPointer] = []
  /// Of the last chunk.
  @exclusivity(unchecked) private var usedUnits = chunkUnits
  /// Of the records that are not free.
  @exclusivity(unchecked) private var liveUnits = 0
  /// By length in units, the first record that is free; each names the next.
  @exclusivity(unchecked) private var free: [UInt32] = []
  /// The record in the low half, a part of the key's hash in the high one.
  @exclusivity(unchecked) private var places: [UInt64] = Array(repeating: empty, count: 64)
  @exclusivity(unchecked) private(set) var count = 0

  init() {}

  deinit { for chunk in chunks { chunk.deallocate() } }

  var byteCount: Int {
    chunks.count * RememberedRows.chunkBytes + places.capacity * 8 + free.capacity * 4 + chunks.capacity * 8
  }

  @inline(__always) private func record(_ location: UInt64) -> UnsafeMutableRawPointer {
    chunks[Int(location >> 16 & 0xffff)] + Int(location & 0xffff) * RememberedRows.unit
  }

  @inline(__always) private func home(_ place: UInt64) -> Int { Int(place >> 32) & (places.count - 1) }

  /// The place of a key until the next change; nil: there is no such row.
  @inline(__always) func find(_ key: UnsafeRawBufferPointer) -> Int? {
    let fragment = GroupIndex.hash(key) >> 32
    let mask = places.count - 1
    var place = Int(fragment) & mask
    while places[place] != RememberedRows.empty {
      if places[place] >> 32 == fragment {
        let record = record(places[place])
        if Int(record.load(fromByteOffset: 2, as: UInt16.self)) == key.count,
          RememberedRows.isEqual(record + RememberedRows.headerLength, key)
        {
          return place
        }
      }
      place = (place + 1) & mask
    }
    return nil
  }

  @inline(__always) private static func isEqual(
    _ record: UnsafeMutableRawPointer, _ key: UnsafeRawBufferPointer
  ) -> Bool {
    for index in key.indices where record.load(fromByteOffset: index, as: UInt8.self) != key[index] { return false }
    return true
  }

  /// The bytes of a row, key first, and what its record is filled up with behind them.
  @inline(__always) func bytes(at place: Int) -> UnsafeRawBufferPointer { bytes(of: record(places[place])) }

  @inline(__always) private func bytes(of record: UnsafeMutableRawPointer) -> UnsafeRawBufferPointer {
    let length = Int(record.load(as: UInt16.self)) * RememberedRows.unit
    return UnsafeRawBufferPointer(
      start: record + RememberedRows.headerLength, count: length - RememberedRows.headerLength)
  }

  /// Puts other bytes in the place of a row; the key is the same.
  @inline(__always) func replace(_ row: UnsafeRawBufferPointer, keyLength: Int, at place: Int) throws(Failure) {
    let old = record(places[place])
    if try RememberedRows.units(row.count, keyLength) == Int(old.load(as: UInt16.self)) {
      return RememberedRows.fill(old, row, keyLength, units: Int(old.load(as: UInt16.self)))
    }
    let added = try add(row, keyLength)
    release(places[place])
    places[place] = places[place] & 0xffff_ffff_0000_0000 | UInt64(added)
  }

  /// Adds a row whose key is not there.
  func insert(_ row: UnsafeRawBufferPointer, keyLength: Int) throws(Failure) {
    let added = try add(row, keyLength)
    if 4 * (count + 1) > 3 * places.count { grow() }
    let hash = GroupIndex.hash(UnsafeRawBufferPointer(rebasing: row[..<keyLength]))
    link(hash & 0xffff_ffff_0000_0000 | UInt64(added))
    count += 1
  }

  func remove(at place: Int) {
    release(places[place])
    let mask = places.count - 1
    var hole = place
    // What follows moves up, so that no search ends too early.
    var next = (hole + 1) & mask
    while places[next] != RememberedRows.empty {
      let home = home(places[next])
      if (next &- home) & mask >= (next &- hole) & mask {
        places[hole] = places[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    places[hole] = RememberedRows.empty
    count -= 1
  }

  private func link(_ entry: UInt64) {
    let mask = places.count - 1
    var place = home(entry)
    while places[place] != RememberedRows.empty { place = (place + 1) & mask }
    places[place] = entry
  }

  private func grow() {
    let old = places
    places = Array(repeating: RememberedRows.empty, count: 2 * old.count)
    for entry in old where entry != RememberedRows.empty { link(entry) }
  }

  @inline(__always) private static func units(_ length: Int, _ keyLength: Int) throws(Failure) -> Int {
    let units = (length + headerLength + unit - 1) / unit
    guard units < chunkUnits, keyLength <= Int(UInt16.max) else {
      throw Failure(
        .limit, "a row is too long to be remembered", hint: "512 KiB of it are kept: let the window read less of it")
    }
    return units
  }

  private func add(_ row: UnsafeRawBufferPointer, _ keyLength: Int) throws(Failure) -> UInt32 {
    let units = try RememberedRows.units(row.count, keyLength)
    let location = try take(units)
    liveUnits += units
    RememberedRows.fill(record(UInt64(location)), row, keyLength, units: units)
    return location
  }

  @inline(__always) private static func fill(
    _ record: UnsafeMutableRawPointer, _ row: UnsafeRawBufferPointer, _ keyLength: Int, units: Int
  ) {
    // What the row does not fill is in its last unit.
    record.storeBytes(of: 0, toByteOffset: (units - 1) * unit, as: UInt64.self)
    record.storeBytes(of: UInt16(units), as: UInt16.self)
    record.storeBytes(of: UInt16(keyLength), toByteOffset: 2, as: UInt16.self)
    UnsafeMutableRawBufferPointer(start: record + headerLength, count: units * unit - headerLength)
      .copyMemory(from: row)
  }

  /// Room for a record, of one that is gone or at the end.
  private func take(_ units: Int) throws(Failure) -> UInt32 {
    if units < free.count, free[units] != RememberedRows.none {
      let location = free[units]
      free[units] = record(UInt64(location)).load(fromByteOffset: 4, as: UInt32.self)
      return location
    }
    if usedUnits + units >= RememberedRows.chunkUnits, chunks.count * RememberedRows.chunkUnits > 2 * liveUnits {
      compact()
    }
    if usedUnits + units >= RememberedRows.chunkUnits {
      guard chunks.count < 65_536 else {
        throw Failure(.limit, "more than 32 GiB of rows cannot be remembered")
      }
      chunks.append(.allocate(byteCount: RememberedRows.chunkBytes, alignment: 16))
      usedUnits = 0
    }
    defer { usedUnits += units }
    return UInt32((chunks.count - 1) << 16 | usedUnits)
  }

  private func release(_ location: UInt64) {
    let record = record(location)
    let units = Int(record.load(as: UInt16.self))
    while free.count <= units { free.append(RememberedRows.none) }
    record.storeBytes(of: free[units], toByteOffset: 4, as: UInt32.self)
    free[units] = UInt32(truncatingIfNeeded: location)
    liveUnits -= units
  }

  /// Puts the records that are not free one behind the other: rows of other lengths left room that none of now fits.
  private func compact() {
    let old = chunks
    guard old.count > 1 else { return }
    (chunks, usedUnits, free) = ([], RememberedRows.chunkUnits, [])
    for index in places.indices where places[index] != RememberedRows.empty {
      let location = places[index]
      let from = old[Int(location >> 16 & 0xffff)] + Int(location & 0xffff) * RememberedRows.unit
      let units = Int(from.load(as: UInt16.self))
      if usedUnits + units >= RememberedRows.chunkUnits {
        chunks.append(.allocate(byteCount: RememberedRows.chunkBytes, alignment: 16))
        usedUnits = 0
      }
      let place = UInt64((chunks.count - 1) << 16 | usedUnits)
      record(place).copyMemory(from: from, byteCount: units * RememberedRows.unit)
      usedUnits += units
      places[index] = location & 0xffff_ffff_0000_0000 | place
    }
    for chunk in old { chunk.deallocate() }
  }
}

extension RememberedRows {
  func encode(to writer: inout StateWriter) {
    writer.append(count)
    for place in places.indices where places[place] != RememberedRows.empty {
      writer.append(Int(record(places[place]).load(fromByteOffset: 2, as: UInt16.self)))
      writer.append(bytes(at: place))
    }
  }

  /// - Parameter isRow: whether bytes are a row, with a key of this length.
  func decode(
    from reader: inout StateReader, isRow: (UnsafeRawBufferPointer, Int) -> Bool
  ) throws(Failure) {
    for _ in 0..<(try reader.count(least: 16)) {
      let keyLength = Int(try reader.integer())
      let bytes = try reader.text()
      try bytes.withUnsafeBufferPointer { (buffer) throws(Failure) in
        let row = UnsafeRawBufferPointer(buffer)
        guard (0...row.count).contains(keyLength), isRow(row, keyLength),
          find(UnsafeRawBufferPointer(rebasing: row[..<keyLength])) == nil
        else { throw StateReader.damaged("has a row that cannot be read") }
        try insert(row, keyLength: keyLength)
      }
    }
  }
}
