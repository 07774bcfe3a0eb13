import Compression
import Testing

private let text = Array(String(repeating: "the river runs, ", count: 5000).utf8)

/// "hello hello hello hello" as zlib's own `compress` writes it.
private let hello: [UInt8] = [
  0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0x01, 0x68, 0x03, 0x08, 0xb1,
]

private func decodeZlib(_ input: [UInt8], size: Int) throws(CompressionFailure) -> [UInt8] {
  var decoder = try ZlibDecoder()
  let output = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
  defer { output.deallocate() }
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count, alignment: 1)
  defer { bytes.deallocate() }
  bytes.copyBytes(from: input)
  try decoder.decode(UnsafeRawBufferPointer(bytes), into: output)
  return Array(output)
}

private func encodeZstd(_ bytes: [UInt8], level: Int = 3) throws -> [UInt8] {
  var encoder = try ZstdEncoder(level: level)
  var output: [UInt8] = []
  try bytes.withUnsafeBytes { try encoder.append($0, into: &output) }
  try encoder.endFrame(into: &output)
  return output
}

private func decodeZstd(_ bytes: [UInt8], limit: Int = 1 << 20, windowLog: Int = 27) throws -> [UInt8] {
  var decoder = try ZstdDecoder(outputLimit: 0, windowLog: windowLog)
  var output: [UInt8] = []
  try bytes.withUnsafeBytes { try decoder.decode($0, outputLimit: limit, into: &output) }
  return output
}

@Suite struct ChecksumTests {
  @Test func crc32IsTheOneOfZlibAndCanBeContinued() {
    let digits = Array("123456789".utf8)
    digits.withUnsafeBytes { bytes in
      #expect(Checksum.crc32(bytes) == 0xcbf4_3926)
      let first = Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[..<4]))
      #expect(Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[4...]), seed: first) == 0xcbf4_3926)
    }
    #expect(Checksum.crc32(digits.span.bytes) == 0xcbf4_3926)
    #expect(Checksum.crc32(UnsafeRawBufferPointer(start: nil, count: 0), seed: 7) == 7)
  }
}

@Suite struct ZlibTests {
  @Test func aStreamOfZlibFillsItsBuffer() throws {
    #expect(try decodeZlib(hello, size: 23) == Array("hello hello hello hello".utf8))
  }

  @Test(arguments: [0, 1, 22, 24, 4096])
  func aSizeThatIsNotTheRealOneIsRefused(size: Int) {
    #expect(throws: CompressionFailure.wrongSize(expected: size)) { try decodeZlib(hello, size: size) }
  }

  @Test func aCutAtAnyOffsetIsRefused() {
    for length in hello.indices {
      #expect(throws: CompressionFailure.self) { try decodeZlib(Array(hello[..<length]), size: 23) }
    }
  }

  @Test func aFlippedBitNeverGivesOtherBytes() {
    for index in hello.indices {
      for bit in 0..<8 {
        var damaged = hello
        damaged[index] ^= 1 << bit
        // Header bits that do not matter may pass; the content never differs.
        if let decoded = try? decodeZlib(damaged, size: 23) {
          #expect(decoded == Array("hello hello hello hello".utf8))
        }
      }
    }
  }

  @Test func bytesAfterTheStreamAreRefused() {
    #expect(throws: CompressionFailure.self) { try decodeZlib(hello + [0], size: 23) }
  }
}

@Suite struct ZstdTests {
  @Test(arguments: [1, 3, 19])
  func whatWasEncodedComesBack(level: Int) throws {
    let frame = try encodeZstd(text, level: level)
    #expect(frame.count < text.count / 100)
    #expect(try decodeZstd(frame) == text)
    #expect(try decodeZstd(try encodeZstd([])) == [])
  }

  @Test func framesOneAfterTheOtherAreOneStream() throws {
    #expect(try decodeZstd(encodeZstd(text) + encodeZstd([1, 2])) == text + [1, 2])
  }

  @Test func afterAFlushAReaderSeesAllThatWasAppended() throws {
    var encoder = try ZstdEncoder()
    var decoder = try ZstdDecoder(outputLimit: 1 << 20)
    var file: [UInt8] = []
    try text.withUnsafeBytes { try encoder.append($0, into: &file) }
    try encoder.flush(into: &file)
    var seen: [UInt8] = []
    var offset = 0
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 1)
    defer { chunk.deallocate() }
    try file.withUnsafeBytes { bytes in
      while true {
        let step = try decoder.step(UnsafeRawBufferPointer(rebasing: bytes[offset...]), into: chunk)
        offset += step.consumed
        seen += chunk[..<step.produced]
        if step.consumed == 0, step.produced == 0 { break }
      }
    }
    #expect(seen == text)
    let complete = decoder.isAtFrameEnd
    #expect(!complete)
  }

  @Test func aBombStopsAtTheLimit() throws {
    let bomb = try encodeZstd([UInt8](repeating: 0, count: 64 << 20))
    #expect(bomb.count < 10_000)
    #expect(throws: CompressionFailure.outputLimit(1 << 20)) { try decodeZstd(bomb, limit: 1 << 20) }
    #expect(try decodeZstd(bomb, limit: 64 << 20).count == 64 << 20)
    #expect(throws: CompressionFailure.outputLimit((64 << 20) - 1)) { try decodeZstd(bomb, limit: (64 << 20) - 1) }
  }

  @Test func aWindowBeyondTheLimitIsRefused() throws {
    let frame = try encodeZstd([UInt8](repeating: 0, count: 64 << 20))
    #expect(throws: CompressionFailure.windowLimit(log2: 15)) { try decodeZstd(frame, limit: 64 << 20, windowLog: 15) }
  }

  @Test func aCutAtAnyOffsetIsRefused() throws {
    let frame = try encodeZstd(text)
    for length in frame.indices {
      #expect(throws: CompressionFailure.truncated) { try decodeZstd(Array(frame[..<length])) }
    }
  }

  @Test func aFlippedBitIsNeverTakenForOtherContent() throws {
    let frame = try encodeZstd(text)
    for index in frame.indices {
      var damaged = frame
      damaged[index] ^= 0x10
      if let decoded = try? decodeZstd(damaged) { #expect(decoded == text) }
    }
  }

  @Test(arguments: [0, 20, -1, 1000])
  func aLevelThatDoesNotExistIsRefused(level: Int) {
    #expect(throws: CompressionFailure.self) { _ = try ZstdEncoder(level: level) }
  }
}
