package import Change
import Formats
import Glibc
package import Pipeline

/// The manifest of one folder, owned by one epoch: claims it, replaces it, and notices when somebody else has.
///
/// *Durability*: `claim` and `commit` return when the new manifest survives a crash. *Fencing*: the lock is held only
/// while a manifest is checked and replaced, which is a few system calls; who holds the folder is decided by the
/// manifest's inode, not by the lock, so that a paused writer blocks nobody.
package final class ManifestStore {
  private static let lockName = "lock"

  package private(set) var manifest: Manifest
  private let root: RootDirectory
  /// The manifest that this writer renamed last. While it is open no other file can get its inode number.
  private var current: Descriptor?
  private var writer = ByteWriter(capacity: 16 << 10)
  private var listNumber: UInt64 = 0

  package init(root: RootDirectory, pipeline: String) {
    self.root = root
    manifest = Manifest(pipeline: pipeline)
  }

  /// Reads the manifest; nil when the folder has none.
  package static func read(_ root: RootDirectory) throws(Failure) -> Manifest? {
    guard let bytes = try root.content(of: Manifest.fileName, limit: Manifest.byteLimit) else { return nil }
    return try Manifest(bytes: bytes, root.place(Manifest.fileName))
  }

  /// Takes the folder over with the next epoch; from here on every older writer's `commit` throws `.fenced`.
  /// The segments that stay open in the manifest are older writers': their files may be longer than what is committed.
  package func claim() throws(Failure) {
    let lock = try lock()
    defer { unlock(lock) }
    let pipeline = manifest.pipeline
    if let found = try ManifestStore.read(root) {
      guard found.pipeline == pipeline else {
        throw Failure(
          .identity, "the folder belongs to pipeline \"\(found.pipeline)\", not to \"\(pipeline)\"", at: root.path,
          hint: "give each pipeline a folder of its own")
      }
      manifest = found
    }
    manifest.epoch += 1
    manifest.generation += 1
    let temporary = "manifest-\(manifest.epoch).tmp"
    manifest.render(into: &writer)
    let file = try root.replace(temporary, with: writer)
    try root.rename(temporary, to: Manifest.fileName)
    current = consume file
    try root.syncFolder("")
  }

  /// Closes the segments of older writers, and remembers that no unlisted file of theirs is left; the next commit
  /// writes it down, and until then the next writer cleans again.
  package func markCleaned() {
    for index in manifest.segments.indices { manifest.segments[index].isOpen = false }
    manifest.cleanedEpoch = manifest.epoch
  }

  /// Makes a checkpoint and what it covers visible in one step.
  /// - Parameter segments: what the manifest lists from now on, besides what is sealed.
  package func commit(_ checkpoint: Checkpoint, _ segments: [SegmentRecord]) throws(Failure) {
    var next = manifest
    next.generation += 1
    next.checkpoint = checkpoint
    // A restarted pipeline begins without a watermark; what was promised stays promised.
    if let before = manifest.checkpoint { next.checkpoint?.watermark = max(before.watermark, checkpoint.watermark) }
    next.segments = segments
    try seal(&next)
    next.render(into: &writer)
    let temporary = "manifest-\(next.epoch).tmp"
    let file = try root.replace(temporary, with: writer)
    Failpoint.hit("files.before_rename")
    do {
      let lock = try lock()
      defer { unlock(lock) }
      try checkOwnership()
      try root.rename(temporary, to: Manifest.fileName)
    }
    current = consume file
    manifest = next
    Failpoint.hit("files.after_rename")
    try root.syncFolder("")
  }

  /// Moves closed segments to a sealed list when there are many.
  private func seal(_ next: inout Manifest) throws(Failure) {
    let closed = next.segments.filter { !$0.isOpen }
    guard closed.count >= Manifest.sealCount else { return }
    listNumber += 1
    let name = SegmentName.listName(epoch: next.epoch, number: listNumber)
    let list = SealedList(previous: next.previous, segments: closed, highestEpoch: next.epoch)
    let reference = list.render(as: name, into: &writer)
    _ = try root.replace(name, with: writer)
    try root.syncFolder("")
    next.previous = reference
    next.segments.removeAll { !$0.isOpen }
  }

  /// - Throws: `.fenced` unless the manifest is the very file that this writer renamed last.
  private func checkOwnership() throws(Failure) {
    guard let owned = current?.number else {
      throw Failure(.internal, "a commit needs a claim", at: root.path)
    }
    var mine = stat()
    var found = stat()
    guard fstat(owned, &mine) == 0 else {
      throw SystemCall.failure("look at the manifest", root.place(Manifest.fileName))
    }
    if fstatat(root.number, Manifest.fileName, &found, AT_SYMLINK_NOFOLLOW) != 0, errno != ENOENT {
      throw SystemCall.failure("look at the manifest", root.place(Manifest.fileName))
    }
    if mine.st_ino == found.st_ino, mine.st_dev == found.st_dev { return }
    throw Failure(
      .fenced, "another writer has taken the folder over since epoch \(manifest.epoch)", at: root.path,
      hint: "let only one process run the pipeline; this one has changed nothing that a manifest lists")
  }

  /// The lock is free unless somebody is in the few calls that it guards; whoever is paused just there is waited for.
  private func lock() throws(Failure) -> Descriptor {
    let file = try root.openFile(ManifestStore.lockName, O_RDWR | O_CREAT)
    for attempt in 0..<2000 {
      if flock(file.number, LOCK_EX | LOCK_NB) == 0 { return file }
      guard errno == EWOULDBLOCK || errno == EINTR else {
        throw SystemCall.failure("lock", root.place(ManifestStore.lockName))
      }
      if Task.isCancelled {
        throw Failure(.busy, "the run was cancelled while it waited", at: root.place(ManifestStore.lockName))
      }
      usleep(attempt < 100 ? 200 : 5000)
    }
    throw Failure(
      .busy, "another process holds the lock for 10 seconds", at: root.place(ManifestStore.lockName),
      hint: "it is in the middle of a commit; end it if it is stopped")
  }

  private func unlock(_ lock: borrowing Descriptor) { _ = flock(lock.number, LOCK_UN) }
}
