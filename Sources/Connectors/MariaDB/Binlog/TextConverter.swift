internal import Glibc

/// Turns the bytes of one character set into UTF-8.
///
/// *Thread*: one at a time; it owns the C library's conversion state and closes it when it goes.
final class TextConverter {
  let charset: CharacterSet
  private let handle: iconv_t?

  init(_ charset: CharacterSet) {
    self.charset = charset
    guard case .library(let name) = charset.conversion else {
      handle = nil
      return
    }
    let opened = iconv_open("UTF-8", name)
    // iconv_open answers (iconv_t) -1 for a name that it does not know.
    handle = Int(bitPattern: opened) == -1 ? nil : opened
  }

  deinit {
    if let handle { iconv_close(handle) }
  }

  /// Appends the text as UTF-8, or appends nothing and returns false when the bytes are no text of the character set.
  func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) -> Bool {
    switch charset.conversion {
    case .utf8, .binary:
      output.append(contentsOf: bytes)
      return UTF8Check.isValid(bytes)
    case .latin1:
      for byte in bytes { TextConverter.appendLatin1(byte, to: &output) }
      return true
    case .none:
      guard UTF8Check.isASCII(bytes) else { return false }
      output.append(contentsOf: bytes)
      return true
    case .library: return appendConverted(bytes, to: &output)
    }
  }

  private func appendConverted(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) -> Bool {
    guard let handle else { return false }
    guard let start = bytes.baseAddress, bytes.count > 0 else { return true }
    let length = output.count
    iconv(handle, nil, nil, nil, nil)
    // iconv takes a pointer to mutable bytes by its signature only; it does not write to its input.
    var source: UnsafeMutablePointer<CChar>? = UnsafeMutableRawPointer(mutating: start).assumingMemoryBound(
      to: CChar.self)
    var left = bytes.count
    while left > 0 {
      var status = 0
      var code: Int32 = 0
      let written = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { chunk -> Int in
        var target: UnsafeMutablePointer<CChar>? = chunk.baseAddress?.assumingMemoryBound(to: CChar.self)
        var room = chunk.count
        status = Int(iconv(handle, &source, &left, &target, &room))
        code = errno
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[0..<(chunk.count - room)]))
        return chunk.count - room
      }
      // A positive status counts conversions that lose something; a full chunk (E2BIG) goes on.
      if status > 0 || (status < 0 && (code != E2BIG || written == 0)) {
        output.removeSubrange(length...)
        return false
      }
    }
    return true
  }

  /// The places of Windows-1252 that differ from ISO 8859-1, from 0x80.
  private static let windows: [UInt16] = [
    0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f,
    0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e,
    0x178,
  ]

  private static func appendLatin1(_ byte: UInt8, to output: inout [UInt8]) {
    guard byte >= 0x80 else {
      output.append(byte)
      return
    }
    let scalar = byte < 0xa0 ? windows[Int(byte) - 0x80] : UInt16(byte)
    if scalar < 0x800 {
      output.append(UInt8(0xc0 | scalar >> 6))
    } else {
      output.append(UInt8(0xe0 | scalar >> 12))
      output.append(UInt8(0x80 | scalar >> 6 & 0x3f))
    }
    output.append(UInt8(0x80 | scalar & 0x3f))
  }
}
