/// How bytes become text.
package enum BinaryText: String, Sendable, CaseIterable {
  case base64
  /// RFC 4648, section 5, with padding.
  case base64URLSafe = "base64-url-safe"
  case hex
}

extension ByteWriter {
  package mutating func append(_ bytes: RawSpan, as text: BinaryText) {
    switch text {
    case .base64: append(base64: bytes)
    case .base64URLSafe: append(base64: bytes, urlSafe: true)
    case .hex: append(hex: bytes)
    }
  }

  /// Appends `bytes` as base64 with padding (RFC 4648).
  package mutating func append(base64 bytes: RawSpan, urlSafe: Bool = false) {
    let standard: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    let safe: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    let alphabet = urlSafe ? safe.utf8Start : standard.utf8Start
    let length = bytes.byteCount
    reserve((length + 2) / 3 * 4)
    var target = end
    // The span's bytes are read only inside its bounds; six bits index the 64 letters.
    bytes.withUnsafeBytes { source in
      var index = 0
      while index + 3 <= length {
        let group = Int(source[index]) << 16 | Int(source[index + 1]) << 8 | Int(source[index + 2])
        target[0] = alphabet[group >> 18]
        target[1] = alphabet[group >> 12 & 63]
        target[2] = alphabet[group >> 6 & 63]
        target[3] = alphabet[group & 63]
        target += 4
        index += 3
      }
      guard index < length else { return }
      let second = index + 1 < length
      let group = Int(source[index]) << 16 | (second ? Int(source[index + 1]) << 8 : 0)
      target[0] = alphabet[group >> 18]
      target[1] = alphabet[group >> 12 & 63]
      target[2] = second ? alphabet[group >> 6 & 63] : UInt8(ascii: "=")
      target[3] = UInt8(ascii: "=")
    }
    count += (length + 2) / 3 * 4
  }

  /// Appends two lower-case hexadecimal digits a byte.
  package mutating func append(hex bytes: RawSpan) {
    let digits: StaticString = "0123456789abcdef"
    let alphabet = digits.utf8Start
    reserve(bytes.byteCount * 2)
    var target = end
    bytes.withUnsafeBytes { source in
      for byte in source {
        target[0] = alphabet[Int(byte >> 4)]
        target[1] = alphabet[Int(byte & 15)]
        target += 2
      }
    }
    count += bytes.byteCount * 2
  }
}
