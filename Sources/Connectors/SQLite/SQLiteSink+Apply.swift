import Change
import Pipeline
import SQLRendering
import SQLiteDatabase

extension SQLiteSink {
  /// Takes over the changes of some transactions.
  /// - Parameter origin: where the changes come from, when the batch was reshaped.
  func take(_ batch: Batch, parts: Range<Int>, from origin: ChangeOrigin? = nil) throws {
    var number = segment.add(batch, from: origin)
    var known = [SQLiteTable?](repeating: nil, count: batch.schemas.count)
    for part in batch.transactions[parts] {
      segment.source = part.source
      for index in part.range {
        let change = batch.changes[index]
        if change.operation == .schema {
          try applyAll()
          try carryOut(batch.schemaChanges[Int(change.row)], at: TableMoment(of: index, part, in: batch))
          for index in known.indices { known[index] = nil }
          number = segment.add(batch, from: origin)
          continue
        }
        let table: SQLiteTable
        if let found = known[Int(change.schema)] {
          table = found
        } else {
          table = try self.table(for: batch.schemas[Int(change.schema)])
          known[Int(change.schema)] = table
        }
        try take(ChangePlace(batch: batch, index: index), number, change, of: table)
      }
    }
    if heldBytes > applyLimit { try applyAll() }
  }

  var heldBytes: Int { tableOrder.reduce(segment.byteCount) { $0 + ($1.net?.byteCount ?? 0) } }

  @inline(__always)
  private func take(
    _ place: ChangePlace, _ number: Int32, _ change: RowChange, of table: SQLiteTable
  ) throws {
    guard let net = table.net, !cascades else { return try applyDirectly(change, place, table) }
    let answer = try net.append(change, at: place.index, of: place.batch, number: number)
    switch answer {
    case .taken: break
    case .takenAndFull: try apply(table)
    case .applyDirectly:
      try apply(table)
      try applyDirectly(change, place, table)
    }
  }

  /// Writes everything that is held into the open transaction.
  func applyAll() throws {
    for table in tableOrder { try apply(table) }
    segment.removeAll()
  }

  /// Writes what is held of one table: deletes first, so that a key that moved away is free for another row.
  func apply(_ table: SQLiteTable) throws {
    guard let net = table.net, !net.isEmpty else { return }
    try begin()
    if settings.mode.kind == .history {
      try applyVersions(table, net)
    } else if table.hasOtherUniqueKeys {
      try applyTrading(table, net)
    } else {
      try applyInPlace(table, net)
    }
    count(net, table)
    net.removeAll()
  }

  /// Applies in place, and where rows trade values of another unique key, once more by way of a table aside.
  private func applyTrading(_ table: SQLiteTable, _ net: NetChange) throws {
    let connection = try opened()
    try connection.execute("SAVEPOINT trading")
    do {
      try applyInPlace(table, net)
    } catch let failure as SQLiteFailure where failure.isUniqueConflict {
      table.quarantined = 0
      try connection.execute("ROLLBACK TO trading")
      try applyAside(table, net)
    }
    try connection.execute("RELEASE trading")
  }

  private func applyInPlace(_ table: SQLiteTable, _ net: NetChange) throws {
    let writer = RowWriter(table: table)
    for entry in net.entries where entry.state == .deleted {
      try guarded(entry, net, table) { key, _ throws(RowFailure) in
        if entry.isNew { try requireNoRow(key, writer) }
        try writer.delete(key)
      }
    }
    // Where rows may trade values a conflict does not tell of which key it is.
    if table.sharing != nil, table.hasOtherUniqueKeys {
      for entry in net.entries where entry.state != .deleted && entry.isNew {
        try guarded(entry, net, table) { key, _ throws(RowFailure) in try requireNoRow(key, writer) }
      }
    }
    var expectsNewRows = true
    for entry in net.entries where entry.state != .deleted {
      try guarded(entry, net, table) { key, image throws(RowFailure) in
        if entry.state == .partial {
          guard try writer.update(image, key: key) else { throw RowFailure.missing }
        } else if entry.isNew && (expectsNewRows || table.sharing != nil) {
          do throws(RowFailure) {
            try writer.insert(image, overwriting: false)
          } catch .sqlite(let failure) where failure.isUniqueConflict {
            expectsNewRows = false
            try requireNoRow(key, writer)
            try writer.insert(image, overwriting: true)
          }
        } else {
          try writer.insert(image, overwriting: true)
        }
      }
    }
  }

  /// Lends the images of an entry, and decides what becomes of a row that the target refuses.
  /// - Returns: whether the target has taken it.
  @inline(__always)
  @discardableResult
  func guarded(
    _ entry: NetChange.Entry, _ net: NetChange, _ table: SQLiteTable,
    _ body: (_ key: RowView, _ image: RowView) throws(RowFailure) -> Void
  ) throws -> Bool {
    do throws(RowFailure) {
      try net.lendImages(of: entry, body)
      return true
    } catch {
      // Where rows may trade values, the order decides whether they fit; `applyTrading` tries another.
      if table.hasOtherUniqueKeys, case .sqlite(let failure) = error, failure.isUniqueConflict { throw failure }
      try refuse(error, net.place(of: entry), table)
      // The key that a row moved away from is not a change of its own: the change is counted at the key that it moved to.
      if entry.isOwn { table.quarantined += 1 }
      return false
    }
  }

  private func count(_ net: NetChange, _ table: SQLiteTable) {
    var outcome = Outcome()
    for entry in net.entries {
      if entry.isOwn { outcome.delivered += 1 }
      outcome.superseded += UInt64(entry.count) - (entry.isOwn ? 1 : 0)
    }
    outcome.delivered -= table.quarantined
    outcome.quarantined = table.quarantined
    table.quarantined = 0
    outcomes[table.schema.name, default: Outcome()] += outcome
  }
}
