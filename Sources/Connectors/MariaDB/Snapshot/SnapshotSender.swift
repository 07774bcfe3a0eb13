internal import Change
internal import Pipeline
internal import Synchronization

/// Sends the batches of all workers in one order, each with the position that counts exactly the rows sent so far.
final class SnapshotSender: Sendable {
  private let turn = Turn()
  private let ledger: Mutex<SnapshotLedger>
  private let base: MariaDBPosition
  private let output: any SourceOutput
  private let tables: Int
  private let estimatedRows: UInt64
  let time: EventTime

  /// - Parameter base: the view's position.
  init(
    _ ledger: SnapshotLedger, base: MariaDBPosition, time: EventTime, output: any SourceOutput, tables: Int,
    estimatedRows: UInt64
  ) {
    self.ledger = Mutex(ledger)
    self.base = base
    self.time = time
    self.output = output
    self.tables = tables
    self.estimatedRows = estimatedRows
  }

  var progress: SnapshotLedger { ledger.withLock { $0 } }

  /// Opens a transaction of rows, as every batch of a table with a key is one.
  func begin(_ builder: BatchBuilder) {
    builder.begin(commitTime: time, mark: mark, identifier: "", isSnapshot: true)
  }

  private var mark: LogMark {
    LogMark(file: base.log.number, endOffset: base.log.offset, server: base.server.id)
  }

  /// Ends the transaction and sends the batch; `account` enters its rows.
  func send(_ builder: BatchBuilder, _ account: (inout SnapshotLedger) -> Void) async throws {
    builder.end(mark: mark)
    try await turn.hold {
      let position = advance(account)
      try await output.send(builder.take(position: position))
    }
  }

  /// Sends the pieces of one transaction with nothing between them.
  func alone(_ body: () async throws -> Void) async throws { try await turn.hold(body) }

  /// Sends a piece of a transaction that has not ended; only inside `alone`.
  func sendPiece(_ builder: BatchBuilder) async throws {
    try await output.send(builder.take(position: position(ledger.withLock { $0 }.state)))
  }

  /// Sends the last piece; only inside `alone`.
  func sendLast(_ builder: BatchBuilder, _ account: (inout SnapshotLedger) -> Void) async throws {
    builder.end(mark: mark)
    try await output.send(builder.take(position: advance(account)))
  }

  /// Enters rows that were not there: an empty chunk.
  func note(_ account: (inout SnapshotLedger) -> Void) { _ = advance(account) }

  /// Empties the tables at the sinks, in one transaction before the first row.
  func sendTruncations(_ schemas: [TableSchema], _ builder: BatchBuilder) async throws {
    begin(builder)
    for schema in schemas {
      let change = SchemaChange(kind: .truncate, table: schema.name, before: schema, after: schema, statement: "")
      builder.append(change, time: time, logOffset: 0)
    }
    try await send(builder) { _ in }
  }

  /// Sends an empty transaction with a position: the end of the snapshot, or of the levelling.
  func sendEnd(_ snapshot: SnapshotState?, _ builder: BatchBuilder) async throws {
    begin(builder)
    builder.end(mark: mark)
    var end = base
    end.snapshot = snapshot
    try await output.send(builder.take(position: end.position))
  }

  private func advance(_ account: (inout SnapshotLedger) -> Void) -> Position {
    let (state, done) = ledger.withLock { ledger in
      account(&ledger)
      return (ledger.state, ledger.tablesDone)
    }
    output.report(
      SnapshotProgress(
        tablesDone: done, tables: tables, rowsDone: state.rows, rowsEstimated: max(estimatedRows, state.rows)))
    return position(state)
  }

  private func position(_ state: SnapshotState) -> Position {
    var position = base
    position.snapshot = state
    return position.position
  }
}
