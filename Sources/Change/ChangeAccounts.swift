/// What became of a batch's changes before it came to the sinks, and whose changes the others are: transforms keep it, so
/// that every change that was read is accounted for under the name that its table has at the source.
public struct ChangeAccounts: Sendable {
  /// Changes of one table in one transaction part that no sink is given.
  public struct Dropped: Hashable, Sendable, BitwiseCopyable {
    /// Index into `Batch.transactions`.
    public var part: Int32
    /// Index into `Batch.schemas`, or, for a schema change, -1 minus its index into `Batch.schemaChanges`.
    public var table: Int32
    public var count: UInt32

    public init(part: Int32, table: Int32, count: UInt32) {
      self.part = part
      self.table = table
      self.count = count
    }
  }

  /// The source's name of the table of each of `Batch.schemas`.
  public var origins: [TableName]
  /// The source's name of the table of each of `Batch.schemaChanges`, before the change.
  public var changeOrigins: [TableName]
  /// In no order; several may name the same part and table.
  public var dropped: [Dropped] = []
  /// Indexes into `Batch.schemas` of the tables whose rows tell what was set aside, each in the place of one change.
  public var quarantines: [UInt16] = []

  /// What was set aside in front of the transforms; they lead it to its tables.
  public var rejected: [RejectedChange] = []

  public init(origins: [TableName], changeOrigins: [TableName]) {
    self.origins = origins
    self.changeOrigins = changeOrigins
  }

  /// The source's name of the table that `Dropped.table` stands for.
  public func origin(of table: Int32) -> TableName {
    table >= 0 ? origins[Int(table)] : changeOrigins[-1 - Int(table)]
  }
}
