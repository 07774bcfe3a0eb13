/// A batch that is being changed: what transforms work on, one after the other, before it becomes a batch again.
///
/// *Cost*: nothing is copied that does not change. A batch that nobody else holds gives its buffers away and they are
/// written in place; those of a shared one are copied when they are first written to. One draft serves any number of
/// batches. *Thread*: one at a time.
///
/// Each image of each change has cells of its own: writing to a cell changes one value of one row.
public final class BatchDraft {
  // One thread runs one call at a time: what every row touches is exempt from run-time exclusivity checks.
  @exclusivity(unchecked) public var arena: [UInt8] = []
  @exclusivity(unchecked) public var cells: [Cell] = []
  @exclusivity(unchecked) public var changes: [RowChange] = []
  @exclusivity(unchecked) public var transactions: [TransactionPart] = []
  public var schemas: [TableSchema] = []
  public var schemaChanges: [SchemaChange] = []
  /// Whose changes they are, and what was left out.
  public var accounts = ChangeAccounts(origins: [], changeOrigins: [])
  /// What transforms have set aside of this batch; stays while the draft is finished and begun again.
  public var rejected: [RejectedChange] = []
  public var position = Position(text: "", token: "")
  private var logBytes = 0
  private var readAt: UInt64 = 0
  private var memory: BatchMemory?

  public init() {}

  /// Takes a batch over. What was not finished of the one before is gone.
  public func begin(_ batch: consuming Batch) {
    transactions = batch.transactions
    schemas = batch.schemas
    schemaChanges = batch.schemaChanges
    position = batch.position
    logBytes = batch.logBytes
    readAt = batch.readAt
    accounts =
      batch.accounts
      ?? ChangeAccounts(origins: schemas.map(\.name), changeOrigins: schemaChanges.map(\.table))
    (arena, cells, changes) = (batch.arena, batch.cells, batch.changes)
    memory = Batch.dismantle(batch)
  }

  /// The batch as it is now. The draft is empty afterwards.
  public func finish() -> Batch {
    var buffers = BatchMemory.Buffers(arena: [], cells: [], changes: [])
    swap(&arena, &buffers.arena)
    swap(&cells, &buffers.cells)
    swap(&changes, &buffers.changes)
    let batch = Batch(
      buffers: buffers, memory: memory, transactions: transactions, schemas: schemas, schemaChanges: schemaChanges,
      position: position, logBytes: logBytes, readAt: readAt, accounts: accounts)
    memory = nil
    (transactions, schemas, schemaChanges) = ([], [], [])
    accounts = ChangeAccounts(origins: [], changeOrigins: [])
    return batch
  }

  /// Adds a schema that changes may then name by the index that is returned.
  /// - Parameter origin: the source's name of the table that its changes come from.
  public func add(_ schema: TableSchema, origin: TableName) -> UInt16 {
    precondition(schemas.count < Int(UInt16.max), "a batch has fewer schemas than an index can name")
    schemas.append(schema)
    accounts.origins.append(origin)
    return UInt16(schemas.count - 1)
  }
}
