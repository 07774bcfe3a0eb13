import Change
import Logging
import MariaDBClient
import Pipeline
import SQLRendering

extension MariaDBSink {
  /// Entries up to which a group is sent as one text.
  private static let quickEntries = 128

  /// Takes over the changes of some transactions.
  func take(_ batch: Batch, parts: Range<Int>) throws {
    let number = segment.add(batch)
    var known = [MirrorTable?](repeating: nil, count: batch.schemas.count)
    for part in batch.transactions[parts] {
      for index in part.range {
        let change = batch.changes[index]
        if change.operation == .schema {
          try carryOut(batch.schemaChanges[Int(change.row)])
          for index in known.indices { known[index] = nil }
          continue
        }
        let table: MirrorTable
        if let found = known[Int(change.schema)] {
          table = found
        } else {
          table = try self.table(for: batch.schemas[Int(change.schema)])
          known[Int(change.schema)] = table
        }
        try take(change, batch, number, index, table)
      }
    }
    if heldBytes > applyLimit { try applyAll() }
  }

  private var heldBytes: Int { tableOrder.reduce(segment.byteCount) { $0 + ($1.net?.byteCount ?? 0) } }

  @inline(__always)
  private func take(_ change: RowChange, _ batch: Batch, _ number: Int32, _ index: Int, _ table: MirrorTable) throws {
    guard let net = table.net else {
      try begin()
      return try opened().applyDirectly(ChangePlace(batch: batch, index: index), table)
    }
    switch try net.append(change, at: index, of: batch, number: number) {
    case .taken: break
    case .takenAndFull: try apply(table, net)
    case .applyDirectly:
      try apply(table, net)
      try begin()
      let writer = try opened()
      try writer.applyDirectly(ChangePlace(batch: batch, index: index), table)
      try writer.flushDirect()
    }
  }

  /// Writes everything that is held into the open transaction.
  func applyAll() throws {
    try opened().flushDirect()
    for table in tableOrder {
      if let net = table.net { try apply(table, net) }
      count(table)
    }
    segment.removeAll()
  }

  private func apply(_ table: MirrorTable, _ net: NetChange) throws {
    guard !net.isEmpty else { return }
    try begin()
    try opened().apply(table, net)
    outcomes[table.schema.name, default: Outcome()] += table.outcome(of: net)
    net.removeAll()
  }

  private func count(_ table: MirrorTable) {
    let direct = table.takeDirect()
    if direct.total > 0 { outcomes[table.schema.name, default: Outcome()] += direct }
  }

  // MARK: A small group

  /// Sends a small group as one text behind the transaction's beginning. False, with nothing done, when the group is not
  /// small, or when the server refuses a row: then it is applied step by step, which finds the row.
  func applyQuickly() throws -> Bool {
    let writer = try opened()
    let checkpoints = try openedCheckpoints()
    let entries = tableOrder.reduce(0) { $0 + ($1.net?.entries.count ?? 0) }
    guard !isInTransaction, writer.direct.isEmpty, entries <= MariaDBSink.quickEntries else { return false }
    let held = tableOrder.filter { $0.net.map { !$0.isEmpty } ?? false }
    let script = SmallGroup(writer)
    script.append("START TRANSACTION;\(checkpoints.ownership(epoch))")
    for table in held {
      if let net = table.net, try !script.append(table, net) { return false }
    }
    switch try script.run() {
    case .fenced: throw checkpoints.fenced()
    case .refused:
      _ = try writer.runScript("ROLLBACK")
      return false
    case .applied: isInTransaction = true
    }
    for table in held {
      guard let net = table.net else { continue }
      outcomes[table.schema.name, default: Outcome()] += table.outcome(of: net)
      net.removeAll()
    }
    segment.removeAll()
    return true
  }

  // MARK: Tables and schemas

  /// The target's table for rows of this schema; made when it is missing, checked when it is there.
  func table(for schema: TableSchema) throws -> MirrorTable {
    if let known = tables[schema.name] {
      if known.schema === schema || known.schema.hasSameShape(as: schema) { return known }
      if let net = known.net { try apply(known, net) }
      try opened().flushDirect()
      count(known)
      forget(schema.name)
    }
    guard let targets else { throw Failure(.internal, "the sink is used before it was opened") }
    let target = try targets.table(for: schema)
    let table = MirrorTable(
      target, segment: segment, writers: 1, direct: settings.foreignKeys && target.hasForeignKeys)
    tables[schema.name] = table
    tableOrder.append(table)
    return table
  }

  /// Makes the table anew at its next change.
  func forget(_ name: TableName) {
    guard let table = tables.removeValue(forKey: name) else { return }
    tableOrder.removeAll { $0 === table }
    writer?.forget()
  }

  /// Carries a schema change out, between two transactions of rows: everything before it is committed.
  private func carryOut(_ change: SchemaChange) throws {
    // The snapshot's load and a truncation may be parts of one group; what is held comes first.
    try applyAll()
    guard !isInTransaction else {
      throw Failure(
        .internal, "a schema change came behind rows that are not committed", at: "table \"\(change.table)\"")
    }
    forget(change.table)
    if let name = change.after?.name { forget(name) }
    throw Failure(
      .schemaChange, "the source has changed the table's schema (\(change.kind.rawValue))", at: "table \"\(change.table)\"",
      hint: "change the target's table in the same way, and start again behind the change")
  }
}
