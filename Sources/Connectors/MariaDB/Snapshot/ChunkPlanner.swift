internal import Change
internal import MariaDBClient

/// Cuts what is missing into chunks, table after table, on demand.
///
/// *Thread*: one at a time; the caller's connection finds the boundaries, under its own view.
struct ChunkPlanner {
  private var tables: ArraySlice<SnapshotTable>
  private let chunkRows: Int
  private let plan: SnapshotPlan
  private var table: SnapshotTable?
  private var gaps: ArraySlice<(range: SnapshotState.Range, order: Int)> = []

  init(_ tables: [SnapshotTable], chunkRows: Int, plan: SnapshotPlan) {
    self.tables = tables.sorted { $0.name < $1.name }[...]
    self.chunkRows = chunkRows
    self.plan = plan
  }

  /// The next chunk; nil when nothing is left.
  mutating func next(
    _ ledger: SnapshotLedger, _ connection: MariaDBConnection
  ) throws(Failure) -> (table: SnapshotTable, chunk: SnapshotChunk)? {
    while true {
      guard let table, let gap = gaps.first else {
        guard try nextTable(ledger, connection) else { return nil }
        continue
      }
      var chunk = SnapshotChunk(table: table.name, keyColumns: table.keyNames, range: gap.range, order: gap.order)
      // Where the boundary is the gap's own end, nothing is left behind it.
      if let boundary = try boundary(of: gap.range, table, connection), boundary != gap.range.through {
        chunk.range.through = boundary
        gaps[gaps.startIndex].range.after = boundary
        gaps[gaps.startIndex].order += 1
      } else {
        gaps.removeFirst()
      }
      return (table, chunk)
    }
  }

  private mutating func nextTable(_ ledger: SnapshotLedger, _ connection: MariaDBConnection) throws(Failure) -> Bool {
    guard let next = tables.popFirst() else { return false }
    table = next
    gaps = ledger.gaps(next.name)[...]
    guard let limit = plan.limit(next.name) else { return true }
    guard let key = next.key else {
      // A table without a key is there as a whole or not at all.
      gaps = []
      return true
    }
    let order = KeyOrder(key, connection)
    var limited: [(range: SnapshotState.Range, order: Int)] = []
    for gap in gaps {
      for (index, range) in limit.enumerated() {
        guard let common = try ChunkPlanner.intersection(gap.range, range, order) else { continue }
        limited.append((common, gap.order + index << 20))
      }
    }
    gaps = limited[...]
    return true
  }

  static func intersection(
    _ left: SnapshotState.Range, _ right: SnapshotState.Range, _ order: KeyOrder
  ) throws(Failure) -> SnapshotState.Range? {
    var after = left.after ?? right.after
    if let mine = left.after, let other = right.after { after = try order.isAtOrBefore(mine, other) ? other : mine }
    var through = left.through ?? right.through
    if let mine = left.through, let other = right.through {
      through = try order.isAtOrBefore(mine, other) ? mine : other
    }
    if let after, let through, try order.isAtOrBefore(through, after) { return nil }
    return SnapshotState.Range(after: after, through: through)
  }

  private func boundary(
    of range: SnapshotState.Range, _ table: SnapshotTable, _ connection: MariaDBConnection
  ) throws(Failure) -> SnapshotState.Key? {
    guard let key = table.key, table.estimatedRows > UInt64(chunkRows / 2) || chunkRows < 1000 else { return nil }
    let reader = try TextRowReader(table.keySchema)
    let builder = BatchBuilder(byteLimit: 4096)
    var rows = try connection.streamRows(table.boundaryQuery(range, rows: chunkRows))
    guard let row = try rows.nextRow() else { return nil }
    try reader.append(row, to: builder)
    try rows.finish()
    var boundary: SnapshotState.Key = []
    for (column, cell) in zip(key, builder.cells) {
      guard let value = column.value(cell, builder.arena) else { throw ChunkPlanner.nullKey(table.name) }
      boundary.append(value)
    }
    return boundary
  }

  static func nullKey(_ table: TableName) -> Failure {
    Failure(.badValue, "a row of table \"\(table)\" has no value in its key")
  }
}
