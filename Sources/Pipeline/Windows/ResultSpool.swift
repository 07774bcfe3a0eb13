import Change
import Glibc

/// Results that wait to be passed on: those of one instant can be as many as there are groups, so what memory has no room for
/// waits in a file without a name. *Thread*: one at a time.
final class ResultSpool {
  /// A batch in memory, or where it lies in the file.
  enum Result {
    case batch(Batch)
    case stored(offset: Int, count: Int, schemas: [TableSchema])
  }

  private let budget: StateBudget
  private var file: Int32 = -1
  private var end = 0
  /// Bytes of the results that wait in memory, roughly.
  private(set) var waiting = 0
  /// How many bytes may wait in memory; the next go to the file.
  var limit = Int.max

  init(_ budget: StateBudget) { self.budget = budget }

  deinit { if file >= 0 { close(file) } }

  /// Takes a batch of results in. What cannot be stored stays in memory, and the budget tells why when it is settled.
  func hold(_ batch: Batch) -> Result {
    let size =
      batch.arena.count + batch.cells.count * MemoryLayout<Cell>.stride
      + batch.changes.count * MemoryLayout<RowChange>.stride
    if size > limit - waiting {
      do throws(Failure) { return try store(batch) } catch { budget.fail(error) }
    }
    waiting += size
    return .batch(batch)
  }

  private func store(_ batch: Batch) throws(Failure) -> Result {
    if file < 0 { file = try budget.openFile() }
    var writer = StateWriter()
    batch.encode(to: &writer)
    let bytes = writer.bytes
    var offset = 0
    while offset < bytes.count {
      let written = bytes.withUnsafeBytes { pwrite(file, $0.baseAddress! + offset, $0.count - offset, end + offset) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw budget.fault("cannot write") }
      offset += written
    }
    defer { end += bytes.count }
    return .stored(offset: end, count: bytes.count, schemas: batch.schemas)
  }

  func load(_ result: Result) throws(Failure) -> Batch {
    switch result {
    case .batch(let batch): batch
    case .stored(let offset, let count, let schemas): try load(offset, count, schemas)
    }
  }

  private func load(_ start: Int, _ count: Int, _ schemas: [TableSchema]) throws(Failure) -> Batch {
    var bytes = [UInt8](repeating: 0, count: count)
    var offset = 0
    while offset < count {
      let got = bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress! + offset, count - offset, start + offset) }
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw budget.fault("cannot read") }
      guard got > 0 else { throw ResultSpool.changed }
      offset += got
    }
    var reader = StateReader(bytes)
    let batch = try Batch.decode(from: &reader, schemas: schemas)
    guard reader.isAtEnd else { throw ResultSpool.changed }
    return batch
  }

  private static var changed: Failure {
    Failure(.internal, "results of windows that waited in a file are not what was written")
  }

  /// Everything that was taken in has been passed on.
  func empty() throws(Failure) {
    waiting = 0
    guard end > 0 else { return }
    end = 0
    guard ftruncate(file, 0) == 0 else { throw budget.fault("cannot empty a file for") }
  }
}
