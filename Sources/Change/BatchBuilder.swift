/// Collects changes and cuts them into batches. A source owns one for as long as it runs; a transaction may span batches.
///
/// *Thread*: one at a time; it is not `Sendable`. *Memory*: no allocation per row or value; the four buffers grow to the
/// batch size once and are handed over whole with each large batch, and copied from for a small one.
public final class BatchBuilder {
  // What every event touches is exempt from run-time exclusivity checks: one thread runs one call at a time, and none of
  // them calls out.
  @exclusivity(unchecked) public var arena: [UInt8] = []
  @exclusivity(unchecked) public var cells: [Cell] = []
  @exclusivity(unchecked) public internal(set) var changes: [RowChange] = []
  @exclusivity(unchecked) @usableFromInline var transactions: [TransactionPart] = []
  @exclusivity(unchecked) private(set) var schemas: [TableSchema] = []
  private var schemaIndexes: [ObjectIdentifier: UInt16] = [:]
  var schemaChanges: [SchemaChange] = []
  @exclusivity(unchecked) @usableFromInline var open: TransactionPart?
  @exclusivity(unchecked) private var lastSchema: (identity: ObjectIdentifier, index: UInt16)?
  /// Bytes of the log that went into the batch so far; a source adds what it reads.
  @exclusivity(unchecked) public var logBytes = 0
  /// When the first bytes of the batch were read, nanoseconds of the monotonic clock; 0: nothing was read yet.
  @exclusivity(unchecked) public var readAt: UInt64 = 0

  /// Bytes of arena and cells at which `isFull` becomes true. A single change may go beyond it.
  public let byteLimit: Int
  private let memory: BatchMemory

  public init(byteLimit: Int = 512 << 10) {
    self.byteLimit = byteLimit
    memory = BatchMemory(byteLimit: 8 * byteLimit)
    reserve()
  }

  @inlinable public var isEmpty: Bool { transactions.isEmpty && open == nil }
  @inlinable public var isInsideTransaction: Bool { open != nil }
  @inlinable public var isFull: Bool {
    @inline(__always) get {
      arena.count + cells.count * MemoryLayout<Cell>.stride >= byteLimit || changes.count >= 65_536
        || transactions.count >= 65_536
    }
  }

  // Through these a source touches the buffers without the checks that every access from another module makes.

  @inlinable public var arenaCount: Int { @inline(__always) get { arena.count } }
  @inlinable public var cellCount: Int { @inline(__always) get { cells.count } }

  /// Whether the first bytes of the batch were read.
  @inlinable public var hasBegunReading: Bool { @inline(__always) get { readAt != 0 } }

  @inlinable @inline(__always) public func count(logBytes bytes: Int) { logBytes += bytes }

  /// Appends the cells of many rows in one step.
  @inlinable public func append(cells run: UnsafeBufferPointer<Cell>) { unsafe cells.append(contentsOf: run) }

  /// Copies `bytes` to the arena's end and returns where they begin there.
  @inlinable public func append(_ bytes: UnsafeRawBufferPointer) -> Int {
    let offset = arena.count
    unsafe arena.append(contentsOf: bytes)
    return offset
  }

  /// Copies `bytes` to the arena's end and returns where they begin there.
  @inlinable public func append(_ bytes: RawSpan) -> Int {
    unsafe bytes.withUnsafeBytes { unsafe append($0) }
  }

  /// Copies text to the arena and returns the cell that holds it.
  public func text(_ text: String, tag: Cell.Tag = .text) -> Cell {
    let offset = arena.count
    arena.append(contentsOf: text.utf8)
    return .slice(tag, offset: offset, length: arena.count - offset)
  }

  /// The index by which changes of this batch name `schema`.
  public func index(of schema: TableSchema) -> UInt16 {
    let identity = ObjectIdentifier(schema)
    if let lastSchema, lastSchema.identity == identity { return lastSchema.index }
    // Where batches of several sources are put together, their schemas alternate: a look at each of the first is quicker
    // than the hash of one.
    for index in 0..<min(schemas.count, 16) where schemas[index] === schema {
      lastSchema = (identity, UInt16(index))
      return UInt16(index)
    }
    let index: UInt16
    if let known = schemaIndexes[identity] {
      index = known
    } else {
      index = UInt16(schemas.count)
      schemas.append(schema)
      schemaIndexes[identity] = index
    }
    lastSchema = (identity, index)
    return index
  }

  /// Opens a transaction. Its identifier is copied to the arena with each part.
  public func begin(commitTime: EventTime, mark: LogMark, identifier: String, isSnapshot: Bool = false) {
    let offset = arena.count
    arena.append(contentsOf: identifier.utf8)
    begin(
      commitTime: commitTime, mark: mark, identifier: Range32(offset: offset, length: arena.count - offset),
      isSnapshot: isSnapshot)
  }

  /// Opens a transaction whose identifier is already in the arena.
  public func begin(commitTime: EventTime, mark: LogMark, identifier: Range32, isSnapshot: Bool = false) {
    precondition(open == nil, "a transaction begins when none is open")
    open = TransactionPart(
      first: Int32(changes.count), count: 0, begins: true, ends: false, isSnapshot: isSnapshot, preceding: 0,
      commitTime: commitTime, mark: mark, identifier: identifier)
  }

  @inlinable public func append(_ change: RowChange) { appendChange(change) }

  /// Appends the changes of many rows in one step.
  public func append(contentsOf rows: UnsafeBufferPointer<RowChange>) { changes.append(contentsOf: rows) }

  @usableFromInline func appendChange(_ change: RowChange) { changes.append(change) }

  public func append(_ schemaChange: SchemaChange, time: EventTime, logOffset: UInt64) {
    changes.append(
      RowChange(
        operation: .schema, schema: 0, time: time, logOffset: logOffset, row: UInt32(schemaChanges.count)))
    schemaChanges.append(schemaChange)
  }

  /// How many changes the open transaction has, those in earlier batches included; 0 when none is open.
  public var transactionChangeCount: UInt64 {
    open.map { $0.preceding + UInt64(changes.count - Int($0.first)) } ?? 0
  }

  /// Takes back the changes of the open transaction behind its first `count`, for a rollback that the log holds.
  ///
  /// Returns false, and does nothing, when some of them are in a batch that was already taken.
  public func discardChanges(keeping count: UInt64) -> Bool {
    guard let open, count >= open.preceding else { return open == nil }
    let kept = Int(open.first) + Int(count - open.preceding)
    if kept < changes.count { changes.removeSubrange(kept...) }
    return true
  }

  /// Forgets the open transaction, which has no changes left: it never was.
  public func abandon() {
    precondition(open.map { Int($0.first) == changes.count && $0.begins } ?? true, "an abandoned transaction is empty")
    open = nil
  }

  /// Sets what only the end of a transaction tells, and closes it.
  public func end(commitTime: EventTime? = nil, mark: LogMark) {
    guard var part = open else { preconditionFailure("a transaction ends when one is open") }
    part.count = Int32(changes.count) - part.first
    part.ends = true
    part.mark = mark
    if let commitTime { part.commitTime = commitTime }
    transactions.append(part)
    open = nil
  }

  /// Hands over what was collected and starts anew, inside the same transaction when one is open.
  /// - Parameter position: the place behind the last transaction that ended.
  public func take(position: Position) -> Batch {
    var continuation: (part: TransactionPart, identifier: [UInt8])?
    if var part = open {
      part.count = Int32(changes.count) - part.first
      transactions.append(part)
      let identifier = Array(arena[part.identifier.range])
      part.preceding += UInt64(part.count)
      part.begins = false
      continuation = (part, identifier)
    }
    let (buffers, memory) = handOver()
    let batch = Batch(
      buffers: buffers, memory: memory, transactions: transactions, schemas: schemas, schemaChanges: schemaChanges,
      position: position, logBytes: logBytes, readAt: readAt)
    reset()
    if var part = continuation?.part, let identifier = continuation?.identifier {
      part.first = 0
      part.count = 0
      part.identifier = Range32(offset: arena.count, length: identifier.count)
      arena.append(contentsOf: identifier)
      open = part
    }
    return batch
  }

  /// The buffers themselves when they are well filled, to come back with the batch's end; otherwise copies that are as long
  /// as their content, so that a small batch keeps little memory alive and the buffers stay.
  private func handOver() -> (BatchMemory.Buffers, BatchMemory?) {
    let isWellFilled = arena.count >= byteLimit / 4 || cells.count * MemoryLayout<Cell>.stride >= byteLimit / 8
    guard isWellFilled else {
      let copies = BatchMemory.Buffers(
        arena: BatchBuilder.copy(arena), cells: BatchBuilder.copy(cells), changes: BatchBuilder.copy(changes))
      arena.removeAll(keepingCapacity: true)
      cells.removeAll(keepingCapacity: true)
      changes.removeAll(keepingCapacity: true)
      return (copies, nil)
    }
    // Swapped, not assigned: a second reference would make the next write copy.
    var full = memory.take() ?? BatchMemory.Buffers(arena: [], cells: [], changes: [])
    swap(&arena, &full.arena)
    swap(&cells, &full.cells)
    swap(&changes, &full.changes)
    arena.removeAll(keepingCapacity: true)
    cells.removeAll(keepingCapacity: true)
    changes.removeAll(keepingCapacity: true)
    return (full, memory)
  }

  private static func copy<Element: BitwiseCopyable>(_ buffer: [Element]) -> [Element] {
    buffer.withUnsafeBufferPointer { unsafe Array($0) }
  }

  private func reset() {
    transactions = []
    schemas = []
    schemaIndexes.removeAll(keepingCapacity: true)
    schemaChanges = []
    lastSchema = nil
    open = nil
    logBytes = 0
    readAt = 0
    reserve()
  }

  private func reserve() {
    arena.reserveCapacity(byteLimit)
    cells.reserveCapacity(byteLimit / MemoryLayout<Cell>.stride / 2)
    changes.reserveCapacity(1024)
  }
}
