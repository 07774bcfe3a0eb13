package import Change
package import Pipeline
import Synchronization

/// What sinks write to and tests look at: tables, a checkpoint and an epoch that change in one step, and a journal of all
/// that was ever committed.
package final class MemoryTarget: Sendable {
  /// One committed change.
  package struct Record: Hashable, Sendable {
    package var operation: Operation
    package var table: TableName
    package var before: [MemoryValue]?
    package var after: [MemoryValue]?
    /// The transaction's number in its log.
    package var sequence: UInt64
    /// The commit that made it visible, counted from 1.
    package var commit = 0
  }

  package struct Content: Sendable {
    package var tables: [TableName: MemoryTable] = [:]
    package var checkpoint: Checkpoint?
    package var epoch: UInt64 = 0
    package var journal: [Record] = []
    package var commits = 0
  }

  private let state = Mutex(Content())
  private let bell = Bell()
  /// Trouble that tests order.
  package let faults = MemoryFaults()

  package init() {}

  package var content: Content { state.withLock { $0 } }

  /// Returns once `condition` holds for what is committed.
  package func wait(until condition: (Content) -> Bool) async throws {
    try await bell.wait { condition(self.content) }
  }

  /// Takes the target over from every earlier writer.
  func claim() -> (epoch: UInt64, position: Position?) {
    state.withLock { content in
      content.epoch += 1
      return (content.epoch, content.checkpoint?.position)
    }
  }

  /// Applies everything, or nothing when it throws.
  func commit(_ changes: [StagedChange], _ checkpoint: Checkpoint, epoch: UInt64) throws(Failure) {
    try state.withLock { content throws(Failure) in
      guard content.epoch == epoch else {
        throw Failure(.fenced, "another writer has taken the target over", at: "epoch \(epoch)")
      }
      var tables = content.tables
      for change in changes { try tables.apply(change) }
      content.tables = tables
      let promised = content.checkpoint?.watermark ?? checkpoint.watermark
      content.checkpoint = checkpoint
      content.checkpoint?.watermark = max(promised, checkpoint.watermark)
      content.commits += 1
      for change in changes {
        content.journal.append(change.record)
        content.journal[content.journal.count - 1].commit = content.commits
      }
    }
    bell.ring()
  }
}

/// A change that was written and waits for its commit.
struct StagedChange {
  enum Kind {
    case row(TableSchema)
    case schema(SchemaChange)
  }

  var kind: Kind
  var record: MemoryTarget.Record
}

extension [TableName: MemoryTable] {
  fileprivate mutating func apply(_ change: StagedChange) throws(Failure) {
    switch change.kind {
    case .row(let schema):
      var table = removeValue(forKey: schema.name) ?? MemoryTable(schema: schema)
      try table.apply(change.record)
      self[schema.name] = table
    case .schema(let schemaChange):
      apply(schemaChange)
    }
  }

  private mutating func apply(_ change: SchemaChange) {
    var table = removeValue(forKey: change.table)
    guard let after = change.after ?? (change.kind == .truncate ? table?.schema : nil) else { return }
    switch change.kind {
    case .drop: return
    case .truncate, .create: table = MemoryTable(schema: after)
    case .alter, .rename: table = table?.reshaped(to: after) ?? MemoryTable(schema: after)
    }
    self[after.name] = table
  }
}
