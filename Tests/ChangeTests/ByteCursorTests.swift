import Change
import Testing

@Suite struct ByteCursorTests {
  private static let bytes: [UInt8] = Array(1...64)

  /// One read of each kind: how many bytes it takes, and what it returns as a number.
  private static let reads: [(name: String, size: Int, read: @Sendable (inout ByteCursor) throws -> UInt64)] = [
    ("uint8", 1, { UInt64(try $0.uint8()) }),
    ("uint16", 2, { UInt64(try $0.uint16()) }),
    ("uint24", 3, { UInt64(try $0.uint24()) }),
    ("uint32", 4, { UInt64(try $0.uint32()) }),
    ("uint48", 6, { try $0.uint48() }),
    ("uint64", 8, { try $0.uint64() }),
    ("little-endian of 5", 5, { try $0.littleEndian(bytes: 5) }),
    ("big-endian of 7", 7, { try $0.bigEndian(bytes: 7) }),
    ("take of 9", 9, { UInt64(try $0.take(9).byteCount) }),
  ]

  @Test func everyReadIsRefusedAtEachTruncation() {
    for read in ByteCursorTests.reads {
      for length in 0...ByteCursorTests.bytes.count {
        let cut = Array(ByteCursorTests.bytes.prefix(length))
        var cursor = ByteCursor(cut.span.bytes)
        var count = 0
        while true {
          do { _ = try read.read(&cursor) } catch { break }
          count += 1
          if count > 64 { break }
        }
        #expect(count == length / read.size, "\(read.name) of \(length) bytes")
      }
    }
  }

  @Test func numbersAreReadInTheirByteOrder() throws {
    let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    var cursor = ByteCursor(bytes.span.bytes)
    #expect(try cursor.uint24() == 0x030201)
    try cursor.seek(to: 0)
    #expect(try cursor.uint48() == 0x0605_0403_0201)
    try cursor.seek(to: 0)
    #expect(try cursor.uint64() == 0x0807_0605_0403_0201)
    try cursor.seek(to: 0)
    #expect(try cursor.bigEndian(bytes: 8) == 0x0102_0304_0506_0708)
    try cursor.seek(to: 0)
    #expect(try cursor.littleEndian(bytes: 3) == 0x030201)
    #expect(cursor.remaining == 5)
    #expect(cursor.peek() == 4)
    #expect(cursor.rest().byteCount == 5)
    #expect(cursor.isAtEnd && cursor.peek() == nil)
  }

  @Test(
    arguments: [
      ([0x00], 0), ([0xfa], 0xfa), ([0xfc, 0x01, 0x02], 0x0201), ([0xfd, 1, 2, 3], 0x030201),
      ([0xfe, 1, 0, 0, 0, 0, 0, 0, 0x80], 0x8000_0000_0000_0001),
    ] as [([UInt8], UInt64)])
  func lengthEncodedNumbersAreReadAndTheirTruncationsRefused(bytes: [UInt8], value: UInt64) throws {
    var cursor = ByteCursor(bytes.span.bytes)
    #expect(try cursor.lengthEncoded() == value)
    for length in 0..<bytes.count {
      let cut = Array(bytes.prefix(length))
      var cursor = ByteCursor(cut.span.bytes)
      #expect(throws: Truncated.self) { try read(&cursor) }
    }
    func read(_ cursor: inout ByteCursor) throws { _ = try cursor.lengthEncoded() }
  }

  @Test func lengthsThatCannotBeAreRefused() {
    let bytes = ByteCursorTests.bytes
    for count in [-1, Int.min, Int.max, 65] {
      var cursor = ByteCursor(bytes.span.bytes)
      var isRefused = false
      do { _ = try cursor.advance(count) } catch { isRefused = error == Truncated(offset: 0, wanted: count) }
      #expect(isRefused)
      #expect(cursor.offset == 0)
    }
    for target in [-1, 65] {
      var cursor = ByteCursor(bytes.span.bytes)
      var isRefused = false
      do { try cursor.seek(to: target) } catch { isRefused = true }
      #expect(isRefused)
    }
    for reserved in [UInt8(0xfb), 0xff] {
      let bytes = [reserved, 1, 2, 3, 4, 5, 6, 7, 8]
      var cursor = ByteCursor(bytes.span.bytes)
      var isRefused = false
      do { _ = try cursor.lengthEncoded() } catch { isRefused = true }
      #expect(isRefused)
    }
  }
}
