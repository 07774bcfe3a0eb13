import Glibc

/// Numbers to and from text, without `String`.
enum NumberText {
  /// Writes `-?[0-9]+(\.[0-9]+)?`, all `scale` digits present; returns how many bytes, at most 64 for a scale up to 38.
  static func write(_ unscaled: Int64, scale: Int, to memory: UnsafeMutablePointer<UInt8>) -> Int {
    write(unscaled.magnitude, isNegative: unscaled < 0, scale: min(scale, 38), to: memory)
  }

  static func write(
    _ magnitude: UInt64, isNegative: Bool, scale: Int, to memory: UnsafeMutablePointer<UInt8>
  ) -> Int {
    var digits: InlineArray<64, UInt8> = .init(repeating: 0)
    var count = 0
    var rest = magnitude
    while rest > 0 || count <= scale {
      if scale > 0, count == scale { break }
      digits[count] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      count += 1
    }
    var length = 0
    if isNegative {
      memory[0] = UInt8(ascii: "-")
      length = 1
    }
    if scale > 0 {
      var whole: InlineArray<24, UInt8> = .init(repeating: 0)
      var wholeCount = 0
      repeat {
        whole[wholeCount] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
        wholeCount += 1
      } while rest > 0
      for index in (0..<wholeCount).reversed() {
        memory[length] = whole[index]
        length += 1
      }
      memory[length] = UInt8(ascii: ".")
      length += 1
    }
    for index in (0..<count).reversed() {
      memory[length] = digits[index]
      length += 1
    }
    return length
  }

  /// The nearest `Double` to a number in ASCII; nil for anything else.
  static func float(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
    guard text.count > 0, text.count < 400 else { return nil }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { buffer in
      for index in text.indices {
        let byte = text[index]
        // strtod also reads hexadecimal numbers, `inf` and `nan`, and steps over white space.
        let isPart = byte >= 0x30 && byte <= 0x39 || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains(byte)
        guard isPart else { return nil }
        buffer[index] = CChar(byte)
      }
      buffer[text.count] = 0
      guard let start = buffer.baseAddress else { return nil }
      var end: UnsafeMutablePointer<CChar>?
      let value = strtod(start, &end)
      return end == start + text.count && value.isFinite ? value : nil
    }
  }
}
