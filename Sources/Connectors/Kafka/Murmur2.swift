/// The hash by which Kafka's Java clients choose a partition (org.apache.kafka.common.utils.Utils.murmur2).
package enum Murmur2 {
  package static func hash(_ bytes: RawSpan) -> UInt32 {
    let count = bytes.byteCount
    let multiplier: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
    var offset = 0
    while count - offset >= 4 {
      // Four bytes are there: the loop has just looked.
      let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
      var mixed = UInt32(littleEndian: word) &* multiplier
      mixed ^= mixed >> 24
      mixed = mixed &* multiplier
      hash = (hash &* multiplier) ^ mixed
      offset += 4
    }
    let rest = count - offset
    if rest >= 3 { hash ^= UInt32(byte(bytes, offset + 2)) << 16 }
    if rest >= 2 { hash ^= UInt32(byte(bytes, offset + 1)) << 8 }
    if rest >= 1 {
      hash ^= UInt32(byte(bytes, offset))
      hash = hash &* multiplier
    }
    hash ^= hash >> 13
    hash = hash &* multiplier
    return hash ^ (hash >> 15)
  }

  /// The partition of a key as the Java clients' default partitioner has it.
  package static func partition(of key: RawSpan, count: Int) -> Int32 {
    Int32(Int(hash(key) & 0x7fff_ffff) % max(1, count))
  }

  private static func byte(_ bytes: RawSpan, _ offset: Int) -> UInt8 {
    bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }
}
