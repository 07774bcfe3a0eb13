internal import Change
internal import MariaDBClient

/// Keeps of the log only what concerns rows that a snapshot has already read.
///
/// An update that moves a row out of what was read is a delete there, one that moves a row in is an insert.
final class CatchUpFilter {
  private enum Scope {
    case all, none
    case ranges([SnapshotState.Range], KeyOrder)
  }

  private let state: SnapshotState
  private let connection: MariaDBConnection
  private var scopes: [ObjectIdentifier: (schema: TableSchema, scope: Scope)] = [:]
  private var orders: [TableName: KeyOrder] = [:]
  /// Changes kept of the transaction that goes on in the next batch.
  private var preceding: UInt64 = 0

  init(_ state: SnapshotState, connection: MariaDBConnection) {
    self.state = state
    self.connection = connection
  }

  func refine(_ batch: Batch) throws(Failure) -> Batch {
    var scopes: [Scope] = []
    for schema in batch.schemas { scopes.append(try scope(schema)) }
    try prepare(batch, scopes)
    var changes: [RowChange] = []
    var parts: [TransactionPart] = []
    for var part in batch.transactions {
      let first = changes.count
      if part.begins { preceding = 0 }
      for change in batch.changes[part.range] {
        if let kept = try kept(change, batch, scopes) { changes.append(kept) }
      }
      part.first = Int32(first)
      part.count = Int32(changes.count - first)
      part.preceding = preceding
      preceding += UInt64(part.count)
      parts.append(part)
    }
    return Batch(
      arena: batch.arena, cells: batch.cells, changes: changes, transactions: parts, schemas: batch.schemas,
      schemaChanges: batch.schemaChanges, position: batch.position, logBytes: batch.logBytes, readAt: batch.readAt)
  }

  private func scope(_ schema: TableSchema) throws(Failure) -> Scope {
    if let known = scopes[ObjectIdentifier(schema)] { return known.scope }
    let scope = try makeScope(schema)
    scopes[ObjectIdentifier(schema)] = (schema, scope)
    return scope
  }

  private func makeScope(_ schema: TableSchema) throws(Failure) -> Scope {
    if state.isDone(schema.name) { return .all }
    guard let table = state.table(schema.name), !table.ranges.isEmpty else { return .none }
    guard let key = KeyColumn.columns(of: schema), key.map(\.name) == table.keyColumns else {
      throw changed(schema.name)
    }
    let order = orders[schema.name] ?? KeyOrder(key, connection)
    orders[schema.name] = order
    return .ranges(table.ranges, order)
  }

  /// Asks the server for all comparisons of the batch at once.
  private func prepare(_ batch: Batch, _ scopes: [Scope]) throws(Failure) {
    for (index, scope) in scopes.enumerated() {
      guard case .ranges(let ranges, let order) = scope else { continue }
      var keys: Set<SnapshotState.Key> = []
      for change in batch.changes where change.operation != .schema && Int(change.schema) == index {
        if change.hasBefore, let key = key(Int(change.before), nil, order, batch) { keys.insert(key) }
        if change.hasAfter, let key = key(Int(change.after), change.hasBefore ? Int(change.before) : nil, order, batch)
        {
          keys.insert(key)
        }
      }
      try order.prepare(keys, ranges)
    }
  }

  private func kept(_ change: RowChange, _ batch: Batch, _ scopes: [Scope]) throws(Failure) -> RowChange? {
    if change.operation == .schema { return try keeps(batch.schemaChanges[Int(change.row)]) ? change : nil }
    switch scopes[Int(change.schema)] {
    case .all: return change
    case .none: return nil
    case .ranges(let ranges, let order):
      let table = batch.schemas[Int(change.schema)].name
      let before = change.hasBefore ? Int(change.before) : nil
      var wasInside = false
      if let before { wasInside = try contains(key(before, nil, order, batch), ranges, order, table) }
      var isInside = false
      if change.hasAfter { isInside = try contains(key(Int(change.after), before, order, batch), ranges, order, table) }
      let clipped = CatchUpFilter.clipped(change, wasInside: wasInside, isInside: isInside)
      if isInside, !wasInside, change.hasBefore {
        try requireWhole(Int(change.after), batch.schemas[Int(change.schema)], batch)
      }
      return clipped
    }
  }

  private static func clipped(_ change: RowChange, wasInside: Bool, isInside: Bool) -> RowChange? {
    var change = change
    switch (wasInside, isInside) {
    case (false, false): return nil
    case (true, true): return change
    case (true, false):
      change.operation = .delete
      change.after = RowChange.noCells
    case (false, true):
      change.operation = .insert
      change.before = RowChange.noCells
    }
    return change
  }

  /// A row that moves into what was read is new there, unchanged columns included.
  private func requireWhole(_ row: Int, _ schema: TableSchema, _ batch: Batch) throws(Failure) {
    guard batch.cells[row..<(row + schema.columns.count)].contains(where: { $0.tag == .absent }) else { return }
    throw Failure(
      .serverSetting,
      "an update of the key of table \"\(schema.name)\" does not hold the row's other columns, of which the snapshot needs all",
      hint:
        "SET GLOBAL binlog_row_image=FULL at the server, reconnect its clients, reset the pipeline's sinks and start again"
    )
  }

  private func contains(
    _ key: SnapshotState.Key?, _ ranges: [SnapshotState.Range], _ order: KeyOrder, _ table: TableName
  ) throws(Failure) -> Bool {
    guard let key else { throw ChunkPlanner.nullKey(table) }
    for range in ranges where try order.contains(range, key) { return true }
    return false
  }

  /// The key of a row image; a column that an update's second image leaves out is unchanged.
  private func key(_ row: Int, _ before: Int?, _ order: KeyOrder, _ batch: Batch) -> SnapshotState.Key? {
    var key: SnapshotState.Key = []
    for column in order.columns {
      var cell = batch.cells[row + column.index]
      if cell.tag == .absent, let before { cell = batch.cells[before + column.index] }
      guard let value = column.value(cell, batch.arena) else { return nil }
      key.append(value)
    }
    return key
  }

  /// A table that was not begun is read later with its new definition; one that is complete follows its definitions.
  private func keeps(_ change: SchemaChange) throws(Failure) -> Bool {
    let names = [change.table, change.after?.name].compactMap { $0 }
    for name in names where !state.isDone(name) && !(state.table(name)?.ranges.isEmpty ?? true) {
      throw changed(name)
    }
    let done = names.map(state.isDone)
    guard Set(done).count == 1 else { throw changed(change.table) }
    return done[0]
  }

  private func changed(_ table: TableName) -> Failure {
    Failure(
      .schemaChange, "the definition of table \"\(table)\" changed while a snapshot had read a part of the tables",
      hint: "reset the pipeline's sinks and start again: a snapshot cannot go on with another definition")
  }
}
