import Change

/// Blocks of bytes of any size, named by numbers: lists, texts and values that a state holds.
///
/// *Memory*: blocks of 16 bytes to 128 in steps of 16, beyond in four steps a doubling; a freed one is used again for the
/// same size. *Thread*: one at a time.
final class BlockArena {
  /// In units of 16 bytes; 0 is no block.
  typealias Reference = UInt32
  static let unit = 16

  private let memory: StateMemory
  let pages: StatePages
  /// Bytes that have been used.
  @exclusivity(unchecked) private(set) var end = BlockArena.unit
  /// Bytes of the blocks that are taken.
  @exclusivity(unchecked) private(set) var inUse = 0
  /// By size, the first free block; it names the next one in its first four bytes.
  @exclusivity(unchecked) private var free = [Reference](repeating: 0, count: 160)

  init(_ budget: StateBudget) {
    memory = StateMemory(budget)
    pages = memory.pages
  }

  /// The size of the block for so many bytes.
  @inline(__always) static func size(_ bytes: Int) -> Int {
    let units = max(1, (bytes + unit - 1) / unit)
    if units <= 8 { return units * unit }
    let step = 1 << (Int.bitWidth - (units - 1).leadingZeroBitCount - 3)
    return (units + step - 1) / step * step * unit
  }

  /// Which of the lists of free blocks has a size.
  @inline(__always) private static func index(_ size: Int) -> Int {
    let units = size / unit
    if units <= 8 { return units }
    let shift = Int.bitWidth - (units - 1).leadingZeroBitCount - 3
    return shift * 4 + units >> shift
  }

  func allocate(_ bytes: Int) -> Reference {
    let size = BlockArena.size(bytes)
    let index = BlockArena.index(size)
    let head = free[index]
    inUse += size
    if head != 0 {
      free[index] = pages.read(Int(head) * BlockArena.unit, 4).load(as: UInt32.self)
      return head
    }
    let offset = end
    end += size
    memory.extend(to: end)
    return Reference(offset / BlockArena.unit)
  }

  /// - Parameter bytes: what it was allocated for.
  func free(_ block: Reference, _ bytes: Int) {
    let size = BlockArena.size(bytes)
    let index = BlockArena.index(size)
    inUse -= size
    pages.write(Int(block) * BlockArena.unit, 4).storeBytes(of: free[index], as: UInt32.self)
    free[index] = block
  }

  @inline(__always) func read(_ block: Reference, _ bytes: Int) -> UnsafeMutableRawPointer {
    pages.read(Int(block) * BlockArena.unit, bytes)
  }

  @inline(__always) func write(_ block: Reference, _ bytes: Int) -> UnsafeMutableRawPointer {
    pages.write(Int(block) * BlockArena.unit, bytes)
  }

  /// A block with a copy of these bytes; none for none.
  func copy(_ bytes: UnsafeRawBufferPointer) -> Reference {
    guard bytes.count > 0 else { return 0 }
    let block = allocate(bytes.count)
    write(block, bytes.count).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    return block
  }
}
