import Change

/// Writes a state as bytes: little-endian numbers, and texts and lists behind their lengths.
struct StateWriter {
  private(set) var bytes: [UInt8] = []

  init() {}

  mutating func append(_ value: Int64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
  mutating func append(_ value: UInt64) { append(Int64(bitPattern: value)) }
  mutating func append(_ value: Int) { append(Int64(value)) }
  mutating func append(_ value: Int128) {
    append(Int64(truncatingIfNeeded: value))
    append(Int64(truncatingIfNeeded: value >> 64))
  }

  mutating func append(_ text: UnsafeRawBufferPointer) {
    append(text.count)
    bytes.append(contentsOf: text)
  }

  mutating func append(_ text: [UInt8]) { text.withUnsafeBytes { append($0) } }
  mutating func append(_ text: String) { append(Array(text.utf8)) }

  mutating func append(words: UnsafeMutablePointer<UInt64>, count: Int) {
    for index in 0..<count { append(words[index]) }
  }
}

/// Reads what a `StateWriter` wrote; whatever the bytes are, it fails instead of trapping.
struct StateReader {
  private let bytes: [UInt8]
  private(set) var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  static func damaged(_ what: String = "ends too early") -> Failure {
    Failure(
      .corruptState, "the stored state of the windows \(what)",
      hint:
        "remove windows.state from the state directory, and the tables and checkpoints of the sinks; then begin anew")
  }

  mutating func integer() throws(Failure) -> Int64 {
    guard bytes.count - offset >= 8 else { throw StateReader.damaged() }
    defer { offset += 8 }
    return bytes.withUnsafeBytes {
      Int64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Int64.self))
    }
  }

  mutating func unsigned() throws(Failure) -> UInt64 { UInt64(bitPattern: try integer()) }

  mutating func wide() throws(Failure) -> Int128 {
    let low = try unsigned()
    return Int128(try integer()) << 64 | Int128(low)
  }

  /// A number of things of which each takes `least` bytes or more.
  mutating func count(least: Int = 1) throws(Failure) -> Int {
    let count = try integer()
    guard count >= 0, count <= (bytes.count - offset) / least else { throw StateReader.damaged("has a wrong length") }
    return Int(count)
  }

  mutating func text() throws(Failure) -> [UInt8] {
    let count = try count()
    defer { offset += count }
    return Array(bytes[offset..<(offset + count)])
  }

  mutating func string() throws(Failure) -> String { String(decoding: try text(), as: UTF8.self) }

  mutating func words(_ words: UnsafeMutablePointer<UInt64>, count: Int) throws(Failure) {
    for index in 0..<count { words[index] = try unsigned() }
  }
}
