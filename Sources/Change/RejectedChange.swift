/// A change that is set aside, because a transform has no result for it or it came too late: what is told of it instead of
/// its row.
public struct RejectedChange: Sendable {
  /// Index into the transactions of its batch.
  public var part: Int32
  /// The source's name of its table.
  public var origin: TableName
  /// The name that its table has where it has come to.
  public var table: TableName
  public var operation: Operation
  public var time: EventTime
  /// When its source committed it, where its transaction goes on with another time.
  public var committed: EventTime?
  public var logOffset: UInt64
  public var row: UInt32
  /// The row's key as an object of JSON; nil: its table has none, or its values must not be shown.
  public var key: String?
  public var failure: Failure

  public init(
    _ change: RowChange, part: Int32, origin: TableName, table: TableName, key: String?, failure: Failure
  ) {
    self.part = part
    self.origin = origin
    self.table = table
    operation = change.operation
    time = change.time
    logOffset = change.logOffset
    row = change.row
    self.key = key
    self.failure = failure
  }
}
