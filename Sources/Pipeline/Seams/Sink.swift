package import Change

/// Writes changes to one target, with its checkpoint in the same atomic step.
///
/// A sink is made, opened once, used by one task on one thread, and thrown away; after a failure that can be retried the
/// pipeline makes another one, which resumes at the checkpoint that `open` finds at the target.
package protocol Sink {
  /// How the delivery groups transactions for this sink.
  var traits: SinkTraits { get }

  /// Connects, claims the next epoch at the target, and returns the position up to which everything is durable there;
  /// nil when nothing is. From here on every writer with an older epoch is refused by the target.
  func open() async throws -> Position?

  /// Takes over changes in log order. Nothing becomes visible to readers of the target before `commit`.
  ///
  /// A transaction larger than a group comes in several calls with no commit between; the sink's memory stays bounded,
  /// it streams them into what its target keeps uncommitted.
  /// - Parameter parts: indexes into `batch.transactions`.
  func write(_ batch: Batch, parts: Range<Int>) async throws

  /// Makes everything written since the last commit durable together with `checkpoint`, in one atomic step.
  /// Every transaction that was begun has ended. When it throws, nothing of the group is visible, or all of it is.
  /// - Throws: `.fenced` when another writer has claimed the target since `open`.
  func commit(_ checkpoint: Checkpoint) async throws -> Receipt

  /// Releases what the sink holds. What was not committed is gone. Called once, also after a failure.
  func close() async
}

/// How the delivery groups transactions for a sink.
package struct SinkTraits: Sendable {
  /// A group is committed when it holds this many bytes of batches, and goes on with the next.
  package var groupBytes: Int
  /// The least time between two commits while more is coming, in nanoseconds; 0 commits whenever the queue runs dry.
  package var commitInterval: UInt64
  /// The target cannot undo a schema change: everything before one is committed before `write` is given it, and a commit
  /// follows right behind its batch. What it is given twice after a crash, the sink must find done.
  package var separatesSchemaChanges: Bool

  /// Whether `open` finds the checkpoint of an earlier run; a sink that shows or counts finds none.
  package var keepsCheckpoint: Bool

  package init(
    groupBytes: Int = 32 << 20, commitInterval: UInt64 = 0, separatesSchemaChanges: Bool = false,
    keepsCheckpoint: Bool = true
  ) {
    self.keepsCheckpoint = keepsCheckpoint
    self.groupBytes = groupBytes
    self.commitInterval = commitInterval
    self.separatesSchemaChanges = separatesSchemaChanges
  }
}

/// What a sink stores with its data.
package struct Checkpoint: Hashable, Sendable {
  package var position: Position
  /// Every change at or before it is durable once this checkpoint is.
  package var watermark: EventTime

  package init(position: Position, watermark: EventTime) {
    self.position = position
    self.watermark = watermark
  }
}

/// A sink's answer to a commit: the group and its checkpoint survive a crash from now on.
package struct Receipt: Sendable {
  /// What became of the changes of the group, by table. Together they are exactly the changes that were written.
  package var outcomes: [TableName: Outcome]

  package init(outcomes: [TableName: Outcome]) { self.outcomes = outcomes }
}

/// What became of changes, in counts of changes.
package struct Outcome: Hashable, Sendable {
  /// They are at the target.
  package var delivered: UInt64 = 0
  /// Left out by a rule of the pipeline.
  package var filtered: UInt64 = 0
  /// A later change of the same key in the same group made them invisible.
  package var superseded: UInt64 = 0
  /// Kept aside because the target cannot hold them.
  package var quarantined: UInt64 = 0

  package init(delivered: UInt64 = 0, filtered: UInt64 = 0, superseded: UInt64 = 0, quarantined: UInt64 = 0) {
    self.delivered = delivered
    self.filtered = filtered
    self.superseded = superseded
    self.quarantined = quarantined
  }

  package var total: UInt64 { delivered + filtered + superseded + quarantined }

  package static func += (left: inout Outcome, right: Outcome) {
    left.delivered += right.delivered
    left.filtered += right.filtered
    left.superseded += right.superseded
    left.quarantined += right.quarantined
  }
}
