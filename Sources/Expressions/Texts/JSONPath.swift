/// A path into a JSON document: `$`, then `.name`, `."a name"` or `[index]`.
struct JSONPath: Sendable {
  enum Step: Sendable {
    case member([UInt8])
    case element(Int)
  }

  let steps: [Step]

  /// nil for what is not a path.
  init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.first == UInt8(ascii: "$"), bytes.count < 4096 else { return nil }
    var steps: [Step] = []
    var index = 1
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "."):
        guard let (name, end) = JSONPath.name(bytes, index + 1) else { return nil }
        steps.append(.member(name))
        index = end
      case UInt8(ascii: "["):
        guard let close = bytes[index...].firstIndex(of: UInt8(ascii: "]")),
          let element = Int(String(decoding: bytes[(index + 1)..<close], as: UTF8.self)), element >= 0
        else { return nil }
        steps.append(.element(element))
        index = close + 1
      default: return nil
      }
    }
    self.steps = steps
  }

  private static func name(_ bytes: [UInt8], _ start: Int) -> (name: [UInt8], end: Int)? {
    if start < bytes.count, bytes[start] == UInt8(ascii: "\"") {
      guard let close = bytes[(start + 1)...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
      return (Array(bytes[(start + 1)..<close]), close + 1)
    }
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: "."), bytes[end] != UInt8(ascii: "[") { end += 1 }
    let name = Array(bytes[start..<end])
    // Wildcards choose many values, of which an expression has no use.
    guard !name.isEmpty, !name.contains(UInt8(ascii: "*")), !name.contains(UInt8(ascii: "\"")) else { return nil }
    return (name, end)
  }

  /// The range of the value that the path leads to; nil where there is none, or where this is no JSON.
  func find(in document: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
    var scanner = JSONScanner(document)
    for step in steps {
      switch step {
      case .member(let name): guard scanner.enter(member: name) else { return nil }
      case .element(let index): guard scanner.enter(element: index) else { return nil }
      }
    }
    return scanner.value()
  }
}

/// Steps through the text of a JSON document without building anything, and without recursion.
struct JSONScanner {
  private let text: UnsafeBufferPointer<UInt8>
  private var index = 0

  init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

  private var byte: UInt8 { index < text.count ? text[index] : 0 }

  private mutating func skipSpace() {
    while index < text.count, [0x20, 0x09, 0x0a, 0x0d].contains(text[index]) { index += 1 }
  }

  private mutating func skips(_ wanted: UInt8) -> Bool {
    skipSpace()
    guard byte == wanted else { return false }
    index += 1
    return true
  }

  /// The range of the value that begins here; stands behind it then.
  mutating func value() -> Range<Int>? {
    skipSpace()
    let start = index
    var depth = 0
    repeat {
      skipSpace()
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        index += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        guard depth >= 0 else { return nil }
        index += 1
      case UInt8(ascii: "\""): guard string() != nil else { return nil }
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        guard depth > 0 else { return nil }
        index += 1
      default:
        let first = index
        while index < text.count, JSONScanner.isScalar(text[index]) { index += 1 }
        guard index > first else { return nil }
      }
    } while depth > 0
    return start..<index
  }

  private static func isScalar(_ byte: UInt8) -> Bool {
    byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || [0x2b, 0x2d, 0x2e].contains(byte)
  }

  /// The content of the string that begins here; stands behind it then.
  private mutating func string() -> Range<Int>? {
    index += 1
    let start = index
    while index < text.count {
      if text[index] == UInt8(ascii: "\\") {
        index += 2
      } else if text[index] == UInt8(ascii: "\"") {
        index += 1
        return start..<(index - 1)
      } else {
        index += 1
      }
    }
    return nil
  }

  mutating func enter(member name: [UInt8]) -> Bool {
    guard skips(UInt8(ascii: "{")) else { return false }
    while true {
      skipSpace()
      guard byte == UInt8(ascii: "\""), let key = string(), skips(UInt8(ascii: ":")) else { return false }
      if JSONText.equals(UnsafeBufferPointer(rebasing: text[key]), name) { return true }
      guard value() != nil, skips(UInt8(ascii: ",")) else { return false }
    }
  }

  mutating func enter(element wanted: Int) -> Bool {
    guard skips(UInt8(ascii: "[")) else { return false }
    skipSpace()
    guard byte != UInt8(ascii: "]") else { return false }
    for _ in 0..<wanted { guard value() != nil, skips(UInt8(ascii: ",")) else { return false } }
    return true
  }
}

/// The content of JSON strings.
enum JSONText {
  static func equals(_ content: UnsafeBufferPointer<UInt8>, _ name: [UInt8]) -> Bool {
    if !content.contains(UInt8(ascii: "\\")) { return content.elementsEqual(name) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: content.count) { memory in
      guard let base = memory.baseAddress, let length = unescape(content, to: base) else { return false }
      return UnsafeBufferPointer(start: UnsafePointer(base), count: length).elementsEqual(name)
    }
  }

  /// Writes the text that a string's content stands for, which is never longer; nil where it is malformed.
  static func unescape(_ content: UnsafeBufferPointer<UInt8>, to memory: UnsafeMutablePointer<UInt8>) -> Int? {
    var length = 0
    var index = 0
    while index < content.count {
      guard content[index] == UInt8(ascii: "\\") else {
        memory[length] = content[index]
        length += 1
        index += 1
        continue
      }
      guard index + 1 < content.count else { return nil }
      index += 2
      switch content[index - 1] {
      case UInt8(ascii: "n"): memory[length] = 0x0a
      case UInt8(ascii: "t"): memory[length] = 0x09
      case UInt8(ascii: "r"): memory[length] = 0x0d
      case UInt8(ascii: "b"): memory[length] = 0x08
      case UInt8(ascii: "f"): memory[length] = 0x0c
      case UInt8(ascii: "u"):
        guard let (scalar, end) = unicode(content, index) else { return nil }
        index = end
        for unit in UTF8.encode(scalar).map({ $0 }) ?? UTF8.encodedReplacementCharacter {
          memory[length] = unit
          length += 1
        }
        continue
      case let other: memory[length] = other
      }
      length += 1
    }
    return length
  }

  /// The scalar behind `\u`, with the other half of a surrogate pair.
  private static func unicode(_ content: UnsafeBufferPointer<UInt8>, _ start: Int) -> (Unicode.Scalar, Int)? {
    guard let first = hexadecimal(content, start) else { return nil }
    if let scalar = Unicode.Scalar(first) { return (scalar, start + 4) }
    guard first < 0xdc00, start + 6 <= content.count, content[start + 4] == UInt8(ascii: "\\"),
      content[start + 5] == UInt8(ascii: "u"), let second = hexadecimal(content, start + 6), second >= 0xdc00,
      second < 0xe000, let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    else { return nil }
    return (scalar, start + 10)
  }

  private static func hexadecimal(_ content: UnsafeBufferPointer<UInt8>, _ start: Int) -> UInt32? {
    guard start + 4 <= content.count else { return nil }
    var value: UInt32 = 0
    for index in start..<(start + 4) {
      switch content[index] {
      case let byte where byte >= 0x30 && byte <= 0x39: value = value << 4 | UInt32(byte - 0x30)
      case let byte where byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66: value = value << 4 | UInt32((byte | 0x20) - 0x57)
      default: return nil
      }
    }
    return value
  }
}
