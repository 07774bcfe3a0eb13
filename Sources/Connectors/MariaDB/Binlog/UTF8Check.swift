/// Tells whether bytes are text, 32 at a time while they are ASCII.
enum UTF8Check {
  @inline(__always)
  static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool { asciiPrefix(bytes) == bytes.count }

  /// Whether the bytes are well-formed UTF-8 (Unicode 15, table 3-7).
  @inline(__always)
  static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let prefix = asciiPrefix(bytes)
    return prefix == bytes.count || isValid(bytes, from: prefix)
  }

  /// How many bytes at the start are ASCII; it may stop up to 31 bytes early.
  @inline(__always)
  private static func asciiPrefix(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    let count = bytes.count
    var offset = 0
    while offset &+ 32 <= count {
      let block = (base + offset).loadUnaligned(as: SIMD4<UInt64>.self)
      if (block.x | block.y | block.z | block.w) & 0x8080_8080_8080_8080 != 0 { return offset }
      offset &+= 32
    }
    while offset &+ 8 <= count {
      if base.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return offset }
      offset &+= 8
    }
    if offset < count, count >= 8 {
      // The last word overlaps what is known to be ASCII.
      let last = base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
      return last & 0x8080_8080_8080_8080 != 0 ? offset : count
    }
    while offset < count {
      if base.load(fromByteOffset: offset, as: UInt8.self) & 0x80 != 0 { return offset }
      offset &+= 1
    }
    return count
  }

  private static func isValid(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Bool {
    var offset = start
    while offset < bytes.count {
      let byte = bytes[offset]
      if byte < 0x80 {
        offset += 1
        continue
      }
      let length: Int
      var second: ClosedRange<UInt8> = 0x80...0xbf
      switch byte {
      case 0xc2...0xdf: length = 2
      case 0xe0: (length, second) = (3, 0xa0...0xbf)
      case 0xed: (length, second) = (3, 0x80...0x9f)
      case 0xe1...0xef: length = 3
      case 0xf0: (length, second) = (4, 0x90...0xbf)
      case 0xf1...0xf3: length = 4
      case 0xf4: (length, second) = (4, 0x80...0x8f)
      default: return false
      }
      guard bytes.count - offset >= length, second.contains(bytes[offset + 1]) else { return false }
      for next in (offset + 2)..<max(offset + 2, offset + length) where bytes[next] & 0xc0 != 0x80 { return false }
      offset += length
    }
    return true
  }
}
