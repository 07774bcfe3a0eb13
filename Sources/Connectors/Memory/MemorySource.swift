package import Change
import Flow
package import Pipeline

/// Reads a `MemoryLog`: the reference of what a source does.
package final class MemorySource: Source {
  private let log: MemoryLog
  private let builder: BatchBuilder
  private let transactionsPerBatch: Int
  /// Transactions that were emitted to their end.
  private var emitted = 0
  private var latest = EventTime.distantPast

  package init(log: MemoryLog, batchBytes: Int, transactionsPerBatch: Int) {
    self.log = log
    builder = BatchBuilder(byteLimit: batchBytes)
    self.transactionsPerBatch = transactionsPerBatch
  }

  package var coverage: any PositionCoverage { MemoryCoverage(log: log) }

  package func run(
    from checkpoints: [Position?], into output: any SourceOutput, control: SourceControl
  ) async throws {
    emitted = try MemoryPosition.start(of: checkpoints)
    guard emitted <= log.count else {
      throw Failure(.positionLost, "the log ends before the checkpoint", at: "transaction \(emitted)")
    }
    let end = try MemoryPosition.end(of: control.until) ?? (control.until == .never ? Int.max : log.count)
    while emitted < end, !control.stop.isRequested {
      try Task.checkCancellation()
      let promise = log.promise
      let available = min(end, log.count)
      if emitted < available {
        let transaction = log[emitted]
        if case .time(let limit) = control.until, transaction.commitTime > limit { break }
        // A schema change must not be in one batch with earlier changes of its table.
        // Nor rows of a snapshot in one batch with those of the log.
        if transaction.changesSchema || transaction.isSnapshot != isSnapshot { try await flush(into: output) }
        isSnapshot = transaction.isSnapshot
        try await emit(transaction, into: output)
        if emitted == available || builder.isFull || batched >= transactionsPerBatch || transaction.changesSchema {
          try await flush(into: output)
        }
      } else {
        if promise > latest { output.advance(to: promise) }
        try await log.wait(beyond: emitted, promise: promise, stop: control.stop)
      }
    }
    try await flush(into: output)
  }

  private var batched = 0
  private var isSnapshot = false

  private func emit(_ transaction: MemoryTransaction, into output: any SourceOutput) async throws {
    latest = max(latest, transaction.commitTime)
    let mark = LogMark(sequence: UInt64(emitted + 1), endOffset: UInt64(emitted + 1))
    if builder.isEmpty { builder.readAt = MonotonicTime.now() }
    builder.begin(
      commitTime: latest, mark: mark, identifier: "\(emitted + 1)", isSnapshot: transaction.isSnapshot)
    for change in transaction.changes {
      if builder.isFull {
        try await send(into: output)
        builder.readAt = MonotonicTime.now()
      }
      let bytes = builder.arena.count
      change.append(to: builder, at: transaction.commitTime, offset: UInt64(emitted))
      builder.logBytes += builder.arena.count - bytes
    }
    builder.end(mark: mark)
    emitted += 1
    batched += 1
  }

  /// Sends what was collected, and promises that nothing earlier than the last commit comes any more.
  private func flush(into output: any SourceOutput) async throws {
    guard !builder.isEmpty else { return }
    try await send(into: output)
    batched = 0
    // The next transaction may carry the same time.
    output.advance(to: EventTime(microseconds: latest.microseconds - 1))
  }

  private func send(into output: any SourceOutput) async throws {
    let batch = builder.take(position: MemoryPosition.position(behind: emitted))
    try await output.send(batch)
  }
}

/// Makes sources over one shared log.
package struct MemorySourceDefinition: SourceDefinition {
  package var log: MemoryLog
  /// Batches are cut when they hold this many bytes, also inside a transaction.
  package var batchBytes: Int
  /// Batches are cut after this many transactions.
  package var transactionsPerBatch: Int

  package init(log: MemoryLog, batchBytes: Int = 512 << 10, transactionsPerBatch: Int = .max) {
    self.log = log
    self.batchBytes = batchBytes
    self.transactionsPerBatch = transactionsPerBatch
  }

  package func makeSource(_ context: ConnectorContext) throws -> any Source {
    MemorySource(log: log, batchBytes: batchBytes, transactionsPerBatch: transactionsPerBatch)
  }

  package func plan(_ context: ConnectorContext) async throws -> SourcePlan {
    SourcePlan(server: "memory", tables: [], start: "0", end: "\(log.count)", warnings: [])
  }
}
