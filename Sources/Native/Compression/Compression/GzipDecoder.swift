import CDeflate

/// Decompresses gzip members (RFC 1952) one by one, with a cap on what each gives out.
///
/// Thread: one at a time; it owns the library's state and frees it when it goes out of scope.
package struct GzipDecoder: ~Copyable, @unchecked Sendable {
  // Sendable: the state is reached only through this unique owner.
  private let state: OpaquePointer

  package init() throws(CompressionFailure) {
    guard let state = libdeflate_alloc_decompressor() else { throw .outOfMemory }
    self.state = state
  }

  deinit { libdeflate_free_decompressor(state) }

  /// Replaces what `output` holds with the content of the member that `input` begins with; its checksum is checked.
  /// - Returns: how many bytes of `input` the member took.
  package mutating func decodeMember(
    _ input: UnsafeRawBufferPointer, outputLimit: Int, into output: inout [UInt8]
  ) throws(CompressionFailure) -> Int {
    guard let source = input.baseAddress, input.count > 0 else { throw .truncated }
    // Deflate cannot shrink to less than a 1032nd; the first guess is small, and grows only with real input.
    var room = min(outputLimit, max(4096, input.count &* 4))
    while true {
      output = [UInt8](repeating: 0, count: max(room, 1))
      var consumed = 0
      var produced = 0
      let result = output.withUnsafeMutableBytes { target in
        libdeflate_gzip_decompress_ex(
          state, source, input.count, target.baseAddress, room, &consumed, &produced)
      }
      switch result {
      case LIBDEFLATE_SUCCESS:
        output.removeLast(output.count - produced)
        return consumed
      case LIBDEFLATE_INSUFFICIENT_SPACE where room < outputLimit: room = min(outputLimit, room &* 2)
      case LIBDEFLATE_INSUFFICIENT_SPACE: throw .outputLimit(outputLimit)
      default: throw .corrupt("not a gzip member, or its checksum does not match")
      }
    }
  }
}
