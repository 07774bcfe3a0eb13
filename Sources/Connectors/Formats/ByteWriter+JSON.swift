extension UInt64 {
  /// The top bit of the first byte, in memory order, that JSON must escape: below 0x20, a quote or a backslash; 0: none.
  ///
  /// Bits above the first one may be wrong: a borrow runs upwards ("Bit Twiddling Hacks", Determine if a word has a byte
  /// less than n). The word is read little-endian, so the first byte is the lowest.
  @inline(__always)
  var bytesToEscape: UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    let quotes = self ^ (ones &* 0x22)
    let backslashes = self ^ (ones &* 0x5c)
    let control = (self &- ones &* 0x20) & ~self
    return (control | (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes) & tops
  }
}

extension ByteWriter {
  /// Appends `text` as a JSON string with its quotes.
  package mutating func append(jsonString text: String) {
    var text = text
    text.withUTF8 { utf8 in
      append(jsonString: RawSpan(_unsafeElements: utf8))
    }
  }

  /// Appends valid UTF-8 as a JSON string with its quotes. Only what JSON demands is escaped; the rest stays as it is.
  package mutating func append(jsonString utf8: RawSpan) {
    append(UInt8(ascii: "\""))
    append(jsonEscaped: utf8)
    append(UInt8(ascii: "\""))
  }

  /// Appends valid UTF-8 with the escapes of a JSON string, without quotes.
  package mutating func append(jsonEscaped utf8: RawSpan) {
    let length = utf8.byteCount
    reserve(length + 8)
    utf8.withUnsafeBytes { source in
      guard let base = source.baseAddress else { return }
      var index = 0
      while true {
        index += copyUnescaped(base + index, length - index)
        if index == length { return }
        append(escape: source[index])
        index += 1
        reserve(length - index + 8)
      }
    }
  }

  /// Copies up to the first byte that needs an escape, 8 bytes at a time, and returns how many that were.
  /// The caller has reserved 8 bytes more than `length`, so a whole word may be stored at any place.
  @inline(__always)
  private mutating func copyUnescaped(_ source: UnsafeRawPointer, _ length: Int) -> Int {
    let target = UnsafeMutableRawPointer(end)
    var index = 0
    while index + 8 <= length {
      let word = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      target.storeBytes(of: word.littleEndian, toByteOffset: index, as: UInt64.self)
      let found = word.bytesToEscape
      if found != 0 {
        index += found.trailingZeroBitCount >> 3
        count += index
        return index
      }
      index += 8
    }
    while index < length {
      let byte = source.load(fromByteOffset: index, as: UInt8.self)
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
      target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
      index += 1
    }
    count += index
    return index
  }

  @inline(never)
  private mutating func append(escape byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): append("\\\"")
    case UInt8(ascii: "\\"): append("\\\\")
    case 0x08: append("\\b")
    case 0x09: append("\\t")
    case 0x0a: append("\\n")
    case 0x0c: append("\\f")
    case 0x0d: append("\\r")
    default:
      let digits: StaticString = "0123456789ABCDEF"
      append("\\u00")
      append(digits.utf8Start[Int(byte >> 4)])
      append(digits.utf8Start[Int(byte & 15)])
    }
  }
}
