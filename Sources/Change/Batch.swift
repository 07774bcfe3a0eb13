/// Many changes of one source in log order, in one block of memory: the only unit that crosses a channel.
///
/// Immutable and shared by reference: every sink of a pipeline reads the same batch.
public final class Batch: Sendable {
  /// The bytes that slices point into: mostly the log's own.
  public let arena: [UInt8]
  /// Rows as runs of cells, `columns.count` each.
  public let cells: [Cell]
  /// In log order.
  public let changes: [RowChange]
  /// In log order; together they cover `changes` without a gap. A transaction without changes has a part with `count` 0.
  public let transactions: [TransactionPart]
  /// The schemas that the changes name by index.
  public let schemas: [TableSchema]
  public let schemaChanges: [SchemaChange]
  /// The place behind the last transaction that ends in this batch, or the last known place before it when none does.
  public let position: Position
  /// Bytes of the source's log that this batch was decoded from.
  public let logBytes: Int
  /// When the first of its bytes was read: nanoseconds of the monotonic clock.
  public let readAt: UInt64
  /// What transforms have left out, and the names that the tables had before them; nil in a batch of a source.
  public let accounts: ChangeAccounts?
  /// Where the buffers go when nobody holds the batch any more; nil: they are not used again.
  private let memory: BatchMemory?
  /// Whether somebody else has the buffers now. Written once, by the batch's only owner, right before it lets go of the
  /// batch: nobody else can read it then but `deinit`.
  private nonisolated(unsafe) var isDismantled = false

  public convenience init(
    arena: [UInt8], cells: [Cell], changes: [RowChange], transactions: [TransactionPart], schemas: [TableSchema],
    schemaChanges: [SchemaChange], position: Position, logBytes: Int, readAt: UInt64
  ) {
    self.init(
      buffers: BatchMemory.Buffers(arena: arena, cells: cells, changes: changes), memory: nil,
      transactions: transactions, schemas: schemas, schemaChanges: schemaChanges, position: position,
      logBytes: logBytes, readAt: readAt)
  }

  init(
    buffers: BatchMemory.Buffers, memory: BatchMemory?, transactions: [TransactionPart], schemas: [TableSchema],
    schemaChanges: [SchemaChange], position: Position, logBytes: Int, readAt: UInt64, accounts: ChangeAccounts? = nil
  ) {
    self.memory = memory
    self.accounts = accounts
    arena = buffers.arena
    cells = buffers.cells
    changes = buffers.changes
    self.transactions = transactions
    self.schemas = schemas
    self.schemaChanges = schemaChanges
    self.position = position
    self.logBytes = logBytes
    self.readAt = readAt
  }

  deinit {
    // An array that another batch shares is copied by who writes to it: giving it is safe in any case.
    if isDismantled { return }
    memory?.give(BatchMemory.Buffers(arena: arena, cells: cells, changes: changes))
  }

  /// Lets go of a batch whose buffers the caller has a reference to. When nobody else holds the batch, these are the last
  /// ones, the buffers can be written to without a copy, and where they are to go in the end is returned.
  static func dismantle(_ batch: consuming Batch) -> BatchMemory? {
    guard isKnownUniquelyReferenced(&batch) else { return nil }
    batch.isDismantled = true
    return batch.memory
  }

  /// The same changes with other words about their transactions, and another position: nothing is copied but these.
  public static func relabel(
    _ batch: consuming Batch, transactions: [TransactionPart], position: Position
  ) -> Batch {
    let buffers = BatchMemory.Buffers(arena: batch.arena, cells: batch.cells, changes: batch.changes)
    let (schemas, schemaChanges, accounts) = (batch.schemas, batch.schemaChanges, batch.accounts)
    let (logBytes, readAt) = (batch.logBytes, batch.readAt)
    return Batch(
      buffers: buffers, memory: dismantle(batch), transactions: transactions, schemas: schemas,
      schemaChanges: schemaChanges, position: position, logBytes: logBytes, readAt: readAt, accounts: accounts)
  }

  /// The memory that this batch keeps alive, in bytes.
  public var byteCount: Int {
    arena.capacity + cells.capacity * MemoryLayout<Cell>.stride + changes.capacity * MemoryLayout<RowChange>.stride
      + transactions.capacity * MemoryLayout<TransactionPart>.stride + 512
  }

  /// Whether the last transaction goes on in the next batch.
  public var endsInsideTransaction: Bool { transactions.last.map { !$0.ends } ?? false }

  /// The text or bytes of a cell that is a slice, copied; for tests, messages and other places where speed is no matter.
  public func bytes(of cell: Cell) -> [UInt8] { Array(arena[cell.range]) }
  public func text(of cell: Cell) -> String { String(decoding: arena[cell.range], as: UTF8.self) }
  public func identifier(of part: TransactionPart) -> String {
    String(decoding: arena[part.identifier.range], as: UTF8.self)
  }
}
