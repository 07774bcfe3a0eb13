import CCrypto

/// SHA-256 (FIPS 180-4) of a message.
///
/// *Cost*: the processor's own instructions where it has them; no allocation. *Thread*: any.
package enum MessageHash {
  /// How many bytes a hash has.
  package static let byteCount = 32

  /// Writes the hash's bytes to the beginning of `digest`, which has room for them.
  package static func sha256(of message: UnsafeRawBufferPointer, to digest: UnsafeMutableRawBufferPointer) {
    precondition(digest.count >= byteCount, "a hash needs its room")
    guard let start = digest.baseAddress else { return }
    ccrypto_sha256(message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count, start)
  }
}
