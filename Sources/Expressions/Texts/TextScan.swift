/// Characters of UTF-8 text. Bytes that are not UTF-8 count as characters of their own and never trap.
enum TextScan {
  @inline(__always) static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }

  static func characterCount(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    var count = 0
    for byte in text where !isContinuation(byte) { count += 1 }
    return count
  }

  /// Where the character behind the one at `index` begins.
  @inline(__always) static func next(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
    var index = index + 1
    while index < text.count, isContinuation(text[index]) { index += 1 }
    return index
  }

  /// Where the character number `count`, from 0, begins; the end when there are not so many.
  static func offset(_ text: UnsafeBufferPointer<UInt8>, of count: Int) -> Int {
    var index = 0
    var rest = count
    while rest > 0, index < text.count {
      index = next(text, index)
      rest -= 1
    }
    return index
  }

  /// The scalar at `index` and its length; nil where the bytes are not UTF-8.
  static func scalar(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> (scalar: Unicode.Scalar, length: Int)? {
    let first = text[index]
    let length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    guard index + length <= text.count, first < 0x80 || first >= 0xc2 else { return nil }
    var value = length == 1 ? UInt32(first) : UInt32(first & (0xff >> UInt8(length + 1)))
    for offset in 1..<max(length, 1) {
      guard isContinuation(text[index + offset]) else { return nil }
      value = value << 6 | UInt32(text[index + offset] & 0x3f)
    }
    return Unicode.Scalar(value).map { ($0, length) }
  }

  /// Whether a text matches a LIKE pattern: `%` any run, `_` one character, `escape` before either takes it as it is.
  static func matches(
    _ text: UnsafeBufferPointer<UInt8>, _ pattern: UnsafeBufferPointer<UInt8>, escape: UInt8
  ) -> Bool {
    var (index, place) = (0, 0)
    // Behind the last `%`, and where in the text its run ends for now.
    var resume: (place: Int, index: Int)?
    while true {
      if place < pattern.count {
        let byte = pattern[place]
        if byte == escape, place + 1 < pattern.count {
          if index < text.count, text[index] == pattern[place + 1] {
            index += 1
            place += 2
            continue
          }
        } else if byte == UInt8(ascii: "%") {
          place += 1
          resume = (place, index)
          continue
        } else if index < text.count {
          if byte == UInt8(ascii: "_") {
            index = next(text, index)
            place += 1
            continue
          }
          if byte == text[index] {
            index += 1
            place += 1
            continue
          }
        }
      } else if index == text.count {
        return true
      }
      guard let last = resume, last.index < text.count else { return false }
      index = next(text, last.index)
      place = last.place
      resume = (place, index)
    }
  }

  /// Where `needle` begins in `text`, from `start`; nil when it is not there.
  static func find(
    _ needle: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>, from start: Int = 0
  ) -> Int? {
    guard let first = needle.first else { return start }
    guard text.count - start >= needle.count else { return nil }
    for index in start...(text.count - needle.count) where text[index] == first {
      var offset = 1
      while offset < needle.count, text[index + offset] == needle[offset] { offset += 1 }
      if offset == needle.count { return index }
    }
    return nil
  }

  /// The simple case mapping of a scalar: one that becomes several stays as it is.
  static func mapped(_ scalar: Unicode.Scalar, toUpper: Bool) -> Unicode.Scalar {
    let mapping = toUpper ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
    var scalars = mapping.unicodeScalars.makeIterator()
    guard let first = scalars.next(), scalars.next() == nil else { return scalar }
    return first
  }
}
