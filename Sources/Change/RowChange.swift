/// What happened to a row.
public enum Operation: UInt8, Sendable, BitwiseCopyable {
  case insert, update, delete
  /// The row as a snapshot found it.
  case read
  /// Not a row: `row` is an index into the batch's `schemaChanges`.
  case schema
}

/// One row inserted, updated, deleted or read, or one change of a table's schema: 32 trivial bytes that point into their batch.
@frozen
public struct RowChange: Sendable, BitwiseCopyable {
  /// Where in the source's log the event with this change begins; 0 in a snapshot.
  public var logOffset: UInt64
  /// The time that the source wrote for this event (of the statement, not of the commit).
  public var time: EventTime
  /// Index of this change's first cell of the row before it; `noCells` for an insert, a read row and a schema change.
  public var before: UInt32
  /// Index of this change's first cell of the row after it; `noCells` for a delete and a schema change.
  public var after: UInt32
  /// The row's index within its log event; for `Operation.schema`, the index into `Batch.schemaChanges`.
  public var row: UInt32
  /// Index into `Batch.schemas`. Not meaningful for `Operation.schema`.
  public var schema: UInt16
  public var operation: Operation

  @inlinable public static var noCells: UInt32 { .max }

  @inlinable public init(
    operation: Operation, schema: UInt16, before: UInt32 = RowChange.noCells, after: UInt32 = RowChange.noCells,
    time: EventTime, logOffset: UInt64 = 0, row: UInt32 = 0
  ) {
    self.operation = operation
    self.schema = schema
    self.before = before
    self.after = after
    self.time = time
    self.logOffset = logOffset
    self.row = row
  }

  @inlinable public var hasBefore: Bool { before != RowChange.noCells }
  @inlinable public var hasAfter: Bool { after != RowChange.noCells }
}
