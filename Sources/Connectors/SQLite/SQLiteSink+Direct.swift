import Change
import Pipeline
import SQLRendering
import SQLiteDatabase

extension SQLiteSink {
  /// Carries out one change in its place in the log, without the net change: in a table without a key, at a target that
  /// cascades, and where a key moves whose row is at the target only.
  func applyDirectly(_ change: RowChange, _ place: ChangePlace, _ table: SQLiteTable) throws {
    try begin()
    var outcome = Outcome(delivered: 1)
    do throws(RowFailure) {
      if settings.mode.kind == .history {
        try applyVersion(change, place, table)
      } else if table.schema.key.isEmpty {
        try applyWithoutKey(change, place, RowWriter(table: table))
      } else {
        try applyByKey(change, place, RowWriter(table: table))
      }
    } catch {
      try refuse(error, place, table)
      outcome = Outcome(quarantined: 1)
    }
    outcomes[table.schema.name, default: Outcome()] += outcome
  }

  private func applyByKey(_ change: RowChange, _ place: ChangePlace, _ writer: RowWriter) throws(RowFailure) {
    switch change.operation {
    case .insert, .read:
      try place.lendImage(at: change.after) { (after) throws(RowFailure) in
        try requireNoRow(after, writer)
        try writer.insert(after, overwriting: true)
      }
    case .delete:
      try place.lendImage(at: change.before) { (before) throws(RowFailure) in try writer.delete(before) }
    case .update:
      try place.lendImage(at: change.after) { (after) throws(RowFailure) in
        var key = after
        key.row = Int(change.before)
        if !after.hasKey(of: key, writer.table.schema.key) { try requireNoRow(after, filledBy: key, writer) }
        // An update in place, also of the key: the target's foreign keys follow it.
        do throws(RowFailure) {
          if try writer.update(after, key: key) { return }
        } catch .sqlite(let failure) where failure.isUniqueConflict && settings.mode.kind == .softDelete {
          try removeMarked(after, key: key, writer)
          if try writer.update(after, key: key) { return }
        }
        guard writer.table.columns.allSatisfy({ RowWriter.isPresent(after[$0.index]) }) else { throw .missing }
        try writer.insert(after, overwriting: true)
      }
    case .schema: preconditionFailure("a schema change is no row")
    }
  }

  /// Takes a row that is marked as deleted out of the way of one that moves to its key.
  private func removeMarked(_ after: RowView, key: RowView, _ writer: RowWriter) throws(RowFailure) {
    let table = writer.table
    let prepared = try writer.lookUp { () throws(SQLiteFailure) in
      try table.statement(named: "remove marked") {
        table.sql(.delete, [], table: table.target) + " AND \(table.columns[table.columns.count - 1].name) IS NOT NULL"
      }
    }
    for (place, column) in table.keyColumns.enumerated() {
      // What the image does not hold of the new key did not change.
      let image = RowWriter.isPresent(after[column.index]) ? after : key
      try writer.bind([column], image, to: prepared, from: place, slotsFrom: place)
    }
    try writer.run(prepared)
  }

  private func applyWithoutKey(_ change: RowChange, _ place: ChangePlace, _ writer: RowWriter) throws(RowFailure) {
    switch change.operation {
    case .insert, .read:
      try place.lendImage(at: change.after) { (after) throws(RowFailure) in
        try writer.insert(after, overwriting: false)
      }
    case .delete:
      try place.lendImage(at: change.before) { (before) throws(RowFailure) in
        guard try writer.deleteOne(before) else { throw RowFailure.missing }
      }
    case .update:
      try place.lendImage(at: change.before) { (before) throws(RowFailure) in
        var after = before
        after.row = Int(change.after)
        guard try writer.updateOne(before, to: after) else { throw RowFailure.missing }
      }
    case .schema: preconditionFailure("a schema change is no row")
    }
  }

  // MARK: Rows that trade values of a unique key

  /// Applies rows by way of a table aside: they leave the target, are changed there, and come back all at once.
  func applyAside(_ table: SQLiteTable, _ net: NetChange) throws {
    let connection = try opened()
    let aside = "temp.\"_freshet_aside\""
    var names: [String] = []
    var definitions: [String] = []
    for column in table.shape.columns where !column.isGenerated {
      let name = try SQLDialect.sqlite.quoted(column.name)
      names.append(name)
      // Without a type nothing is converted on the way.
      definitions.append(name + (column.defaultText.map { " DEFAULT (\($0))" } ?? ""))
    }
    let list = names.joined(separator: ", ")
    let key = table.keyColumns.map(\.name).joined(separator: ", ")
    try connection.execute("DROP TABLE IF EXISTS \(aside)")
    try connection.execute(
      "CREATE TEMP TABLE \"_freshet_aside\" (\(definitions.joined(separator: ", ")), UNIQUE (\(key)))")
    let other = RowWriter(
      table: SQLiteTable(
        schema: table.schema, target: aside, shape: table.shape, columns: table.columns, leftOut: table.leftOut,
        connection: connection, segment: segment))
    let refused = try moveAside(table, net, to: other, list)
    try changeAside(other, table, net, but: refused)
    try connection.execute("INSERT INTO \(table.target) (\(list)) SELECT \(list) FROM \(aside)")
    try connection.execute("DELETE FROM \(aside)")
  }

  /// - Returns: the entries that were put into quarantine, by their index; their rows stay in the target.
  private func moveAside(
    _ table: SQLiteTable, _ net: NetChange, to other: RowWriter, _ list: String
  ) throws -> Set<Int> {
    let match = table.keyColumns.enumerated().map { "\($1.name) = ?\($0 + 1)" }.joined(separator: " AND ")
    let copy = SQLiteTable.Prepared(
      try SQLiteStatement(
        opened(), "INSERT INTO \(other.table.target) (\(list)) SELECT \(list) FROM \(table.target) WHERE \(match)",
        persistent: false
      ))
    let writer = RowWriter(table: table)
    var refused: Set<Int> = []
    for (index, entry) in net.entries.enumerated() {
      let isTaken = try guarded(entry, net, table) { key, _ throws(RowFailure) in
        if entry.state != .deleted { try writer.run(copy, key: key) }
        do throws(RowFailure) {
          try writer.delete(key)
        } catch {
          try other.delete(key)
          throw error
        }
      }
      if !isTaken { refused.insert(index) }
    }
    return refused
  }

  private func changeAside(_ writer: RowWriter, _ table: SQLiteTable, _ net: NetChange, but refused: Set<Int>) throws {
    for (index, entry) in net.entries.enumerated() where entry.state != .deleted && !refused.contains(index) {
      try guarded(entry, net, table) { key, image throws(RowFailure) in
        if entry.state == .row { return try writer.insert(image, overwriting: true) }
        guard try writer.update(image, key: key) else { throw RowFailure.missing }
      }
    }
  }
}
