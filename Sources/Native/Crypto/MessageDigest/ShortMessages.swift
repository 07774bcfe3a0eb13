/// Messages of up to 55 bytes that wait to be hashed together: see ``KeyedHash/hash(_:)``.
///
/// Each is one block of SHA-256, which its writer fills in place. *Memory*: allocated once. *Thread*: one at a time.
package struct ShortMessages: ~Copyable {
  /// The longest message that one block holds: behind it are the padding's first bit and the length.
  package static let longest = 55
  /// How many messages there is room for.
  package static let capacity = 64
  static let blockLength = 64

  let blocks: UnsafeMutablePointer<UInt8>
  let digits: UnsafeMutablePointer<UInt8>
  package internal(set) var count = 0

  package init() {
    blocks = .allocate(capacity: ShortMessages.capacity * ShortMessages.blockLength)
    digits = .allocate(capacity: ShortMessages.capacity * KeyedHash.digitCount)
  }

  deinit {
    blocks.deallocate()
    digits.deallocate()
  }

  package var isFull: Bool { count == ShortMessages.capacity }

  package mutating func removeAll() { count = 0 }

  /// Adds the message that `write` leaves at the beginning of 64 bytes, and whose length it returns.
  @inline(__always)
  package mutating func append(_ write: (UnsafeMutableRawPointer) -> Int) {
    precondition(!isFull, "there is room for another message")
    let block = UnsafeMutableRawPointer(blocks + count * ShortMessages.blockLength)
    commit(write(block), in: block)
  }

  /// Adds a message of up to 55 bytes.
  package mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    precondition(!isFull && bytes.count <= ShortMessages.longest, "there is room for the message")
    let block = UnsafeMutableRawPointer(blocks + count * ShortMessages.blockLength)
    if let start = bytes.baseAddress { block.copyMemory(from: start, byteCount: bytes.count) }
    commit(bytes.count, in: block)
  }

  /// Pads a message: a bit, zeros, and how many bits there are, those of the key's block before it included.
  private mutating func commit(_ length: Int, in block: UnsafeMutableRawPointer) {
    precondition(length >= 0 && length <= ShortMessages.longest, "a short message fits a block")
    let last = ShortMessages.blockLength - MemoryLayout<UInt64>.size
    block.storeBytes(of: 0x80, toByteOffset: length, as: UInt8.self)
    (block + length + 1).initializeMemory(as: UInt8.self, repeating: 0, count: last - length - 1)
    let bits = UInt64((ShortMessages.blockLength + length) * 8)
    block.storeBytes(of: bits.bigEndian, toByteOffset: last, as: UInt64.self)
    count += 1
  }
}
