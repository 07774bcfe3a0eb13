import CCrypto

/// HMAC-SHA-256 (RFC 2104, FIPS 180-4) with one key, as hexadecimal digits.
///
/// *Cost*: two compressions for a message of up to 55 bytes, by the processor's own instructions where it has them; no
/// allocation. Many short messages are hashed together in half the time. *Thread*: any; it is a value.
package struct KeyedHash: Sendable {
  /// How many digits a hash has.
  package static let digitCount = 64
  /// Plain bytes, never written after `init`.
  private let prepared: ccrypto_hmac_key
  /// Whether the processor hashes two short messages at once.
  private let hasLanes: Int32

  /// - Parameters:
  ///   - key: any length; one of more than 64 bytes counts by its own SHA-256.
  ///   - mayUseLanes: false hashes one message after the other, as on a processor that cannot do better.
  package init(key: [UInt8], mayUseLanes: Bool = true) {
    hasLanes = mayUseLanes ? ccrypto_has_lanes() : 0
    var block = [UInt8](repeating: 0, count: 64)
    if key.count > block.count {
      key.withUnsafeBufferPointer { key in
        block.withUnsafeMutableBufferPointer { block in
          // The block is longer than the 32 bytes that are written.
          ccrypto_sha256(key.baseAddress, key.count, block.baseAddress)
        }
      }
    } else {
      block.replaceSubrange(0..<key.count, with: key)
    }
    var prepared = ccrypto_hmac_key()
    block.withUnsafeBufferPointer { ccrypto_hmac_prepare(&prepared, $0.baseAddress) }
    self.prepared = prepared
  }

  /// Appends the 64 digits of the hash of a range of `bytes` to `bytes` itself.
  package func append(ofRange range: Range<Int>, in bytes: inout [UInt8]) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a message lies in its bytes")
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: KeyedHash.digitCount) { digits in
      bytes.withUnsafeBufferPointer { buffer in
        withUnsafePointer(to: prepared) { prepared in
          // The message lies in the buffer, and the digits fill their room. An empty message needs no address.
          ccrypto_hmac_hex(prepared, buffer.baseAddress.map { $0 + range.lowerBound }, range.count, digits.baseAddress)
        }
      }
      bytes.append(contentsOf: UnsafeBufferPointer(digits))
    }
  }

  /// The digits of each of the messages, 64 a message, until another one is added. The messages are gone.
  package func hash(_ messages: inout ShortMessages) -> UnsafeBufferPointer<UInt8> {
    let count = messages.count
    messages.count = 0
    withUnsafePointer(to: prepared) { prepared in
      // Every message has its block, and its room for digits.
      ccrypto_hmac_hex_blocks(prepared, hasLanes, messages.blocks, count, messages.digits)
    }
    return UnsafeBufferPointer(start: messages.digits, count: count * KeyedHash.digitCount)
  }
}
