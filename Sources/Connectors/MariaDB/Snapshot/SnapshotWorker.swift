internal import Change
internal import Flow
internal import MariaDBClient
internal import Pipeline

/// Reads chunks over one connection until none is left.
///
/// *Thread*: its own; it blocks in the socket.
struct SnapshotWorker {
  let connection: MariaDBConnection
  let sender: SnapshotSender
  let planner: SharedPlanner
  let stop: StopSignal
  let batchBytes: Int

  func run() async throws {
    let builder = BatchBuilder(byteLimit: batchBytes)
    while !stop.isRequested, let (table, chunk) = try await planner.next(connection, sender) {
      do {
        if table.key == nil {
          try await readWhole(table, chunk, builder)
        } else {
          try await read(table, chunk, builder)
        }
      } catch let failure as Failure {
        throw SnapshotWorker.explained(failure, table.name)
      }
    }
  }

  private func read(_ table: SnapshotTable, _ chunk: SnapshotChunk, _ builder: BatchBuilder) async throws {
    let reader = try TextRowReader(table.schema)
    var rows = try connection.streamRows(table.rowsQuery(chunk.range))
    var count = 0
    while let row = try rows.nextRow() {
      if count == 0 { begin(builder) }
      try append(row, reader, table.schema, builder)
      count += 1
      guard builder.isFull else { continue }
      let key = try lastKey(table, builder)
      let sent = count
      try await sender.send(builder) { $0.advance(chunk, through: key, rows: sent) }
      count = 0
      if stop.isRequested { return }
    }
    let sent = count
    if sent > 0 {
      try await sender.send(builder) { $0.finish(chunk, rows: sent) }
    } else {
      sender.note { $0.finish(chunk, rows: 0) }
    }
  }

  /// A table without a key: all of its rows are one transaction.
  private func readWhole(_ table: SnapshotTable, _ chunk: SnapshotChunk, _ builder: BatchBuilder) async throws {
    let reader = try TextRowReader(table.schema)
    try await sender.alone {
      begin(builder)
      var rows = try connection.streamRows(table.rowsQuery(chunk.range))
      var count = 0
      while let row = try rows.nextRow() {
        try append(row, reader, table.schema, builder)
        count += 1
        if builder.isFull { try await sender.sendPiece(builder) }
        if builder.readAt == 0 { builder.readAt = MonotonicTime.now() }
      }
      let total = count
      try await sender.sendLast(builder) { $0.finish(chunk, rows: total) }
    }
  }

  private func begin(_ builder: BatchBuilder) {
    builder.readAt = MonotonicTime.now()
    sender.begin(builder)
  }

  @inline(__always)
  private func append(
    _ row: UnsafeRawBufferPointer, _ reader: TextRowReader, _ schema: TableSchema, _ builder: BatchBuilder
  ) throws(Failure) {
    let after = UInt32(builder.cells.count)
    try reader.append(row, to: builder)
    builder.logBytes += row.count
    builder.append(
      RowChange(
        operation: .read, schema: builder.index(of: schema), after: after, time: sender.time,
        row: UInt32(builder.changes.count)))
  }

  private func lastKey(_ table: SnapshotTable, _ builder: BatchBuilder) throws(Failure) -> SnapshotState.Key {
    let first = builder.cells.count - table.schema.columns.count
    var key: SnapshotState.Key = []
    for column in table.key ?? [] {
      guard let value = column.value(builder.cells[first + column.index], builder.arena) else {
        throw ChunkPlanner.nullKey(table.name)
      }
      key.append(value)
    }
    return key
  }

  /// 1412: the definition changed since the view was opened. 1142 and 1143: SELECT is not granted.
  private static func explained(_ failure: Failure, _ table: TableName) -> Failure {
    var failure = failure
    if failure.cause.hasPrefix("1412 ") || failure.cause.hasPrefix("1146 ") || failure.cause.hasPrefix("1054 ") {
      failure.code = .schemaChange
      failure.message = "table \"\(table)\" was changed while the snapshot read it"
      failure.hint = "reset the pipeline's sinks and start again: a snapshot cannot go on with another definition"
    } else if failure.code == .permission {
      failure.message = "the user may not read table \"\(table)\""
      failure.hint =
        "GRANT SELECT ON \(SQLText.identifier(table.namespace)).\(SQLText.identifier(table.table)) TO the pipeline's user"
    }
    return failure
  }
}

/// The planner, used by the workers one at a time.
final class SharedPlanner: Sendable {
  private let turn = Turn()
  /// Only the holder of the turn touches it.
  private nonisolated(unsafe) var planner: ChunkPlanner

  init(_ planner: ChunkPlanner) { self.planner = planner }

  func next(
    _ connection: MariaDBConnection, _ sender: SnapshotSender
  ) async throws -> (table: SnapshotTable, chunk: SnapshotChunk)? {
    try await turn.hold { try planner.next(sender.progress, connection) }
  }
}
