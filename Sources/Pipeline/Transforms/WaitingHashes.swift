import Change
import MessageDigest

/// Values whose texts are short, on their way to become hashes together: one alone would take twice the time.
struct WaitingHashes: ~Copyable {
  /// The cells that get a hash; the same one twice where only one has the value.
  private typealias Target = (cell: Int, twin: Int)

  private var messages = ShortMessages()
  private let targets = UnsafeMutablePointer<Target>.allocate(capacity: ShortMessages.capacity)

  deinit { targets.deallocate() }

  var isFull: Bool { messages.isFull }
  var isEmpty: Bool { messages.count == 0 }

  mutating func removeAll() { messages.removeAll() }

  /// Takes a value along; returns false for NULL and for what is too long. A full one must be finished first.
  @inline(__always)
  mutating func append(_ value: Cell, _ cell: Int, _ twin: Int, _ arena: borrowing [UInt8]) -> Bool {
    guard value.hasValue else { return false }
    let number = messages.count
    if value.isSlice {
      guard value.length <= ShortMessages.longest else { return false }
      arena.withUnsafeBufferPointer { messages.append(UnsafeBufferPointer(rebasing: $0[value.range])) }
    } else {
      messages.append { value.writePlainText(to: $0) }
    }
    targets[number] = (cell, twin)
    return true
  }

  /// Writes the hashes to the arena's end, and the cells that point to them.
  mutating func finish(_ cells: UnsafeMutableBufferPointer<Cell>, _ arena: inout [UInt8], _ hash: KeyedHash) {
    let count = messages.count
    var offset = arena.count
    arena.append(contentsOf: hash.hash(&messages))
    for index in 0..<count {
      let cell = Cell.slice(.text, offset: offset, length: KeyedHash.digitCount)
      cells[targets[index].cell] = cell
      cells[targets[index].twin] = cell
      offset += KeyedHash.digitCount
    }
  }
}
