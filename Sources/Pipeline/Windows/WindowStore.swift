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
    /// Of the windows whose state it is.
    var fingerprints: [String] = []
  }

  /// "Wtehserf", and behind it the form of what follows.
  private static let magic: Int64 = 0x6672_6573_6865_7457
  private static let version: Int64 = 4
  private let directory: String
  private let definitions: [WindowDefinition]
  private(set) var generations: [Generation] = []

  /// Opens the directory `windows.state`, and reads what is there.
  /// - Parameter definitions: the windows whose state it is; nil: whatever is there is to be removed, and not read.
  init(directory: String, _ definitions: [WindowDefinition]?) throws(Failure) {
    self.directory = directory + "/windows.state"
    self.definitions = definitions ?? []
    if mkdir(self.directory, 0o700) == 0 {
      try DurableDirectory.sync(directory)
    } else if errno != EEXIST {
      throw WindowStore.fault("cannot create", self.directory)
    }
    for number in try numbers() {
      generations.append(
        definitions == nil
          ? Generation(number: number, log: nil, panes: 0)
          : try read(number) { (generation, _) throws(Failure) in generation })
    }
  }

  private func path(_ number: UInt64) -> String { "\(directory)/\(number).generation" }

  private func numbers() throws(Failure) -> [UInt64] {
    guard let handle = opendir(directory) else { throw WindowStore.fault("cannot read", directory) }
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
  /// - Parameter state: writes it.
  mutating func append(
    log: Position?, panes: UInt64, _ state: (inout StateWriter) throws(Failure) -> Void
  ) throws(Failure) {
    let number = (generations.last?.number ?? 0) + 1
    let temporary = "\(directory)/new"
    defer { unlink(temporary) }  // Of a state that could not be stored; one that was has another name.
    try write(to: temporary) { (content) throws(Failure) in
      content.append(WindowStore.magic)
      content.append(WindowStore.version)
      content.append(definitions.count)
      for definition in definitions { content.append(definition.fingerprint) }
      content.append(log == nil ? 0 : 1)
      content.append(log?.text ?? "")
      content.append(log?.token ?? "")
      content.append(panes)
      try state(&content)
    }
    Failpoint.hit("windows.before_rename")
    guard rename(temporary, path(number)) == 0 else { throw WindowStore.fault("cannot name", temporary) }
    try DurableDirectory.sync(directory)
    Failpoint.hit("windows.stored")
    generations.append(
      Generation(number: number, log: log, panes: panes, fingerprints: definitions.map(\.fingerprint)))
  }

  /// Whether a generation is of other windows than the pipeline has now.
  func isOfOthers(_ generation: Generation) -> Bool {
    Set(generation.fingerprints) != Set(definitions.map(\.fingerprint))
  }

  private func write(to path: String, _ body: (inout StateWriter) throws(Failure) -> Void) throws(Failure) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw WindowStore.fault("cannot create", path) }
    defer { close(file) }
    var writer = StateWriter(file: file, path: path)
    try body(&writer)
    try writer.finish()
    guard fsync(file) == 0 else { throw WindowStore.fault("cannot write", path) }
  }

  /// Reads a generation's file: its checksum first, then what goes before the state.
  private func read<Result>(
    _ number: UInt64, _ body: (Generation, inout StateReader) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let path = path(number)
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw WindowStore.fault("cannot open", path) }
    defer { close(file) }
    do throws(Failure) {
      let count = try checkedCount(file, path)
      guard lseek(file, 0, SEEK_SET) == 0 else { throw WindowStore.fault("cannot read", path) }
      var reader = StateReader(file: file, path: path, count: count)
      _ = try (reader.integer(), reader.integer())
      var fingerprints: [String] = []
      for _ in 0..<(try reader.count(least: 8)) { fingerprints.append(try reader.string()) }
      try checkNames(fingerprints)
      let hasLog = try reader.integer() != 0
      let log = Position(text: try reader.string(), token: try reader.string())
      let panes = try reader.unsigned()
      return try body(
        Generation(number: number, log: hasLog ? log : nil, panes: panes, fingerprints: fingerprints), &reader)
    } catch {
      throw error.at(path)
    }
  }

  /// What a window of a name was when its state was stored, it must be still: its results are in its table.
  private func checkNames(_ stored: [String]) throws(Failure) {
    for definition in definitions where !stored.contains(definition.fingerprint) {
      guard stored.contains(where: { $0.hasPrefix(definition.name + "\n") }) else { continue }
      throw Failure(
        .configuration,
        "the definition of window \"\(definition.name)\" has changed, and the state that is stored in \(directory) does not "
          + "fit any more", at: definition.place,
        hint: "give the window another name and table: it then begins where the pipeline is; or begin anew: remove"
          + " windows.state from the state directory, and the tables and checkpoints of the sinks")
    }
  }

  /// How many bytes of a file lie before its checksum, which is right.
  private func checkedCount(_ file: Int32, _ path: String) throws(Failure) -> Int {
    var status = stat()
    guard fstat(file, &status) == 0 else { throw WindowStore.fault("cannot read", path) }
    let count = Int(status.st_size) - 8
    guard count >= 16 else { throw StateReader.damaged() }
    var start = StateReader(file: file, path: path, count: 16)
    guard try start.integer() == WindowStore.magic else { throw StateReader.damaged("is of another kind") }
    guard try start.integer() == WindowStore.version else {
      throw StateReader.damaged("was written by another version of this program")
    }
    guard lseek(file, 0, SEEK_SET) == 0 else { throw WindowStore.fault("cannot read", path) }
    var content = StateReader(file: file, path: path, count: count)
    let checksum = try content.skipAll()
    var end = StateReader(file: file, path: path, count: 8)
    guard try end.unsigned() == checksum else { throw StateReader.damaged("is damaged: its checksum is wrong") }
    return count
  }

  /// Reads the state of a generation.
  func state<Result>(
    of generation: Generation, _ body: (inout StateReader) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try read(generation.number) { (_, reader) throws(Failure) in try body(&reader) }
  }

  /// Forgets the generations for which `isGone` holds.
  mutating func remove(where isGone: (Generation) throws(Failure) -> Bool) throws(Failure) {
    var kept: [Generation] = []
    for generation in generations {
      guard try isGone(generation) else {
        kept.append(generation)
        continue
      }
      guard unlink(path(generation.number)) == 0 || errno == ENOENT else {
        throw WindowStore.fault("cannot remove", path(generation.number))
      }
    }
    generations = kept
  }

  static func fault(_ attempt: String, _ path: String) -> Failure {
    .systemCall("\(attempt) the state of the windows", at: path)
  }
}
