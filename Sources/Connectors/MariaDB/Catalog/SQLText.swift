/// Names and constants as SQL text that means only themselves.
enum SQLText {
  /// A name between backticks.
  static func identifier(_ name: String) -> String {
    var text = "`"
    // By scalar: a combining mark behind a backtick makes both one character.
    for scalar in name.unicodeScalars {
      if scalar == "`" { text.unicodeScalars.append(scalar) }
      text.unicodeScalars.append(scalar)
    }
    text.unicodeScalars.append("`")
    return text
  }

  /// A text constant as hexadecimal bytes of utf8mb4: no character of it can end it, whatever `sql_mode` is.
  static func literal(_ text: String) -> String {
    if text.utf8.allSatisfy({ isPlain($0) }) { return "'\(text)'" }
    return "_utf8mb4 X'\(hex(Array(text.utf8)))'"
  }

  static func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  static func bytes(hex text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text.utf8 {
      guard let digit = Character(UnicodeScalar(character)).hexDigitValue.map({ UInt8($0) }) else { return nil }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return high == nil ? bytes : nil
  }

  /// The text of a constant between single quotes, with doubled quotes and backslashes undone; nil when it is none.
  static func unquoted(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 2, bytes.first == 0x27, bytes.last == 0x27 else { return nil }
    var result: [UInt8] = []
    var index = 1
    while index < bytes.count - 1 {
      let byte = bytes[index]
      if byte == 0x27 || byte == 0x5c, index + 1 < bytes.count - 1 {
        index += 1
        result.append(byte == 0x27 ? 0x27 : unescaped(bytes[index]))
      } else {
        result.append(byte)
      }
      index += 1
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func unescaped(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "n"): 10
    case UInt8(ascii: "r"): 13
    case UInt8(ascii: "t"): 9
    case UInt8(ascii: "0"): 0
    case UInt8(ascii: "Z"): 26
    default: byte
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
      || [0x20, 0x2d, 0x2e, 0x3a, 0x5f].contains(byte)
  }
}
