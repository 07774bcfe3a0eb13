import CDeflate

/// Compresses blocks into gzip members (RFC 1952), one a block; members one after the other are a valid gzip file.
///
/// Thread: one at a time; it owns the library's state and frees it when it goes out of scope.
package struct GzipEncoder: ~Copyable, @unchecked Sendable {
  // Sendable: the state and the chunk are reached only through this unique owner.
  private let state: OpaquePointer
  private var chunk: UnsafeMutableRawBufferPointer

  /// - Parameter level: 1 (fast) to 12 (small).
  package init(level: Int = 6) throws(CompressionFailure) {
    guard (1...12).contains(level) else { throw .encoder("level \(level) is not within 1 to 12") }
    guard let state = libdeflate_alloc_compressor(Int32(level)) else { throw .outOfMemory }
    self.state = state
    chunk = .allocate(byteCount: 0, alignment: 16)
  }

  deinit {
    libdeflate_free_compressor(state)
    chunk.deallocate()
  }

  /// Appends one member that holds `block`.
  package mutating func encode(
    _ block: UnsafeRawBufferPointer, into output: inout [UInt8]
  ) throws(CompressionFailure) {
    let bound = libdeflate_gzip_compress_bound(state, block.count)
    if chunk.count < bound {
      chunk.deallocate()
      chunk = .allocate(byteCount: bound, alignment: 16)
    }
    let written = libdeflate_gzip_compress(state, block.baseAddress, block.count, chunk.baseAddress, chunk.count)
    // The chunk is as large as the library's own bound, so 0 would be its defect.
    guard written > 0 else { throw .encoder("a gzip member larger than its bound") }
    output.append(contentsOf: chunk[..<written])
  }
}
