import CZstd

/// Decompresses a stream of zstd frames piece by piece, with a cap on what it gives out and on the memory it takes.
///
/// Thread: one at a time; it owns the library's state and frees it when it goes out of scope.
package struct ZstdDecoder: ~Copyable, @unchecked Sendable {
  // Sendable: the state is reached only through this unique owner.
  private let state: OpaquePointer
  private let windowLog: Int
  private var produced = 0

  /// How many bytes the frames since the last `reset` may give in all.
  package private(set) var outputLimit: Int
  /// Whether the bytes so far end where a frame ends; input that stops elsewhere was cut off.
  package private(set) var isAtFrameEnd = true

  /// What one step took from the input and put into the output.
  package struct Step: Hashable, Sendable {
    package var consumed: Int
    package var produced: Int
  }

  /// - Parameter windowLog: frames that need a window larger than 2^windowLog bytes are refused; 10 to 31.
  package init(outputLimit: Int, windowLog: Int = 27) throws(CompressionFailure) {
    guard let state = ZSTD_createDCtx() else { throw .outOfMemory }
    guard ZSTD_isError(ZSTD_DCtx_setParameter(state, ZSTD_d_windowLogMax, Int32(clamping: windowLog))) == 0 else {
      ZSTD_freeDCtx(state)
      throw .windowLimit(log2: windowLog)
    }
    self.state = state
    self.outputLimit = outputLimit
    self.windowLog = windowLog
  }

  deinit { ZSTD_freeDCtx(state) }

  /// Forgets what was begun and starts a new stream with its own limit.
  package mutating func reset(outputLimit: Int) {
    // Resetting the session alone cannot fail.
    _ = ZSTD_DCtx_reset(state, ZSTD_reset_session_only)
    self.outputLimit = outputLimit
    produced = 0
    isAtFrameEnd = true
  }

  /// Decompresses as much of `input` as fits into `output`.
  ///
  /// All is done when the step consumed the whole input and left room in the output. An empty output makes no progress.
  package mutating func step(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CompressionFailure) -> Step {
    // One byte more than the limit tells a stream that ends at it from one that goes on.
    let room = min(output.count, max(0, outputLimit - produced) + 1)
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: room, pos: 0)
    let result = ZSTD_decompressStream(state, &target, &source)
    if ZSTD_isError(result) != 0 { throw failure(result) }
    produced += target.pos
    if produced > outputLimit { throw .outputLimit(outputLimit) }
    // No progress with no input says nothing about the frame.
    if source.pos > 0 || target.pos > 0 { isAtFrameEnd = result == 0 }
    return Step(consumed: source.pos, produced: target.pos)
  }

  /// Appends the content of `input`, whole frames only, to `output`, as a stream of its own.
  ///
  /// Memory grows with what really comes out, never with what a header claims.
  package mutating func decode(
    _ input: UnsafeRawBufferPointer, outputLimit: Int, into output: inout [UInt8]
  ) throws(CompressionFailure) {
    reset(outputLimit: outputLimit)
    guard input.count > 0 else { throw .truncated }
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_DStreamOutSize(), alignment: 16)
    defer { chunk.deallocate() }
    var offset = 0
    while true {
      let done = try step(UnsafeRawBufferPointer(rebasing: input[offset...]), into: chunk)
      offset += done.consumed
      output.append(contentsOf: chunk[..<done.produced])
      if offset == input.count, done.produced < chunk.count { break }
    }
    guard isAtFrameEnd else { throw .truncated }
  }

  private func failure(_ result: Int) -> CompressionFailure {
    switch ZSTD_getErrorCode(result) {
    case ZSTD_error_frameParameter_windowTooLarge: .windowLimit(log2: windowLog)
    case ZSTD_error_memory_allocation: .outOfMemory
    default: .corrupt(String(cString: ZSTD_getErrorName(result)))
    }
  }
}
