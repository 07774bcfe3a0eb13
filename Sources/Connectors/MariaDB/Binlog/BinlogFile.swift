package import Change
internal import Glibc

/// The events of a binary log or relay log file on disk, one after the other, through one buffer.
///
/// *The end*: a file that ends inside an event is damaged, unless its format description has the in-use flag: then a server
/// still writes it, or crashed while it did, and what is incomplete was never committed. `endsInsideEvent` tells.
/// *Memory*: 256 KiB, or the largest event. *Thread*: one at a time; it owns the file descriptor and closes it.
package final class BinlogFile {
  /// The file's name without its directory, as events and positions call it.
  package let name: String
  /// Where the next event begins.
  package private(set) var offset: UInt64
  /// Whether the file ended inside an event that a server may still be writing.
  package private(set) var endsInsideEvent = false

  private let descriptor: Int32
  private let eventByteLimit: Int
  private var buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  private var isInUse = false
  /// Set once the format description was handed out and the wanted offset is what comes next.
  private var target: UInt64?

  /// Opens a file.
  ///
  /// Throws `Failure.corruptLog` when it is no binary log, `.unsupportedLog` when it is encrypted.
  /// - Parameter offset: where the events begin that are wanted; the format description comes first in any case.
  package init(path: String, offset: UInt64 = 4, eventByteLimit: Int = 1 << 30) throws(Failure) {
    name = path.split(separator: "/").last.map(String.init) ?? path
    self.eventByteLimit = eventByteLimit
    self.offset = 4
    target = offset > 4 ? offset : nil
    buffer = .allocate(byteCount: 256 << 10, alignment: 16)
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw BinlogFile.failure("cannot be opened", path, errno) }
    try readMagic()
  }

  deinit {
    buffer.deallocate()
    if descriptor >= 0 { close(descriptor) }
  }

  /// Hands the next event to `body`, header and checksum included; nil: the file has no more.
  package func next<Result>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard let size = try nextByteCount() else { return nil }
    guard try fill(size) else { return try truncated(size) }
    let event = UnsafeRawBufferPointer(rebasing: buffer[start..<(start + size)])
    let isFirst = offset == 4
    if isFirst, event[4] == EventType.formatDescription.rawValue { isInUse = event[17] & 1 != 0 }
    start += size
    offset += UInt64(size)
    if isFirst, let target { try seek(to: target) }
    return try body(event)
  }

  private func seek(to place: UInt64) throws(Failure) {
    target = nil
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw BinlogFile.failure("cannot be read", name, errno) }
    guard place <= UInt64(status.st_size) else {
      throw Failure(.positionLost, "the log has \(status.st_size) bytes; offset \(place) was asked for", at: name)
    }
    guard lseek(descriptor, off_t(place), SEEK_SET) >= 0 else {
      throw BinlogFile.failure("cannot be read", name, errno)
    }
    offset = place
    // What was read ahead stands before the place; the event at hand stays where it is in the buffer.
    start = end
  }

  private func readMagic() throws(Failure) {
    guard try fill(4) else {
      throw Failure(.corruptLog, "the file is no binary log: it has fewer than 4 bytes", at: name)
    }
    let magic = UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    start = 4
    switch magic {
    case 0x6e69_62fe: return
    case 0x6e69_62fd:
      throw Failure(
        .unsupportedLog, "the log file is encrypted", at: "\(name):0",
        hint: "read it from the server, which sends it decrypted, instead of from the file")
    default:
      throw Failure(.corruptLog, "the file is no binary log: it does not begin with fe 62 69 6e", at: "\(name):0")
    }
  }

  /// The size that the next header tells; zeros between events, with which Aurora fills its files up, are passed over.
  private func nextByteCount() throws(Failure) -> Int? {
    guard try fill(1) else { return nil }
    guard try fill(EventHeader.byteCount) else { return restIsPadding() ? nil : try truncated(EventHeader.byteCount) }
    let size = Int(UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: start + 9, as: UInt32.self)))
    guard size >= EventHeader.byteCount else {
      throw Failure(
        .corruptLog, "an event says that it has \(size) bytes, fewer than its header", at: "\(name):\(offset)")
    }
    guard size <= eventByteLimit else {
      throw Failure(
        .corruptLog, "an event says that it has \(size) bytes; the limit is \(eventByteLimit)", at: "\(name):\(offset)")
    }
    return size
  }

  private func restIsPadding() -> Bool { buffer[start..<end].allSatisfy { $0 == 0 } }

  private func truncated<Result>(_ size: Int) throws(Failure) -> Result? {
    guard isInUse, announcesItsPlace(size) else {
      throw Failure(
        .corruptLog, "the file ends inside an event: \(size) bytes are announced, \(end - start) are there",
        at: "\(name):\(offset)", hint: "copy the file again from the server")
    }
    endsInsideEvent = true
    return nil
  }

  /// Whether the header of the incomplete event, as far as it is there, tells the same place twice: a damaged size does not.
  private func announcesItsPlace(_ size: Int) -> Bool {
    guard end - start >= EventHeader.byteCount else { return true }
    let announced = UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: start + 13, as: UInt32.self))
    return announced == UInt32(truncatingIfNeeded: offset + UInt64(size))
  }

  /// Reads until `count` bytes stand in the buffer; false: the file ends before.
  private func fill(_ count: Int) throws(Failure) -> Bool {
    if end - start >= count { return true }
    makeRoom(for: count)
    while end - start < count {
      let got = read(descriptor, buffer.baseAddress! + end, buffer.count - end)
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw BinlogFile.failure("cannot be read", name, errno) }
      if got == 0 { return false }
      end += got
    }
    return true
  }

  /// Moves what is left to the front; grows the buffer for a large event.
  private func makeRoom(for count: Int) {
    if start > 0 {
      buffer.baseAddress!.copyMemory(from: buffer.baseAddress! + start, byteCount: end - start)
      end -= start
      start = 0
    }
    guard buffer.count < count else { return }
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[0..<end]))
    buffer.deallocate()
    buffer = larger
  }

  private static func failure(_ what: String, _ path: String, _ code: Int32) -> Failure {
    let kind: Failure.Code =
      code == EACCES || code == EPERM ? .permission : code == ENOENT ? .configuration : .inputOutput
    return Failure(kind, "the log file \"\(path)\" \(what)", cause: String(cString: strerror(code)))
  }
}
