import Change
import MessageDigest

/// Masks values: what is new of them goes to the arena's end.
struct MaskWriter {
  /// An arena does not grow beyond this, so that every offset fits a cell.
  private static let arenaLimit = 0xf000_0000

  var arena: [UInt8] = []
  private let hash: KeyedHash
  /// Where `***` is in this arena, once it is there.
  private var stars: Int?

  init(hash: KeyedHash) { self.hash = hash }

  /// Masks one column of changes, before and after. What an update left as it was is masked once.
  /// - Parameters:
  ///   - changes: of one schema, with their images in `cells`.
  ///   - waiting: takes what is to become a hash; what it holds in the end is finished by ``finish(_:_:)``.
  mutating func mask(
    _ changes: UnsafeBufferPointer<RowChange>, _ column: MaskedColumn, _ cells: UnsafeMutableBufferPointer<Cell>,
    _ waiting: inout WaitingHashes
  ) throws(Failure) {
    let hashes = column.action == .hash
    for change in changes {
      var index = Int(change.hasAfter ? change.after : change.before) + column.index
      let twin = index
      if change.hasBefore, change.hasAfter {
        let before = Int(change.before) + column.index
        if hasSameValue(cells[before], cells[index]) {
          index = before
        } else {
          if waiting.isFull { try finish(cells, &waiting) }
          if !hashes || !waiting.append(cells[before], before, before, arena) {
            cells[before] = try mask(cells[before], column.action)
          }
        }
      }
      if waiting.isFull { try finish(cells, &waiting) }
      if hashes, waiting.append(cells[index], index, twin, arena) { continue }
      cells[index] = try mask(cells[index], column.action)
      cells[twin] = cells[index]
    }
  }

  /// Hashes what waits for it.
  mutating func finish(
    _ cells: UnsafeMutableBufferPointer<Cell>, _ waiting: inout WaitingHashes
  ) throws(Failure) {
    guard !waiting.isEmpty else { return }
    try checkRoom()
    waiting.finish(cells, &arena, hash)
  }

  private func checkRoom() throws(Failure) {
    guard arena.count < MaskWriter.arenaLimit else {
      throw Failure(
        .limit, "the rows of one batch are too large to be masked", hint: "mask fewer columns of large rows")
    }
  }

  private func hasSameValue(_ old: Cell, _ new: Cell) -> Bool {
    guard old.tag == new.tag, old.scale == new.scale else { return false }
    guard old.isSlice else { return old.payload == new.payload }
    guard old.length == new.length else { return false }
    let (first, second) = (old.offset, new.offset)
    for index in 0..<old.length where arena[first + index] != arena[second + index] { return false }
    return true
  }

  mutating func mask(_ cell: Cell, _ action: MaskAction) throws(Failure) -> Cell {
    guard cell.hasValue else { return cell }
    try checkRoom()
    switch action {
    case .hash: return hashed(cell)
    case .last4: return lastFour(cell)
    case .redact: return redacted()
    case .null: return .null
    case .truncate(let length): return truncated(cell, length)
    }
  }

  /// A text masked like a value; nil: NULL.
  static func masked(_ text: String, _ tag: Cell.Tag, _ action: MaskAction, _ hash: KeyedHash) -> String? {
    var writer = MaskWriter(hash: hash)
    writer.arena = Array(text.utf8)
    let cell = Cell.slice(tag, offset: 0, length: writer.arena.count)
    let masked: Cell
    switch action {
    case .hash: masked = writer.hashed(cell)
    case .last4: masked = writer.lastFour(cell)
    case .redact: masked = writer.redacted()
    case .null: return nil
    case .truncate(let length): masked = writer.truncated(cell, length)
    }
    return String(decoding: writer.arena[masked.range], as: UTF8.self)
  }

  private mutating func hashed(_ cell: Cell) -> Cell {
    let range = textRange(of: cell)
    let offset = arena.count
    hash.append(ofRange: range, in: &arena)
    return .slice(.text, offset: offset, length: KeyedHash.digitCount)
  }

  private mutating func redacted() -> Cell {
    if let stars { return .slice(.text, offset: stars, length: 3) }
    let offset = arena.count
    arena.append(contentsOf: repeatElement(UInt8(ascii: "*"), count: 3))
    stars = offset
    return .slice(.text, offset: offset, length: 3)
  }

  private mutating func lastFour(_ cell: Cell) -> Cell {
    let range = textRange(of: cell)
    var start = range.upperBound
    var characters = 0
    while start > range.lowerBound, characters < 4 {
      start -= 1
      if arena[start] & 0xc0 != 0x80 { characters += 1 }
    }
    // Of a value this short the last four would be all.
    guard start > range.lowerBound else { return redacted() }
    let offset = arena.count
    arena.append(contentsOf: repeatElement(UInt8(ascii: "*"), count: 3))
    for index in start..<range.upperBound { arena.append(arena[index]) }
    return .slice(.text, offset: offset, length: arena.count - offset)
  }

  /// The bytes stay where they are.
  private func truncated(_ cell: Cell, _ length: Int) -> Cell {
    if cell.tag == .bytes { return .slice(.bytes, offset: cell.offset, length: min(cell.length, length)) }
    var end = cell.offset
    var characters = 0
    while end < cell.range.upperBound {
      if arena[end] & 0xc0 != 0x80 {
        if characters == length { break }
        characters += 1
      }
      end += 1
    }
    return .slice(.text, offset: cell.offset, length: end - cell.offset)
  }

  /// Where the value's text is: in place for a slice, otherwise written to the arena's end.
  private mutating func textRange(of cell: Cell) -> Range<Int> {
    if cell.isSlice { return cell.range }
    let offset = arena.count
    withUnsafeTemporaryAllocation(byteCount: ValueText.slot, alignment: 8) { slot in
      guard let start = slot.baseAddress else { return }
      let length = cell.writePlainText(to: start)
      arena.append(contentsOf: slot[..<length])
    }
    return offset..<arena.count
  }
}

extension Cell {
  /// Writes the one text of a number that is no slice, into `ValueText.slot` bytes, and returns its length.
  func writePlainText(to slot: UnsafeMutableRawPointer) -> Int {
    var text = ValueText(at: slot)
    switch tag {
    case .uint, .boolean: text.write(payload)
    case .decimal64: text.write(unscaled: int, scale: Int(scale))
    default: text.write(int)
    }
    return text.count
  }
}
