import Change
import Pipeline
import Synchronization

/// Takes what a source emits, as far as it is let.
final class CollectingOutput: SourceOutput {
  /// Ends a run from outside, as a crash would.
  struct Cut: Error {}

  struct Content {
    var batches: [Batch] = []
    var watermark = EventTime.distantPast
    /// What a source must not do.
    var complaints: [String] = []
  }

  private struct State {
    var content = Content()
    var isHolding = false
    var isSending = false
  }

  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: after how many batches `send` throws.
  init(limit: Int = .max) { self.limit = limit }

  var content: Content { state.withLock { $0.content } }
  var batches: [Batch] { content.batches }
  /// The keys of the inserted rows, in order.
  var keys: [Int64] { batches.flatMap(\.insertedKeys) }

  /// Makes `send` suspend, as a full channel does.
  func hold(_ isHolding: Bool) { state.withLock { $0.isHolding = isHolding } }

  func send(_ batch: Batch) async throws {
    let count = state.withLock { state in
      if state.isSending { state.content.complaints.append("a batch is sent while another is being sent") }
      state.isSending = true
      let watermark = state.content.watermark
      for part in batch.transactions where !part.isSnapshot && part.commitTime <= watermark && part.begins {
        state.content.complaints.append("a transaction of \(part.commitTime) follows the watermark \(watermark)")
      }
      state.content.batches.append(batch)
      return state.content.batches.count
    }
    defer { state.withLock { $0.isSending = false } }
    while state.withLock({ $0.isHolding }) { try await Task.sleep(nanoseconds: 1_000_000) }
    if count >= limit { throw Cut() }
  }

  func advance(to watermark: EventTime) {
    state.withLock { state in
      if watermark < state.content.watermark { state.content.complaints.append("the watermark goes back") }
      state.content.watermark = watermark
    }
  }

  func report(_ progress: SnapshotProgress) {}
}

extension Batch {
  /// The first cells of inserted rows, as numbers.
  var insertedKeys: [Int64] {
    changes.filter { $0.operation == .insert }.map { cells[Int($0.after)].int }
  }

  /// The keys of transactions whose end lies in this batch or an earlier one are settled by this batch's position.
  func keys(of part: TransactionPart) -> [Int64] {
    changes[part.range].filter { $0.operation == .insert }.map { cells[Int($0.after)].int }
  }
}

extension [Batch] {
  /// The keys that the last batch's position covers: those of every transaction that has ended.
  var settledKeys: [Int64] {
    var settled: [Int64] = []
    var open: [Int64] = []
    for batch in self {
      for part in batch.transactions {
        if part.begins { open = [] }
        open += batch.keys(of: part)
        if part.ends { settled += open }
      }
    }
    return settled
  }
}
