import Change
import Glibc

/// Writes a state as bytes: little-endian numbers, and texts and lists behind their lengths.
///
/// *Memory*: into a file, a buffer of 256 KiB. *Errors*: the first one of the file waits until `finish`.
struct StateWriter {
  private static let bufferSize = 1 << 18

  /// What is not in the file yet.
  private(set) var bytes: [UInt8] = []
  /// -1: everything stays in `bytes`.
  private let file: Int32
  private let path: String
  /// How many bytes went to the file.
  private var flushed = 0
  private var checksum = StateChecksum()
  private var failure: Failure?

  init() { (file, path) = (-1, "") }

  /// How many bytes were appended.
  var count: Int { flushed + bytes.count }

  /// Writes into a file that is open; it stays so.
  init(file: Int32, path: String) {
    (self.file, self.path) = (file, path)
    bytes.reserveCapacity(StateWriter.bufferSize)
  }

  mutating func append(_ value: Int64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    if file >= 0, bytes.count >= StateWriter.bufferSize { flush() }
  }

  mutating func append(_ value: UInt64) { append(Int64(bitPattern: value)) }
  mutating func append(_ value: Int) { append(Int64(value)) }
  mutating func append(_ value: Int128) {
    append(Int64(truncatingIfNeeded: value))
    append(Int64(truncatingIfNeeded: value >> 64))
  }

  mutating func append(_ text: UnsafeRawBufferPointer) {
    append(text.count)
    bytes.append(contentsOf: text)
    if file >= 0, bytes.count >= StateWriter.bufferSize { flush() }
  }

  mutating func append(_ text: [UInt8]) { text.withUnsafeBytes { append($0) } }
  mutating func append(_ text: String) { append(Array(text.utf8)) }

  mutating func append(words: UnsafeMutablePointer<UInt64>, count: Int) {
    for index in 0..<count { append(words[index]) }
  }

  /// Numbers that are found from the end.
  mutating func append(list: [Int]) {
    for number in list { append(number) }
    append(list.count)
  }

  private mutating func flush() {
    checksum.add(bytes)
    flushed += bytes.count
    write()
  }

  private mutating func write() {
    var offset = 0
    while failure == nil, offset < bytes.count {
      let left = bytes.count - offset
      let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + offset, left) }
      if written < 0, errno == EINTR { continue }
      if written <= 0 { failure = WindowStore.fault("cannot write", path) } else { offset += written }
    }
    bytes.removeAll(keepingCapacity: true)
  }

  /// Writes what is left, and the checksum of everything behind it.
  mutating func finish() throws(Failure) {
    flush()
    append(checksum.finished())
    write()
    if let failure { throw failure }
  }
}
