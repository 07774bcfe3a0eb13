import Change
import MariaDBClient
import Pipeline
import SQLRendering

extension GroupWriter {
  /// Carries out one change in its place in the log, without the net change: in a table without a key, where foreign keys
  /// act, and where a key moves whose row is at the target only. What becomes of it is counted by `flushDirect`.
  func applyDirectly(_ place: ChangePlace, _ table: MirrorTable) throws {
    try finish()
    if table.mode.kind == .history { return try applyVersion(place, table, table.mode) }
    if table.mode.kind == .softDelete {
      if table.sharing != nil, !place.change.hasBefore {
        try flushDirect()
        try requireNoRow(place, table)
      }
      try removeMarked(place, table)
    }
    if try !queue(place, table) {
      try flushDirect()
      _ = try queue(place, table)
    }
    // A row that an update does not find is inserted before the next change is carried out.
    let mustSee = place.change.operation == .update && !table.schema.key.isEmpty
    if mustSee || direct.buffer.count >= min(GroupWriter.statementBytes / 2, packetLimit / 2) { try flushDirect() }
  }

  /// Queues a change's statement, or puts the change aside. False, with nothing done, when the server would not take it
  /// together with those that wait.
  private func queue(_ place: ChangePlace, _ table: MirrorTable) throws -> Bool {
    do throws(RowProblem) {
      if table.schema.key.isEmpty {
        try queueWithoutKey(place.change, place, table)
      } else {
        try queueByKey(place.change, place, table)
      }
      guard direct.buffer.count > packetLimit else { return true }
      let bytes = direct.removeLast()
      guard direct.isEmpty else { return false }
      throw .tooLarge(bytes: bytes, limit: packetLimit)
    } catch {
      try flushDirect()
      try refuse(error, place, table)
      table.addDirect(Outcome(quarantined: 1))
      return true
    }
  }

  /// Refuses a statement that the server would not take.
  func requireRoom(for buffer: StatementBuffer) throws(RowProblem) {
    guard buffer.count <= packetLimit else { throw .tooLarge(bytes: buffer.count, limit: packetLimit) }
  }

  private func queueByKey(_ change: RowChange, _ place: ChangePlace, _ table: MirrorTable) throws(RowProblem) {
    switch change.operation {
    case .insert, .read:
      try place.lendImage(at: change.after) { after throws(RowProblem) in
        if table.sharing != nil, table.mode.kind == .mirror {
          // Another source's row must not make room for it.
          try direct.append(table, place, needsRow: false) { buffer throws(RowProblem) in
            buffer.append(table.insertHead)
            try buffer.append(row: table.columns, after)
          }
        } else if table.target.hasOtherUniqueKeys {
          // An upsert could find another row by another key.
          try direct.append(table, place, needsRow: false) { buffer throws(RowProblem) in
            try self.writeDelete(table, key: after, to: buffer)
            buffer.append(UInt8(ascii: ";"))
            buffer.append(table.insertHead)
            try buffer.append(row: table.columns, after)
          }
        } else {
          try direct.append(table, place, needsRow: false) { buffer throws(RowProblem) in
            try self.writeUpsert(table, after, to: buffer)
          }
        }
      }
    case .delete:
      try place.lendImage(at: change.before) { before throws(RowProblem) in
        try direct.append(table, place, needsRow: false) { buffer throws(RowProblem) in
          try self.writeDelete(table, key: before, to: buffer)
        }
      }
    case .update:
      try place.lendImage(at: change.after) { after throws(RowProblem) in
        var key = after
        key.row = Int(change.before)
        // An update in place, also of the key: the target's foreign keys follow it.
        try direct.append(table, place, needsRow: true) { buffer throws(RowProblem) in
          try self.writeUpdate(table, key: key, image: after, to: buffer)
        }
      }
    case .schema: preconditionFailure("a schema change is no row")
    }
  }

  private func writeDelete(_ table: MirrorTable, key: RowView, to buffer: StatementBuffer) throws(RowProblem) {
    buffer.append(table.deleteHead)
    try buffer.append(match: table.keyColumns, key)
  }

  private func writeUpsert(_ table: MirrorTable, _ image: RowView, to buffer: StatementBuffer) throws(RowProblem) {
    buffer.append(table.insertHead)
    try buffer.append(row: table.columns, image)
    // With other unique keys an upsert could find another row.
    if !table.target.hasOtherUniqueKeys { buffer.append(table.upsertTail) }
  }

  private func queueWithoutKey(_ change: RowChange, _ place: ChangePlace, _ table: MirrorTable) throws(RowProblem) {
    switch change.operation {
    case .insert, .read:
      try place.lendImage(at: change.after) { after throws(RowProblem) in
        try direct.append(table, place, needsRow: false) { buffer throws(RowProblem) in
          buffer.append(table.insertHead)
          try buffer.append(row: table.columns, after)
        }
      }
    case .delete:
      try place.lendImage(at: change.before) { before throws(RowProblem) in
        try direct.append(table, place, needsRow: true) { buffer throws(RowProblem) in
          buffer.append(table.deleteHead)
          try buffer.append(sameRow: table, before)
        }
      }
    case .update:
      try place.lendImage(at: change.before) { before throws(RowProblem) in
        var after = before
        after.row = Int(change.after)
        try direct.append(table, place, needsRow: true) { buffer throws(RowProblem) in
          try buffer.append(assignments: table, after)
          buffer.append(" WHERE ")
          try buffer.append(sameRow: table, before)
        }
      }
    case .schema: preconditionFailure("a schema change is no row")
    }
  }

  // MARK: Sending

  /// Sends the statements that wait, and decides what becomes of the rows that they do not find or the target refuses.
  func flushDirect() throws {
    try finish()
    var next = 0
    while next < direct.items.count {
      do throws(MariaDBError) {
        try connection.send(text: unsafe direct.bytes(from: next))
      } catch {
        throw failure(error)
      }
      next = try receiveDirect(from: next)
    }
    direct.removeAll()
  }

  /// Reads the answers from the item on. Returns the item that the server has not come to.
  private func receiveDirect(from first: Int) throws -> Int {
    var isFirst = true
    var missing: [Int] = []
    for index in first..<direct.items.count {
      let item = direct.items[index]
      let table = item.table
      do throws(MariaDBError) {
        // A change of a table with other unique keys is inserted behind a delete of its own.
        let statements = isPair(item) ? 2 : 1
        var answer = isFirst ? try connection.receive() : try connection.receiveNext()
        isFirst = false
        if statements == 2 { answer = try connection.receiveNext() }
        if item.needsRow, answer.affectedRows == 0 {
          missing.append(index)
        } else {
          table.addDirect(Outcome(delivered: 1))
        }
      } catch {
        guard error.isAboutTheRow else { throw failure(error) }
        for item in missing { try insertMissing(direct.items[item]) }
        if error.isUniqueConflict { try requireNoRow(item.place, table) }
        try refuse(.refused(error.message), item.place, table)
        table.addDirect(Outcome(quarantined: 1))
        return index + 1
      }
    }
    for item in missing { try insertMissing(direct.items[item]) }
    return direct.items.count
  }

  private func isPair(_ item: DirectQueue.Item) -> Bool {
    let operation = item.place.change.operation
    return !item.table.schema.key.isEmpty && item.table.target.hasOtherUniqueKeys
      && (operation == .insert || operation == .read)
      && (item.table.sharing == nil || item.table.mode.kind != .mirror)
  }

  /// A keyed update that found no row becomes an insert when the whole row is known.
  private func insertMissing(_ item: DirectQueue.Item) throws {
    let table = item.table
    let change = item.place.change
    var problem: RowProblem? = .missing
    let buffer = StatementBuffer(capacity: 4096)
    if change.operation == .update, !table.schema.key.isEmpty {
      do throws(RowProblem) {
        try item.place.lendImage(at: change.after) { after throws(RowProblem) in
          guard table.columns.allSatisfy({ after[$0.index].isPresent }) else { throw .missing }
          try self.writeUpsert(table, after, to: buffer)
          try self.requireRoom(for: buffer)
        }
        problem = nil
      } catch {
        problem = error
      }
    }
    if problem == nil {
      try requireNoRow(item.place, table)
      do throws(MariaDBError) {
        try connection.send(text: unsafe buffer.bytes)
        _ = try connection.receive()
      } catch {
        guard error.isAboutTheRow else { throw failure(error) }
        problem = .refused(error.message)
      }
    }
    if let problem { try refuse(problem, item.place, table) }
    table.addDirect(problem == nil ? Outcome(delivered: 1) : Outcome(quarantined: 1))
  }
}

extension StatementBuffer {
  /// Appends `UPDATE … SET …` over the columns that the image holds, and those that would else change by themselves.
  func append(assignments table: MirrorTable, named name: String? = nil, _ image: RowView) throws(RowProblem) {
    append("UPDATE ")
    append(name ?? table.target.quotedName)
    append(" SET ")
    var isFirst = true
    for column in table.columns where image[column.index].isPresent || column.updatesItself {
      if !isFirst { append(UInt8(ascii: ",")) }
      isFirst = false
      append(column.name)
      append(UInt8(ascii: "="))
      let cell = image[column.index]
      if cell.isPresent { try append(literal: cell, column, image) } else { append(column.name) }
    }
    // An image that holds nothing new still says that the row is there.
    if isFirst, let column = table.columns.first { append("\(column.name)=\(column.name)") }
  }

  /// Appends the condition of one row that equals the image in every column, NULL being equal to NULL.
  ///
  /// A text is compared by its bytes, too: what the column's collation takes for equal may be another row.
  func append(sameRow table: MirrorTable, _ image: RowView) throws(RowProblem) {
    var isFirst = true
    for column in table.columns {
      if !isFirst { append(" AND ") }
      isFirst = false
      let cell = image[column.index]
      append(column.name)
      append("<=>")
      try append(literal: cell, column, image)
      if column.form == .text, cell.tag == .text {
        append(" AND BINARY CONVERT(\(column.name) USING utf8mb4)<=>_binary")
        append(quoted: unsafe image.slice(of: cell))
      }
    }
    append(" LIMIT 1")
  }
}
