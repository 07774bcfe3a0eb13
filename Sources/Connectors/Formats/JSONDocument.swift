/// Checks the grammar of one JSON document (RFC 8259) without building anything.
struct JSONScanner {
  private let bytes: UnsafeRawBufferPointer
  private var index = 0
  private var depth = 0
  /// One bit for each open container: whether it is an object.
  private var objects = InlineArray<16, UInt64>(repeating: 0)
  private static let depthLimit = 16 * 64

  /// The scanner reads `bytes` only through its checked subscript and lives no longer than the caller's span.
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Whether the bytes are exactly one document, nested at most 1024 deep, with no raw control character in a string.
  mutating func isDocument() -> Bool {
    skipSpace()
    while true {
      guard let opened = value() else { return false }
      if opened { continue }
      while true {
        skipSpace()
        if depth == 0 { return index == bytes.count }
        guard let next = separator() else { return false }
        if next { break }
      }
    }
  }

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
    guard index < bytes.count else { return nil }
    switch bytes[index] {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      let isObject = bytes[index] == UInt8(ascii: "{")
      guard push(object: isObject) else { return nil }
      index += 1
      skipSpace()
      guard index < bytes.count else { return nil }
      if bytes[index] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
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
    guard index < bytes.count else { return nil }
    let byte = bytes[index]
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
    guard index < bytes.count, bytes[index] == UInt8(ascii: "\""), string() else { return false }
    skipSpace()
    guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { return false }
    index += 1
    skipSpace()
    return true
  }

  private mutating func string() -> Bool {
    index += 1
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "\"") { return true }
      if byte < 0x20 { return false }
      if byte == UInt8(ascii: "\\"), !escape() { return false }
    }
    return false
  }

  private mutating func escape() -> Bool {
    guard index < bytes.count else { return false }
    let byte = bytes[index]
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return true
    case UInt8(ascii: "u"):
      guard bytes.count - index >= 4 else { return false }
      for _ in 0..<4 {
        switch bytes[index] {
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
    if index < bytes.count, bytes[index] == UInt8(ascii: "-") { index += 1 }
    guard index < bytes.count else { return false }
    if bytes[index] == UInt8(ascii: "0") { index += 1 } else if !digits() { return false }
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      index += 1
      if !digits() { return false }
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index += 1 }
      if !digits() { return false }
    }
    return true
  }

  private mutating func digits() -> Bool {
    let start = index
    while index < bytes.count, bytes[index] >= UInt8(ascii: "0"), bytes[index] <= UInt8(ascii: "9") { index += 1 }
    return index > start
  }

  private mutating func literal(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard bytes.count - index >= length else { return false }
    for offset in 0..<length where bytes[index + offset] != word.utf8Start[offset] { return false }
    index += length
    return true
  }

  private mutating func skipSpace() {
    while index < bytes.count {
      switch bytes[index] {
      case 0x20, 0x09, 0x0a, 0x0d: index += 1
      default: return
      }
    }
  }
}

extension ByteWriter {
  /// Appends a JSON document as it is, but on one line: line breaks between its tokens become blanks.
  /// Returns false, and appends nothing, when `document` is not JSON.
  mutating func append(jsonDocument document: RawSpan) -> Bool {
    let isDocument = document.withUnsafeBytes { bytes in
      var scanner = JSONScanner(bytes)
      return scanner.isDocument()
    }
    guard isDocument else { return false }
    let start = count
    append(document)
    // In valid JSON control characters stand only between tokens.
    for index in start..<count where storage[index] < 0x20 { storage[index] = UInt8(ascii: " ") }
    return true
  }
}
