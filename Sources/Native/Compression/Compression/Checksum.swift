import CDeflate

/// Checksums of formats that are read and written here.
package enum Checksum {
  /// The CRC-32 of zlib (polynomial 0xedb88320) of `bytes`, continued from `seed`; 0 begins a new one.
  package static func crc32(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    // The library gives the initial value, not the seed, for a null address.
    guard let base = bytes.baseAddress else { return seed }
    return libdeflate_crc32(seed, base, bytes.count)
  }

  package static func crc32(_ bytes: RawSpan, seed: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { crc32($0, seed: seed) }
  }
}
