public import Change
import Glibc

/// A row image and the arena that its slices point into.
struct Images {
  let cells: [Cell]
  let arena: [UInt8]
  /// Index of the first cell.
  var row: Int

  func hasSameKey(as other: Images, _ key: [Int]) -> Bool {
    for column in key
    where !Images.isEqual(cells[row + column], arena, other.cells[other.row + column], other.arena) { return false }
    return true
  }

  static func isEqual(_ left: Cell, _ leftArena: [UInt8], _ right: Cell, _ rightArena: [UInt8]) -> Bool {
    guard left.tag == right.tag, left.scale == right.scale else { return false }
    guard left.isSlice else { return left.payload == right.payload }
    guard left.length == right.length else { return false }
    return unsafe leftArena.withUnsafeBytes { leftBytes in
      unsafe rightArena.withUnsafeBytes { rightBytes in
        let right = unsafe UnsafeRawBufferPointer(rebasing: rightBytes[right.range])
        let left = unsafe UnsafeRawBufferPointer(rebasing: leftBytes[left.range])
        guard let start = right.baseAddress, let other = left.baseAddress else { return true }
        return memcmp(start, other, right.count) == 0
      }
    }
  }
}

/// Rows put together from several partial images, with their values copied.
public struct MergedRows {
  public private(set) var cells: [Cell] = []
  public private(set) var arena: [UInt8] = []

  public init() {}

  public var byteCount: Int { arena.count + cells.count * MemoryLayout<Cell>.stride }

  mutating func removeAll() {
    cells.removeAll(keepingCapacity: true)
    arena.removeAll(keepingCapacity: true)
  }

  /// Where a row image lies: in a batch, or here.
  struct Base {
    /// nil: here.
    var batch: Batch?
    var row: UInt32
  }

  /// Puts the columns that `after` holds over those of `base`; key columns that neither holds come from `keyRow`.
  /// - Returns: the index of the new row's first cell.
  mutating func append(
    over base: Base?, keyRow: Base?, batch: Batch, after: UInt32, schema: TableSchema
  ) -> UInt32 {
    let first = UInt32(cells.count)
    for column in schema.columns.indices {
      let new = batch.cells[Int(after) + column]
      if new.tag != .absent, new.tag != .unavailable {
        append(new, from: batch.arena)
      } else if let base, appendKnown(base, column) {
        continue
      } else if let keyRow, schema.key.contains(column), appendKnown(keyRow, column) {
        continue
      } else {
        cells.append(.absent)
      }
    }
    return first
  }

  private mutating func appendKnown(_ base: Base, _ column: Int) -> Bool {
    let index = Int(base.row) + column
    let cell = base.batch.map { $0.cells[index] } ?? cells[index]
    guard cell.tag != .absent, cell.tag != .unavailable else { return false }
    if let batch = base.batch {
      append(cell, from: batch.arena)
    } else {
      // A copy of the slice alone: appending an array to itself would copy all of it.
      append(
        cell.isSlice ? .slice(cell.tag, offset: 0, length: cell.length, scale: cell.scale) : cell,
        from: cell.isSlice ? Array(arena[cell.range]) : [])
    }
    return true
  }

  private mutating func append(_ cell: Cell, from source: [UInt8]) {
    guard cell.isSlice else { return cells.append(cell) }
    cells.append(.slice(cell.tag, offset: arena.count, length: cell.length, scale: cell.scale))
    arena.append(contentsOf: source[cell.range])
  }
}

/// Hashes the cells of a key. It need not resist an attacker: equal hashes are told apart by comparing the keys, and a
/// table full of them only becomes slow.
struct KeyHash {
  private(set) var value: UInt64 = 0x9e37_79b9_7f4a_7c15

  mutating func combine(_ cell: Cell, _ arena: [UInt8]) {
    guard cell.isSlice else { return add(cell.payload) }
    add(UInt64(cell.length))
    var word: UInt64 = 0
    var filled = 0
    for byte in arena[cell.range] {
      word = word << 8 | UInt64(byte)
      filled += 1
      if filled == 8 {
        add(word)
        word = 0
        filled = 0
      }
    }
    if filled > 0 { add(word) }
  }

  private mutating func add(_ word: UInt64) { value = KeyHash.mix(value ^ word) &+ value &* 31 }

  /// The two halves of a 128-bit product folded together.
  static func mix(_ word: UInt64) -> UInt64 {
    let product = (word ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
  }
}
