/// Checks the grammar of one JSON document (RFC 8259) without building anything.
package struct JSONGrammar: ~Escapable {
  private let bytes: RawSpan
  private var index = 0
  private var depth = 0
  /// One bit for each open container: whether it is an object.
  private var objects = InlineArray<16, UInt64>(repeating: 0)
  private static let depthLimit = 16 * 64

  @_lifetime(copy bytes)
  private init(_ bytes: RawSpan) { self.bytes = bytes }

  /// Whether the bytes are exactly one document, nested at most 1024 deep, with no raw control character in a string.
  package static func isDocument(_ bytes: RawSpan) -> Bool {
    var grammar = JSONGrammar(bytes)
    return grammar.isDocument()
  }

  private mutating func isDocument() -> Bool {
    skipSpace()
    while true {
      guard let opened = value() else { return false }
      if opened { continue }
      while true {
        skipSpace()
        if depth == 0 { return index == bytes.byteCount }
        guard let next = separator() else { return false }
        if next { break }
      }
    }
  }

  /// Loads within the span; a byte has no invalid pattern.
  @inline(__always)
  private func load(_ offset: Int) -> UInt8 { unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

  private var isInObject: Bool { objects[(depth - 1) >> 6] >> UInt64((depth - 1) & 63) & 1 == 1 }

  private mutating func push(object: Bool) -> Bool {
    if depth == Self.depthLimit { return false }
    let bit: UInt64 = 1 << UInt64(depth & 63)
    if object { objects[depth >> 6] |= bit } else { objects[depth >> 6] &= ~bit }
    depth += 1
    return true
  }

  /// Reads one scalar (false), an empty container (false) or the opening of a container (true); nil: not JSON.
  private mutating func value() -> Bool? {
    guard index < bytes.byteCount else { return nil }
    switch load(index) {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      let isObject = load(index) == UInt8(ascii: "{")
      guard push(object: isObject) else { return nil }
      index += 1
      skipSpace()
      guard index < bytes.byteCount else { return nil }
      if load(index) == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
        index += 1
        depth -= 1
        return false
      }
      return !isObject || key() ? true : nil
    case UInt8(ascii: "\""): return string() ? false : nil
    case UInt8(ascii: "t"): return literal("true") ? false : nil
    case UInt8(ascii: "f"): return literal("false") ? false : nil
    case UInt8(ascii: "n"): return literal("null") ? false : nil
    default: return number() ? false : nil
    }
  }

  /// Reads what follows a value inside a container: true when another value must follow; nil: not JSON.
  private mutating func separator() -> Bool? {
    guard index < bytes.byteCount else { return nil }
    let byte = load(index)
    index += 1
    if byte == UInt8(ascii: ",") {
      skipSpace()
      return !isInObject || key() ? true : nil
    }
    guard byte == (isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return nil }
    depth -= 1
    return false
  }

  private mutating func key() -> Bool {
    guard index < bytes.byteCount, load(index) == UInt8(ascii: "\""), string() else { return false }
    skipSpace()
    guard index < bytes.byteCount, load(index) == UInt8(ascii: ":") else { return false }
    index += 1
    skipSpace()
    return true
  }

  private mutating func string() -> Bool {
    index += 1
    while index < bytes.byteCount {
      let byte = load(index)
      index += 1
      if byte == UInt8(ascii: "\"") { return true }
      if byte < 0x20 { return false }
      if byte == UInt8(ascii: "\\"), !escape() { return false }
    }
    return false
  }

  private mutating func escape() -> Bool {
    guard index < bytes.byteCount else { return false }
    let byte = load(index)
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return true
    case UInt8(ascii: "u"):
      guard bytes.byteCount - index >= 4 else { return false }
      for _ in 0..<4 {
        switch load(index) {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
          UInt8(ascii: "A")...UInt8(ascii: "F"):
          index += 1
        default: return false
        }
      }
      return true
    default: return false
    }
  }

  private mutating func number() -> Bool {
    if index < bytes.byteCount, load(index) == UInt8(ascii: "-") { index += 1 }
    guard index < bytes.byteCount else { return false }
    if load(index) == UInt8(ascii: "0") { index += 1 } else if !digits() { return false }
    if index < bytes.byteCount, load(index) == UInt8(ascii: ".") {
      index += 1
      if !digits() { return false }
    }
    if index < bytes.byteCount, load(index) | 0x20 == UInt8(ascii: "e") {
      index += 1
      if index < bytes.byteCount, load(index) == UInt8(ascii: "+") || load(index) == UInt8(ascii: "-") { index += 1 }
      if !digits() { return false }
    }
    return true
  }

  private mutating func digits() -> Bool {
    let start = index
    while index < bytes.byteCount, load(index) >= UInt8(ascii: "0"), load(index) <= UInt8(ascii: "9") { index += 1 }
    return index > start
  }

  private mutating func literal(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard bytes.byteCount - index >= length else { return false }
    for offset in 0..<length where unsafe load(index + offset) != word.utf8Start[offset] { return false }
    index += length
    return true
  }

  private mutating func skipSpace() {
    while index < bytes.byteCount {
      switch load(index) {
      case 0x20, 0x09, 0x0a, 0x0d: index += 1
      default: return
      }
    }
  }
}
