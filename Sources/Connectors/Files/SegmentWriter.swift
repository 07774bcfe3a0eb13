import CLinux
import Change
import Compression
import Flow
import Formats
import Glibc
import Pipeline

/// Puts lines into segments: holds few of them in memory and few descriptors, writes the rest, and makes all durable.
///
/// *Memory*: the lines that wait are at most `lineBudget` and what one call adds, however many segments there are.
/// *Durability*: nothing before `sync` returns; write-back begins early, so that `sync` finds little left to do.
/// *Thread*: the sink's.
final class SegmentWriter {
  /// Lines of one segment are written when they are this many bytes.
  private static let chunk = 1 << 20
  /// Lines of all segments together.
  private static let lineBudget = 16 << 20
  private static let descriptorLimit = 256
  /// Bytes after which write-back is started.
  private static let writeBackChunk = 4 << 20
  /// From this many files on one sync of the file system is cheaper than one of each file.
  private static let syncTogether = 24

  let epoch: UInt64
  private let root: RootDirectory
  private let compression: CompressionKind
  private let rollBytes: Int
  private let rollAge: UInt64
  private let segmentLimit: Int
  private var zstd: ZstdEncoder?
  private var gzip: GzipEncoder?
  private var compressed: [UInt8] = []

  private var open: [SegmentKey: Segment] = [:]
  /// Rolled since the last commit; they are in no manifest with all that they have.
  private var rolled: [Segment] = []
  private var number: UInt64 = 0
  private var clock: UInt64 = 0
  private var descriptors = 0
  private var waiting = 0
  private var keptCapacity = 0
  /// Folders with entries that are not durable.
  private var changedFolders: Set<String> = []
  /// Folders that this writer has made durable with all that lead to them, or will at its next commit.
  private var knownFolders: Set<String> = []

  init(root: RootDirectory, epoch: UInt64, settings: FilesSettings) throws {
    self.root = root
    self.epoch = epoch
    compression = settings.compression
    rollBytes = settings.rollBytes
    rollAge = settings.rollAge
    segmentLimit = settings.segmentLimit
    switch settings.compression {
    case .none: break
    case .zstd: zstd = try ZstdEncoder(level: settings.compressionLevel ?? 3)
    case .gzip: gzip = try GzipEncoder(level: settings.compressionLevel ?? 6)
    }
  }

  /// The segment for `key`, begun now when there is none, or when its header is another one.
  func segment(
    _ key: SegmentKey, format: String, fileExtension: String, quote: UInt8?, header: [UInt8] = []
  ) throws(Failure) -> Segment {
    clock += 1
    if let found = open[key] {
      if found.header == header {
        found.lastUse = clock
        return found
      }
      try roll(found)
    }
    if open.count >= segmentLimit, let oldest = open.values.min(by: { $0.lastUse < $1.lastUse }) {
      try roll(oldest)
    }
    number += 1
    let path = SegmentName.path(
      folders: key.folders, epoch: epoch, number: number, fileExtension: fileExtension + compression.fileSuffix)
    let segment = Segment(
      key: key, path: path, format: format, quote: quote, header: header, createdAt: MonotonicTime.now())
    segment.lines.append(header)
    waiting += header.count
    segment.lastUse = clock
    open[key] = segment
    return segment
  }

  /// Takes note of lines that were appended to a segment since it had `count` bytes of them.
  /// - Returns: whether the segment was closed, so that the next change needs another one.
  func appended(to segment: Segment, from count: Int, changes: Int) throws(Failure) -> Bool {
    waiting += segment.lines.count - count
    segment.changes += UInt64(changes)
    if segment.lines.count >= SegmentWriter.chunk { try write(segment) }
    if waiting > SegmentWriter.lineBudget { try writeAll() }
    let pending = compression == .none ? segment.lines.count : 0
    guard segment.written + pending >= rollBytes else { return false }
    try roll(segment)
    return true
  }

  private func roll(_ segment: Segment) throws(Failure) {
    try write(segment)
    keep(segment, 0)
    segment.lines = ByteWriter(capacity: 64)
    segment.isRolled = true
    open[segment.key] = nil
    rolled.append(segment)
  }

  private func writeAll() throws(Failure) {
    for segment in open.values where segment.lines.count > 0 { try write(segment) }
  }

  /// Moves the waiting lines of a segment to its file, as one compressed frame when there is compression.
  private func write(_ segment: Segment) throws(Failure) {
    let count = segment.lines.count
    if count == 0 { return }
    try openFile(segment)
    guard let number = segment.file?.number else { return }
    if compression == .none {
      try SystemCall.write(segment.lines, to: number, at: segment.written, root.place(segment.path))
      segment.written += count
    } else {
      try compress(segment.lines, root.place(segment.path))
      try SystemCall.write(compressed, to: number, at: segment.written, root.place(segment.path))
      segment.written += compressed.count
    }
    waiting -= count
    segment.lines.removeAll()
    keep(segment, max(segment.lineCapacity, count))
    if keptCapacity > SegmentWriter.lineBudget || count > 4 * SegmentWriter.chunk {
      keep(segment, 0)
      segment.lines = ByteWriter(capacity: 64)
    }
    if segment.written - segment.writeBackStarted >= SegmentWriter.writeBackChunk { startWriteBack(segment) }
  }

  private func keep(_ segment: Segment, _ capacity: Int) {
    keptCapacity += capacity - segment.lineCapacity
    segment.lineCapacity = capacity
  }

  private func compress(_ lines: borrowing ByteWriter, _ place: String) throws(Failure) {
    compressed.removeAll(keepingCapacity: compressed.count <= 4 * SegmentWriter.chunk)
    do {
      // The address is used only inside the closure, in which the span lives.
      try lines.bytes.withUnsafeBytes { (lines) throws(CompressionFailure) in
        if compression == .zstd {
          try zstd?.append(lines, into: &compressed)
          try zstd?.endFrame(into: &compressed)
        } else {
          try gzip?.encode(lines, into: &compressed)
        }
      }
    } catch {
      throw Failure(.internal, "cannot compress", at: place, cause: "\(error)")
    }
  }

  /// Asks the kernel to begin writing to the disk. A hint: an error shows when the file is synced.
  private func startWriteBack(_ segment: Segment) {
    guard let number = segment.file?.number else { return }
    let begin = segment.writeBackStarted
    _ = clinux_start_write_back(number, Int64(begin), Int64(segment.written - begin))
    segment.writeBackStarted = segment.written
  }

  private func openFile(_ segment: Segment) throws(Failure) {
    clock += 1
    segment.lastUse = clock
    if segment.file != nil { return }
    if descriptors >= SegmentWriter.descriptorLimit { try closeFiles() }
    if segment.isCreated {
      segment.file = try root.openFile(segment.path, O_WRONLY)
    } else {
      segment.file = try root.openFile(segment.path, O_WRONLY | O_CREAT | O_EXCL) { self.changedFolders.insert($0) }
      segment.isCreated = true
      noteFolders(of: segment)
    }
    descriptors += 1
  }

  /// A folder that was there may have been made by a writer that did not live to sync its parent.
  private func noteFolders(of segment: Segment) {
    let folders = segment.path.split(separator: "/").dropLast()
    guard knownFolders.insert(folders.joined(separator: "/")).inserted else { return }
    for count in 0..<folders.count { changedFolders.insert(folders.prefix(count).joined(separator: "/")) }
  }

  /// Closes the files that were used least recently. They are synced before: an error after a close would be lost.
  private func closeFiles() throws(Failure) {
    let candidates = (Array(open.values) + rolled).filter { $0.file != nil }.sorted { $0.lastUse < $1.lastUse }
    let closing = candidates.prefix(candidates.count / 2)
    try syncFiles(closing.filter(\.isDirty))
    for segment in closing {
      segment.file = nil
      descriptors -= 1
    }
  }

  private func syncFiles(_ segments: [Segment]) throws(Failure) {
    for segment in segments { startWriteBack(segment) }
    if segments.count > SegmentWriter.syncTogether {
      // Tells of errors since the folder was opened (Linux 5.8 and later, syncfs(2)).
      try SystemCall.check("sync", root.path) { Int(clinux_sync_file_system(root.number)) }
    }
    for segment in segments {
      guard let number = segment.file?.number else { continue }
      // After a sync of the file system this finds nothing to write; it tells of this file's own errors.
      try SystemCall.check("sync", root.place(segment.path)) { Int(fdatasync(number)) }
      segment.synced = segment.written
    }
  }

  /// Writes and syncs everything that was appended, with the folders that lead to it.
  func sync() throws(Failure) {
    try writeAll()
    let now = MonotonicTime.now()
    for segment in open.values where now &- segment.createdAt >= rollAge { try roll(segment) }
    Failpoint.hit("files.before_fsync")
    let dirty = (Array(open.values) + rolled).filter { $0.isDirty && $0.file != nil }
    try syncFiles(dirty)
    for folder in changedFolders { try root.syncFolder(folder) }
    changedFolders.removeAll(keepingCapacity: true)
  }

  /// What a manifest has to say of the segments of this writer, after `sync`.
  func records() -> [SegmentRecord] {
    let closed = rolled.filter(\.isCreated).map { $0.record(epoch: epoch, compression: compression, isOpen: false) }
    let open = open.values.filter(\.isCreated).sorted { $0.path < $1.path }
    return closed + open.map { $0.record(epoch: epoch, compression: compression, isOpen: true) }
  }

  /// Takes note that a manifest has everything.
  func committed() {
    for segment in open.values { segment.committed = segment.written }
    for segment in rolled where segment.file != nil {
      segment.file = nil
      descriptors -= 1
    }
    rolled.removeAll()
  }

  /// Takes away what no manifest will ever list, after another writer has claimed the folder: nobody else appends to
  /// these files.
  func abandon() throws(Failure) {
    for segment in Array(open.values) + rolled where segment.isCreated && segment.written > segment.committed {
      if segment.committed == 0 {
        try root.remove(segment.path)
      } else {
        let file = try root.openFile(segment.path, O_WRONLY)
        let number = file.number
        try SystemCall.check("truncate", root.place(segment.path)) { Int(ftruncate(number, off_t(segment.committed))) }
      }
    }
  }
}
