import CDeflate

/// Decompresses whole zlib streams (RFC 1950) of a known size; reuse one for many.
///
/// Thread: one at a time; it owns the library's state and frees it when it goes out of scope.
package struct ZlibDecoder: ~Copyable, @unchecked Sendable {
  // Sendable: the state is reached only through this unique owner.
  private let state: OpaquePointer

  package init() throws(CompressionFailure) {
    guard let state = libdeflate_alloc_decompressor() else { throw .outOfMemory }
    self.state = state
  }

  deinit { libdeflate_free_decompressor(state) }

  /// Fills `output` exactly from `input`, which holds one zlib stream and nothing else.
  ///
  /// The caller has capped the size of `output`. Nothing is written past it; its content is undefined after an error.
  package mutating func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CompressionFailure) {
    guard let source = input.baseAddress, input.count > 0 else { throw .truncated }
    // An empty output has no address, and the library wants one that it will not write to.
    var nothing: UInt8 = 0
    var consumed = 0
    let result = withUnsafeMutablePointer(to: &nothing) { spare in
      libdeflate_zlib_decompress_ex(
        state, source, input.count, output.baseAddress ?? UnsafeMutableRawPointer(spare), output.count, &consumed, nil)
    }
    switch result {
    case LIBDEFLATE_SUCCESS: break
    case LIBDEFLATE_SHORT_OUTPUT, LIBDEFLATE_INSUFFICIENT_SPACE: throw .wrongSize(expected: output.count)
    default: throw .corrupt("not a zlib stream, or its checksum does not match")
    }
    guard consumed == input.count else { throw .corrupt("bytes after the end of the zlib stream") }
  }
}
