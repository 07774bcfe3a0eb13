package import Change
package import Flow
package import Logging

/// Reads one change log from a position and emits it as batches in log order.
///
/// A source is made, run once and thrown away; after a failure that can be retried the pipeline makes another one.
/// It runs on the thread that it is given, so it may block in C as long as `SourceControl.stop` can wake it.
package protocol Source {
  /// Runs until the log's end that `control.until` names, until a stop is requested, or until the task is cancelled.
  ///
  /// *Ordering*: batches in log order; a batch's position is never ahead of what was emitted. No change of a table comes
  /// before a change of its schema in the same batch. *Back-pressure*: `output.send` suspends while a sink is behind.
  /// *Errors*: `Failure`; with a code that can be retried, all that was sent stays valid.
  /// - Parameter checkpoints: where each sink is; the source begins at the smallest. A nil one has nothing yet.
  func run(from checkpoints: [Position?], into output: any SourceOutput, control: SourceControl) async throws

  /// Tells whether a sink with a checkpoint already has a transaction. Called per transaction only while a sink catches up.
  var coverage: any PositionCoverage { get }
}

/// A source's arithmetic of positions.
package protocol PositionCoverage: Sendable {
  /// Whether everything up to and including the transaction at `mark` is contained in `checkpoint`.
  /// - Throws: `.corruptState` when the checkpoint's token is not one of this source's.
  func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool

  /// Whether `position` contains everything that `checkpoint` does, so that nothing later can be covered by `checkpoint`.
  func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool

  /// Whether the source, begun at `position`, would go on with a snapshot: what follows then depends on when it is begun.
  ///
  /// A source ends a snapshot, or the part of one that brings those behind level, by an empty transaction of a snapshot in a
  /// batch of its own, with the position that is reached.
  func isInsideSnapshot(_ position: Position) throws(Failure) -> Bool

  /// Whether the source, begun without a position, may begin with a snapshot. Until it has told a position nobody knows.
  var mayBeginWithSnapshot: Bool { get }
}

extension PositionCoverage {
  /// A source that takes no snapshots is inside none.
  package func isInsideSnapshot(_ position: Position) throws(Failure) -> Bool { false }
  package var mayBeginWithSnapshot: Bool { false }
}

extension Batch {
  /// Whether a source tells by it that a snapshot, or the levelling of what was behind in one, is over.
  var endsSnapshot: Bool {
    guard transactions.count == 1, logBytes == 0, let part = transactions.first else { return false }
    return part.isSnapshot && part.begins && part.ends && part.count == 0
  }
}

/// Where a source puts what it reads.
package protocol SourceOutput: Sendable {
  /// Suspends while a sink is behind. The batch belongs to the receiver from then on, who may write to its memory: a source
  /// that keeps a reference makes it copy.
  func send(_ batch: consuming Batch) async throws
  /// Announces that no change at or before this time will come any more. Never suspends.
  func advance(to watermark: EventTime)
  /// What a snapshot has done so far, for people.
  func report(_ progress: SnapshotProgress)
}

/// How far a snapshot is.
package struct SnapshotProgress: Sendable {
  package var tablesDone: Int
  package var tables: Int
  package var rowsDone: UInt64
  /// The server's estimate; it may be off.
  package var rowsEstimated: UInt64

  package init(tablesDone: Int, tables: Int, rowsDone: UInt64, rowsEstimated: UInt64) {
    self.tablesDone = tablesDone
    self.tables = tables
    self.rowsDone = rowsDone
    self.rowsEstimated = rowsEstimated
  }
}

/// When a source ends of itself.
package enum Until: Hashable, Sendable {
  case never
  /// At the log's end as it is when the source starts.
  case now
  /// Behind the position that the source reads from this text.
  case position(String)
  /// Before the first transaction that was committed later.
  case time(EventTime)
}

/// What steers a running source.
package struct SourceControl: Sendable {
  package let until: Until
  package let stop: StopSignal
  /// Whether the source tells where it begins, by a batch that holds nothing but a position, when it begins at a place that
  /// another start would not find again. The order of several sources asks for it, which may cut its first batch.
  package let tellsStart: Bool
  /// How far each sink has stored this source's changes by now, of those that keep a checkpoint. *Thread*: any.
  package var checkpoints: @Sendable () -> [Position?]

  package init(
    until: Until, stop: StopSignal, tellsStart: Bool = false,
    checkpoints: @escaping @Sendable () -> [Position?] = { [] }
  ) {
    self.until = until
    self.stop = stop
    self.tellsStart = tellsStart
    self.checkpoints = checkpoints
  }
}

/// What a pipeline gives the sources and sinks that it makes.
package struct ConnectorContext: Sendable {
  package var pipeline: String
  /// The name of the source or sink within the pipeline.
  package var name: String
  /// The pipeline's state directory; exists and is private to the user.
  package var stateDirectory: String
  /// The share of the pipeline's memory limit that this source or sink may use, in bytes.
  package var memoryLimit: Int
  package var schemaChangePolicy: SchemaChangePolicy
  package var badRowPolicy: BadRowPolicy
  /// Blocking work of the source or sink belongs on this thread; `run`, `open`, `write` and `commit` are called on it.
  package var thread: DedicatedThread
  package var logger: Logger
  /// A source fills its own.
  package var source: SourceDescription
  /// What sinks read: those of all sources, by the number that a transaction names its source by.
  package var sources: [SourceDescription]
  /// The tables whose keys a sink has to watch, because several sources bring them.
  package var merged: MergedTables
  /// Whether a snapshot of any source goes on at a position that a sink was given; nil where nobody knows: then the first
  /// change out of the log says that there is none any more.
  package var isInsideSnapshot: @Sendable (Position) async throws -> Bool? = { _ in nil }

  package init(
    pipeline: String, name: String, stateDirectory: String, memoryLimit: Int, schemaChangePolicy: SchemaChangePolicy,
    badRowPolicy: BadRowPolicy, thread: DedicatedThread, logger: Logger,
    source: SourceDescription = SourceDescription(), sources: [SourceDescription]? = nil,
    merged: MergedTables = MergedTables()
  ) {
    self.pipeline = pipeline
    self.name = name
    self.stateDirectory = stateDirectory
    self.memoryLimit = memoryLimit
    self.schemaChangePolicy = schemaChangePolicy
    self.badRowPolicy = badRowPolicy
    self.thread = thread
    self.logger = logger
    self.source = source
    self.sources = sources ?? [source]
    self.merged = merged
  }
}

/// What a sink does with a schema change (`on_schema_change`).
package enum SchemaChangePolicy: String, CaseIterable, Sendable {
  /// Carry it out exactly, or stop.
  case evolve
  /// Carry it out; when the target refuses, keep the old shape and warn.
  case tryEvolve = "try_evolve"
  /// Never lose data at the target: dropped columns and tables stay, renamed columns become new ones.
  case lenient
  /// Keep the target as it is; columns that it does not have are left out, with a warning.
  case ignore
  /// Stop before it.
  case stop
}

/// What happens to a row that the target cannot hold (`on_bad_row`).
package enum BadRowPolicy: String, CaseIterable, Sendable { case stop, quarantine }
