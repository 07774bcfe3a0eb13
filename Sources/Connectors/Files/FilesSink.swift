package import Change
import Flow
import Formats
import Glibc
package import Pipeline

/// Writes changes as lines into segments of a folder, with the checkpoint in the manifest that makes them visible.
///
/// *Durability*: `commit` syncs every changed segment and then renames the manifest: a reader that follows the manifest
/// sees the group and its checkpoint, or neither. *Fencing*: see `ManifestStore`. *After a failure* the sink refuses
/// everything: what the kernel did with a failed write is not known, and the next `open` starts at the manifest again.
package final class FilesSink: Sink {
  package let traits: SinkTraits
  private let settings: FilesSettings
  private let pipeline: String
  private let rows: RowRouter

  private var store: ManifestStore?
  private var writer: SegmentWriter?
  private var isBroken = false

  package init(
    _ settings: FilesSettings, pipeline: String, badRows: BadRowPolicy
  ) throws(Failure) {
    self.settings = settings
    self.pipeline = pipeline
    rows = try RowRouter(settings, badRows: badRows)
    let interval = settings.commitInterval ?? (settings.compression == .none ? 5_000_000 : 200_000_000)
    traits = SinkTraits(groupBytes: 64 << 20, commitInterval: interval)
  }

  package func open() async throws -> Position? {
    let root = try RootDirectory(settings.path, creates: true)
    let store = ManifestStore(root: root, pipeline: pipeline)
    try store.claim()
    let cleaner = Cleaner(root: root, manifest: store.manifest)
    try cleaner.truncateOpen()
    try cleaner.removeUnlisted()
    store.markCleaned()
    writer = try SegmentWriter(root: root, epoch: store.manifest.epoch, settings: settings)
    self.store = store
    return store.manifest.checkpoint?.position
  }

  package func write(_ batch: Batch, parts: Range<Int>) async throws {
    guard let writer, !isBroken else { throw unusable }
    do {
      try rows.write(batch, parts: parts, to: writer)
    } catch {
      isBroken = true
      throw error
    }
  }

  package func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    guard let writer, let store, !isBroken else { throw unusable }
    do {
      try writer.sync()
      let closed = store.manifest.segments.filter { !$0.isOpen }
      try store.commit(checkpoint, closed + writer.records())
      writer.committed()
    } catch {
      isBroken = true
      if error.code == .fenced { abandon(writer) }
      throw error
    }
    return Receipt(outcomes: rows.takeOutcomes())
  }

  private func abandon(_ writer: SegmentWriter) {
    do throws(Failure) {
      try writer.abandon()
    } catch {
      // Being fenced is what a person must know. What stays is in no manifest, and no reader sees it.
    }
  }

  package func close() async {
    writer = nil
    store = nil
  }

  private var unusable: Failure {
    Failure(
      .internal, isBroken ? "the sink has failed before and takes nothing more" : "the sink is not open",
      at: settings.path)
  }
}
