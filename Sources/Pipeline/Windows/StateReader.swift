import Change
import Glibc

/// Reads what a `StateWriter` wrote; whatever the bytes are, it fails instead of trapping.
///
/// *Memory*: of a file, a buffer of 256 KiB, or of one text where that is longer.
struct StateReader {
  private static let bufferSize = 1 << 18

  /// What was read last, and how much of it is used.
  private var bytes: [UInt8]
  private var offset = 0
  private let file: Int32
  private let path: String
  /// Bytes of the file that were not read yet.
  private var unread: Int

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    (file, path, unread) = (-1, "", 0)
  }

  /// Reads so many bytes of a file that is open, from where it is.
  init(file: Int32, path: String, count: Int) {
    bytes = []
    (self.file, self.path, unread) = (file, path, count)
  }

  /// Bytes that are left.
  var left: Int { bytes.count - offset + unread }
  var isAtEnd: Bool { left == 0 }

  static func damaged(_ what: String = "ends too early") -> Failure {
    Failure(
      .corruptState, "the stored state of the windows \(what)",
      hint:
        "remove windows.state from the state directory, and the tables and checkpoints of the sinks; then begin anew")
  }

  /// Reads on until so many bytes are there.
  @inline(__always) private mutating func need(_ count: Int) throws(Failure) {
    if bytes.count - offset < count { try fill(count) }
  }

  private mutating func fill(_ count: Int) throws(Failure) {
    guard left >= count else { throw StateReader.damaged() }
    bytes.removeSubrange(..<offset)
    offset = 0
    var end = bytes.count
    let size = min(end + unread, max(count, StateReader.bufferSize))
    bytes += [UInt8](repeating: 0, count: size - end)
    while end < size {
      let wanted = size - end
      let got = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + end, wanted) }
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw WindowStore.fault("cannot read", path) }
      guard got > 0 else { throw StateReader.damaged() }
      end += got
      unread -= got
    }
  }

  mutating func integer() throws(Failure) -> Int64 {
    try need(8)
    defer { offset += 8 }
    return bytes.withUnsafeBytes {
      Int64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Int64.self))
    }
  }

  /// Whether windows can compute with a time: 100,000 years in each direction.
  static func isTime(_ microseconds: Int64) -> Bool { microseconds.magnitude < 1 << 62 }

  /// A time, in microseconds.
  mutating func time() throws(Failure) -> Int64 {
    let time = try integer()
    guard StateReader.isTime(time) else { throw StateReader.damaged("has a time that is none") }
    return time
  }

  /// A time, or `Int64.min` before there was one.
  mutating func instant() throws(Failure) -> Int64 {
    let time = try integer()
    guard time == .min || StateReader.isTime(time) else { throw StateReader.damaged("has a time that is none") }
    return time
  }

  mutating func unsigned() throws(Failure) -> UInt64 { UInt64(bitPattern: try integer()) }

  mutating func wide() throws(Failure) -> Int128 {
    let low = try unsigned()
    return Int128(try integer()) << 64 | Int128(low)
  }

  /// A number of things of which each takes `least` bytes or more.
  mutating func count(least: Int = 1) throws(Failure) -> Int {
    let count = try integer()
    guard count >= 0, count <= left / least else { throw StateReader.damaged("has a wrong length") }
    return Int(count)
  }

  mutating func text() throws(Failure) -> [UInt8] {
    let count = try count()
    try need(count)
    defer { offset += count }
    return Array(bytes[offset..<(offset + count)])
  }

  mutating func string() throws(Failure) -> String { String(decoding: try text(), as: UTF8.self) }

  mutating func words(_ words: UnsafeMutablePointer<UInt64>, count: Int) throws(Failure) {
    for index in 0..<count { words[index] = try unsigned() }
  }

  /// Passes over so many bytes.
  mutating func skip(_ count: Int) throws(Failure) {
    guard count >= 0, count <= left else { throw StateReader.damaged("has a wrong length") }
    var rest = count
    while rest > 0 {
      try need(min(rest, StateReader.bufferSize))
      let step = min(rest, bytes.count - offset)
      offset += step
      rest -= step
    }
  }

  /// Takes the list of numbers off the end that `StateWriter.append(list:)` wrote there last.
  mutating func takeLastList() throws(Failure) -> [Int] {
    var end = try last(8)
    let count = try end.integer()
    guard count >= 0, count <= left / 8 - 1 else { throw StateReader.damaged("has a wrong length") }
    let size = (Int(count) + 1) * 8
    var list = try last(size)
    if unread > 0 { unread -= size } else { bytes.removeLast(size) }
    var numbers: [Int] = []
    for _ in 0..<count { numbers.append(Int(try list.integer())) }
    return numbers
  }

  /// The last bytes, which stay where they are.
  private mutating func last(_ size: Int) throws(Failure) -> StateReader {
    if unread < size { try need(left) }
    guard left >= size else { throw StateReader.damaged() }
    if unread == 0 { return StateReader(Array(bytes.suffix(size))) }
    let here = lseek(file, 0, SEEK_CUR)
    guard here >= 0 else { throw WindowStore.fault("cannot read", path) }
    let start = Int(here) + unread - size
    var found = [UInt8](repeating: 0, count: size)
    var offset = 0
    while offset < size {
      let got = found.withUnsafeMutableBytes { pread(file, $0.baseAddress! + offset, size - offset, start + offset) }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { throw WindowStore.fault("cannot read", path) }
      offset += got
    }
    return StateReader(found)
  }

  /// Reads everything that is left.
  /// - Returns: its checksum.
  mutating func skipAll() throws(Failure) -> UInt64 {
    var checksum = StateChecksum()
    while !isAtEnd {
      try need(min(left, StateReader.bufferSize))
      bytes.withUnsafeBytes { checksum.add(UnsafeRawBufferPointer(rebasing: $0[offset...])) }
      offset = bytes.count
    }
    return checksum.finished()
  }
}
