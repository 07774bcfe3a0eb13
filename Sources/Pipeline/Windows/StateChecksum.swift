/// A checksum of bytes that come piece by piece. The pieces may be cut anywhere.
struct StateChecksum {
  private var value: UInt64 = 0x9e37_79b9_7f4a_7c15
  private var rest: [UInt8] = []

  mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

  /// Eight bytes at once; what is left of a piece waits for the next.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var index = 0
    if !rest.isEmpty {
      while rest.count < 8, index < bytes.count {
        rest.append(bytes[index])
        index += 1
      }
      guard rest.count == 8 else { return }
      value = GroupIndex.mixed(value ^ rest.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }) &+ 1
      rest.removeAll(keepingCapacity: true)
    }
    while index + 8 <= bytes.count {
      value = GroupIndex.mixed(value ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &+ 1
      index += 8
    }
    while index < bytes.count {
      rest.append(bytes[index])
      index += 1
    }
  }

  /// Of everything that was added.
  func finished() -> UInt64 {
    var last = UInt64(rest.count)
    for byte in rest { last = last << 8 | UInt64(byte) }
    return GroupIndex.mixed(value ^ last)
  }
}
