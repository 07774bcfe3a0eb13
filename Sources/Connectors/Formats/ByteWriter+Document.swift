import Change

extension ByteWriter {
  /// Appends a JSON document as it is, but on one line: line breaks between its tokens become blanks.
  /// Returns false, and appends nothing, when `document` is not JSON.
  mutating func append(jsonDocument document: RawSpan) -> Bool {
    guard JSONGrammar.isDocument(document) else { return false }
    let start = count
    append(document)
    // In valid JSON control characters stand only between tokens.
    for index in start..<count where storage[index] < 0x20 { storage[index] = UInt8(ascii: " ") }
    return true
  }
}
