import CZstd

/// Compresses bytes into zstd frames, appending to a buffer that the caller reuses.
///
/// Thread: one at a time; it owns the library's state and frees it when it goes out of scope.
package struct ZstdEncoder: ~Copyable, @unchecked Sendable {
  // Sendable: the state and the chunk are reached only through this unique owner.
  private let state: OpaquePointer
  private let chunk: UnsafeMutableRawBufferPointer

  /// - Parameter level: 1 (fast) to 19 (small); frames carry a checksum of their content.
  package init(level: Int = 3) throws(CompressionFailure) {
    guard (1...19).contains(level) else { throw .encoder("level \(level) is not within 1 to 19") }
    guard let state = ZSTD_createCCtx() else { throw .outOfMemory }
    do {
      try Self.check(ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel, Int32(level)))
      try Self.check(ZSTD_CCtx_setParameter(state, ZSTD_c_checksumFlag, 1))
    } catch {
      ZSTD_freeCCtx(state)
      throw error
    }
    self.state = state
    chunk = .allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 16)
  }

  deinit {
    ZSTD_freeCCtx(state)
    chunk.deallocate()
  }

  /// Takes `bytes` into the open frame, beginning one when none is open. Some of them may stay inside until a flush.
  package mutating func append(
    _ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]
  ) throws(CompressionFailure) {
    try drive(bytes, ZSTD_e_continue, into: &output)
  }

  /// Puts out all that was taken, so that a reader of the output can see it; the frame stays open.
  package mutating func flush(into output: inout [UInt8]) throws(CompressionFailure) {
    try drive(UnsafeRawBufferPointer(start: nil, count: 0), ZSTD_e_flush, into: &output)
  }

  /// Puts out all that was taken and closes the frame; the output up to here is complete.
  package mutating func endFrame(into output: inout [UInt8]) throws(CompressionFailure) {
    try drive(UnsafeRawBufferPointer(start: nil, count: 0), ZSTD_e_end, into: &output)
  }

  private mutating func drive(
    _ bytes: UnsafeRawBufferPointer, _ directive: ZSTD_EndDirective, into output: inout [UInt8]
  ) throws(CompressionFailure) {
    var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
    while true {
      var target = ZSTD_outBuffer(dst: chunk.baseAddress, size: chunk.count, pos: 0)
      let remaining = ZSTD_compressStream2(state, &target, &source, directive)
      try Self.check(remaining)
      output.append(contentsOf: chunk[..<target.pos])
      // Appending is done when the input is taken; the other two when nothing remains inside.
      if directive == ZSTD_e_continue ? source.pos == source.size : remaining == 0 { return }
    }
  }

  private static func check(_ result: Int) throws(CompressionFailure) {
    if ZSTD_isError(result) != 0 { throw .encoder(String(cString: ZSTD_getErrorName(result))) }
  }
}
