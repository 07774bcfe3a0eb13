import Change
import Glibc

/// The stored states of a pipeline's windows: some generations, each a file with the whole state and its place.
///
/// A generation is for a place that a sink may not have reached; so the ones before are kept until every sink has passed
/// the next. *Durability*: a file appears by a rename behind `fsync`, and is never written to again. A damaged one is seen
/// by its checksum. *Thread*: one at a time.
struct WindowStore {
  struct Generation: Hashable {
    var number: UInt64
    /// Nil: before the log's beginning.
    var log: Position?
    var panes: UInt64
  }

  private static let magic: Int64 = 0x6672_6573_6865_7457
  private let directory: String
  /// Nil: whatever is there is to be removed, and not read.
  private let fingerprint: String?
  private(set) var generations: [Generation] = []

  /// Opens the directory `windows.state`, and reads what is there.
  init(directory: String, fingerprint: String?) throws(Failure) {
    self.directory = directory + "/windows.state"
    self.fingerprint = fingerprint
    if mkdir(self.directory, 0o700) == 0 {
      try sync(directory, O_RDONLY | O_DIRECTORY)
    } else if errno != EEXIST {
      throw fault("cannot create", self.directory)
    }
    for number in try numbers() {
      generations.append(
        fingerprint == nil ? Generation(number: number, log: nil, panes: 0) : try read(number).0)
    }
  }

  private func path(_ number: UInt64) -> String { "\(directory)/\(number).generation" }

  private func numbers() throws(Failure) -> [UInt64] {
    guard let handle = opendir(directory) else { throw fault("cannot read", directory) }
    defer { closedir(handle) }
    var numbers: [UInt64] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".generation"), let number = UInt64(name.dropLast(11)) { numbers.append(number) }
    }
    return numbers.sorted()
  }

  /// Stores a state durably; from here on a sink may go beyond it.
  mutating func append(log: Position?, panes: UInt64, state: [UInt8]) throws(Failure) {
    let number = (generations.last?.number ?? 0) + 1
    var content = StateWriter()
    content.append(WindowStore.magic)
    content.append(fingerprint ?? "")
    content.append(log == nil ? 0 : 1)
    content.append(log?.text ?? "")
    content.append(log?.token ?? "")
    content.append(panes)
    content.append(state)
    content.append(content.bytes.withUnsafeBytes { GroupIndex.hash($0) })
    let temporary = "\(directory)/new"
    try write(content.bytes, to: temporary)
    Failpoint.hit("windows.before_rename")
    guard rename(temporary, path(number)) == 0 else { throw fault("cannot name", temporary) }
    try sync(directory, O_RDONLY | O_DIRECTORY)
    Failpoint.hit("windows.stored")
    generations.append(Generation(number: number, log: log, panes: panes))
  }

  private func write(_ bytes: [UInt8], to path: String) throws(Failure) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw fault("cannot create", path) }
    defer { close(file) }
    var offset = 0
    while offset < bytes.count {
      let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + offset, bytes.count - offset) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw fault("cannot write", path) }
      offset += written
    }
    guard fsync(file) == 0 else { throw fault("cannot write", path) }
  }

  private func sync(_ path: String, _ flags: Int32) throws(Failure) {
    let file = open(path, flags | O_CLOEXEC)
    guard file >= 0 else { throw fault("cannot open", path) }
    defer { close(file) }
    guard fsync(file) == 0 else { throw fault("cannot write", path) }
  }

  private func read(_ number: UInt64) throws(Failure) -> (Generation, [UInt8]) {
    let path = path(number)
    let bytes = try content(of: path)
    do throws(Failure) {
      guard bytes.count > 8 else { throw StateReader.damaged() }
      var reader = StateReader(bytes)
      guard try reader.integer() == WindowStore.magic else { throw StateReader.damaged("is of another kind") }
      let checksum = bytes.withUnsafeBytes {
        GroupIndex.hash(UnsafeRawBufferPointer(rebasing: $0[..<(bytes.count - 8)]))
      }
      let stored = bytes.withUnsafeBytes {
        UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self))
      }
      guard checksum == stored else { throw StateReader.damaged("is damaged: its checksum is wrong") }
      guard try reader.string() == fingerprint else {
        throw Failure(
          .configuration, "the definition of a window has changed, and its stored state does not fit any more",
          hint: "give the window another name and table, or begin anew: remove windows.state from the state directory,"
            + " and the tables and checkpoints of the sinks")
      }
      let hasLog = try reader.integer() != 0
      let log = Position(text: try reader.string(), token: try reader.string())
      let panes = try reader.unsigned()
      return (Generation(number: number, log: hasLog ? log : nil, panes: panes), try reader.text())
    } catch {
      throw error.at(path)
    }
  }

  private func content(of path: String) throws(Failure) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw fault("cannot open", path) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw fault("cannot read", path) }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var offset = 0
    while offset < bytes.count {
      let left = bytes.count - offset
      let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + offset, left) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw fault("cannot read", path) }
      offset += count
    }
    return bytes
  }

  func state(of generation: Generation) throws(Failure) -> [UInt8] { try read(generation.number).1 }

  /// Forgets the generations for which `isGone` holds.
  mutating func remove(where isGone: (Generation) throws(Failure) -> Bool) throws(Failure) {
    var kept: [Generation] = []
    for generation in generations {
      guard try isGone(generation) else {
        kept.append(generation)
        continue
      }
      guard unlink(path(generation.number)) == 0 || errno == ENOENT else {
        throw fault("cannot remove", path(generation.number))
      }
    }
    generations = kept
  }

  private func fault(_ attempt: String, _ path: String) -> Failure {
    let number = errno
    let code: Failure.Code =
      switch number {
      case EACCES, EPERM, EROFS: .permission
      case ENOSPC, EDQUOT: .diskFull
      default: .inputOutput
      }
    return Failure(
      code, "\(attempt) the state of the windows", at: path, hint: code == .diskFull ? "make room" : "",
      cause: String(cString: strerror(number)))
  }
}
