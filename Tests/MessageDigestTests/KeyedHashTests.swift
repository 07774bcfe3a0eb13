import MessageDigest
import Testing

struct KeyedHashTests {
  /// RFC 4231, cases 1, 2, 3 and 6, and what Python's hmac gives for nothing.
  private static let cases: [(key: [UInt8], message: [UInt8], digits: String)] = [
    (
      Array(repeating: 0x0b, count: 20), Array("Hi There".utf8),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      Array(repeating: 0xaa, count: 20), Array(repeating: 0xdd, count: 50),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    ),
    (
      Array(repeating: 0xaa, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    ([], [], "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
  ]

  @Test func theHashIsThatOfTheStandard() {
    for (key, message, digits) in KeyedHashTests.cases {
      // The message stands anywhere in the bytes, and the digits come behind everything.
      var bytes = Array("before".utf8) + message + Array("behind".utf8)
      let count = bytes.count
      KeyedHash(key: key).append(ofRange: 6..<(6 + message.count), in: &bytes)
      #expect(String(decoding: bytes[count...], as: UTF8.self) == digits)
      #expect(bytes[..<count].elementsEqual(Array("before".utf8) + message + Array("behind".utf8)))
    }
  }

  @Test(arguments: [true, false])
  func shortMessagesHaveTheSameHashesTogether(mayUseLanes: Bool) {
    let hash = KeyedHash(key: Array("Jefe".utf8), mayUseLanes: mayUseLanes)
    var messages = ShortMessages()
    // Each length once at each place of a lane, and every number of messages.
    for count in 0...ShortMessages.capacity {
      var expected: [UInt8] = []
      for number in 0..<count {
        let length = (number + count) % (ShortMessages.longest + 1)
        let message = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number &+ count) }
        if number % 2 == 0 {
          message.withUnsafeBufferPointer { messages.append($0) }
        } else {
          messages.append { block in
            block.copyMemory(from: message, byteCount: length)
            return length
          }
        }
        var bytes = message
        hash.append(ofRange: 0..<length, in: &bytes)
        expected += bytes[length...]
      }
      #expect(messages.count == count)
      #expect(messages.isFull == (count == ShortMessages.capacity))
      let digits = Array(hash.hash(&messages))
      #expect(digits == expected, "\(count) messages")
      #expect(messages.count == 0)
    }
  }
}
