import Change
import SQLRendering
import SQLiteDatabase

/// Carries out one change of one row with the table's prepared statements.
///
/// *Memory*: nothing is allocated for a whole row; a row image without some columns looks its statement up by them.
struct RowWriter {
  let table: SQLiteTable

  /// Stores a row that the target does not have; with `overwriting`, whether or not it has it: nothing of another row
  /// that had the key stays. What the image does not hold has the source's default.
  func insert(_ image: RowView, overwriting: Bool) throws(RowFailure) {
    let prepared = try lookUp { () throws(SQLiteFailure) in try table.statement(overwriting ? .upsert : .insert) }
    if try bindAll(image, to: prepared) { return try run(prepared) }
    try checkDefaults(image)
    let (partial, present) = try lookUp { () throws(SQLiteFailure) in
      try table.statement(overwriting ? .upsert : .insert) { RowWriter.isPresent(image[$0.index]) }
    }
    try bind(present, image, to: partial, from: 0)
    try run(partial)
  }

  /// Sets the columns that `after` holds in the row that `key` names, and tells whether the row was there.
  func update(_ after: RowView, key: RowView) throws(RowFailure) -> Bool {
    let (prepared, present) = try lookUp { () throws(SQLiteFailure) in
      try table.statement(.update) { RowWriter.isPresent(after[$0.index]) }
    }
    try bind(present, after, to: prepared, from: 0)
    try bind(table.keyColumns, key, to: prepared, from: present.count, slotsFrom: table.schema.columns.count)
    try run(prepared)
    return table.connection.changes > 0
  }

  func delete(_ key: RowView) throws(RowFailure) {
    let prepared = try lookUp { () throws(SQLiteFailure) in try table.statement(.delete) }
    try bind(table.keyColumns, key, to: prepared, from: 0)
    try run(prepared)
  }

  /// Runs a statement whose parameters are the key.
  func run(_ prepared: SQLiteTable.Prepared, key: RowView) throws(RowFailure) {
    try bind(table.keyColumns, key, to: prepared, from: 0)
    try run(prepared)
  }

  /// Deletes one row that equals the image in every column, and tells whether there was one.
  func deleteOne(_ before: RowView) throws(RowFailure) -> Bool {
    let prepared = try lookUp { () throws(SQLiteFailure) in try table.statement(.deleteOne) }
    try bind(table.columns, before, to: prepared, from: 0)
    try run(prepared)
    return table.connection.changes > 0
  }

  /// Changes one row that equals `before` in every column, and tells whether there was one.
  func updateOne(_ before: RowView, to after: RowView) throws(RowFailure) -> Bool {
    let (prepared, present) = try lookUp { () throws(SQLiteFailure) in
      try table.statement(.updateOne) { RowWriter.isPresent(after[$0.index]) }
    }
    try bind(present, after, to: prepared, from: 0)
    try bind(table.columns, before, to: prepared, from: present.count, slotsFrom: table.schema.columns.count)
    try run(prepared)
    return table.connection.changes > 0
  }

  static func isPresent(_ cell: Cell) -> Bool { cell.tag != .absent && cell.tag != .unavailable }

  /// A column that an inserted row does not hold took its default at the source: it must be known here.
  private func checkDefaults(_ image: RowView) throws(RowFailure) {
    for column in table.columns where !RowWriter.isPresent(image[column.index]) {
      guard column.insertedDefault != nil, image[column.index].tag == .absent else {
        throw .value(
          column: column.index, reason: "the inserted row does not hold the value, and its default is not known")
      }
    }
  }

  /// Binds all columns; false when the image does not hold one of them.
  private func bindAll(_ image: RowView, to prepared: SQLiteTable.Prepared) throws(RowFailure) -> Bool {
    let binding = RowBinding(arena: unsafe image.arena, slots: table.slots)
    var parameter = 0
    for column in table.columns {
      let cell = image[column.index]
      guard RowWriter.isPresent(cell) else { return false }
      parameter += 1
      try binding.bind(cell, column, to: prepared.statement, parameter: parameter, slot: parameter - 1)
    }
    return true
  }

  func bind(
    _ columns: [SQLiteColumn], _ image: RowView, to prepared: SQLiteTable.Prepared, from first: Int, slotsFrom: Int = 0
  ) throws(RowFailure) {
    let binding = RowBinding(arena: unsafe image.arena, slots: table.slots)
    var offset = 0
    for column in columns {
      try binding.bind(
        image[column.index], column, to: prepared.statement, parameter: first + offset + 1, slot: slotsFrom + offset)
      offset += 1
    }
  }

  func run(_ prepared: SQLiteTable.Prepared) throws(RowFailure) {
    do throws(SQLiteFailure) {
      try prepared.statement.run()
    } catch {
      // A conflict clause or a trigger of the target may undo the whole group for one row: then nothing can go on.
      throw error.isAboutTheRow && !table.connection.isInTransaction ? .groupUndone(error) : .sqlite(error)
    }
  }

  func lookUp<Found>(_ body: () throws(SQLiteFailure) -> Found) throws(RowFailure) -> Found {
    do throws(SQLiteFailure) { return try body() } catch { throw .sqlite(error) }
  }
}
