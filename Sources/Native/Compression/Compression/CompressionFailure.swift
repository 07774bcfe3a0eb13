/// Why bytes could not be compressed or decompressed. It carries lengths and reasons, never content.
package enum CompressionFailure: Error, Hashable, Sendable {
  /// The compressed bytes end before the data does.
  case truncated
  /// The bytes are not what an encoder of this format writes; the reason in the library's words.
  case corrupt(String)
  /// The data holds more, or fewer, bytes than the caller was told.
  case wrongSize(expected: Int)
  /// Going on would give more bytes than the caller allows.
  case outputLimit(Int)
  /// The frame asks for a larger window than the caller allows; log2 of the limit.
  case windowLimit(log2: Int)
  /// The encoder refused a level or ran into an error, in the library's words.
  case encoder(String)
  case outOfMemory
}
