import Synchronization

/// Buffers of batches that nobody holds any more, kept for the next ones: the system has given them pages already, which
/// costs more than to fill them.
///
/// *Thread*: any. *Memory*: at most `countLimit` sets of buffers, none larger than `byteLimit`.
final class BatchMemory: Sendable {
  struct Buffers: Sendable {
    var arena: [UInt8]
    var cells: [Cell]
    var changes: [RowChange]
  }

  private static let countLimit = 8
  private let free = Mutex<[Buffers]>([])
  private let byteLimit: Int

  init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// Buffers with the content of a batch that is gone, or nil when there are none.
  func take() -> Buffers? { free.withLock { $0.popLast() } }

  func give(_ buffers: Buffers) {
    let bytes =
      buffers.arena.capacity + buffers.cells.capacity * MemoryLayout<Cell>.stride
      + buffers.changes.capacity * MemoryLayout<RowChange>.stride
    guard bytes <= byteLimit else { return }
    free.withLock { if $0.count < BatchMemory.countLimit { $0.append(buffers) } }
  }
}
