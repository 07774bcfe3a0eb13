import Change
import MariaDBClient
import SQLRendering

extension GroupWriter {
  /// What a statement does, and for which entries of a net change.
  struct Step {
    enum Rows {
      /// `knownRows` are all stored rows that are not new: `changedRows`, of which it is known what changed, and
      /// `rewrittenRows`.
      case deleted, deletedOrStored, newRows, knownRows, rewrittenRows, changedRows, rows, partial
    }

    /// `change` is an upsert of rows that are there: it stores only the columns that changed, and others would be wrong in a
    /// row that it inserts.
    enum Form { case delete, insert, upsert, change, update }

    var rows: Rows
    var form: Form
    /// Whether a conflict with rows that are there was already answered.
    var isRetry = false
    /// Whether it was written in the binary form.
    var isBulk = false
    /// What a `change` writes.
    var columns: ChangedColumns?
    /// Whether the statement sets the savepoint of `storeChanges` first.
    var setsSavepoint = false

    /// Whether it leaves columns out, and so is not strict.
    var storesPart: Bool { form == .change && columns?.isPartial == true }

    init(_ rows: Rows, _ form: Form) {
      self.rows = rows
      self.form = form
    }
  }

  /// Whether an entry belongs to a step, and to this writer.
  @inline(__always)
  func takes(_ rows: Step.Rows, _ entry: NetChange.Entry) -> Bool {
    let belongs =
      switch rows {
      case .deleted: entry.state == .deleted
      case .deletedOrStored: entry.state == .deleted || (entry.state == .row && !entry.isNew)
      case .newRows: entry.state == .row && entry.isNew
      case .knownRows: entry.state == .row && !entry.isNew
      case .rewrittenRows: entry.state == .row && !entry.isNew && entry.changed == NetChange.Entry.allColumns
      case .changedRows: entry.state == .row && !entry.isNew && entry.changed != NetChange.Entry.allColumns
      case .rows: entry.state == .row
      case .partial: entry.state == .partial
      }
    return belongs && owns(entry)
  }

  /// Writes one statement for as many entries from the range's beginning as it may hold.
  /// - Returns: the number of rows in it, and the end of what was looked at.
  func write(
    _ step: Step, _ table: MirrorTable, _ net: NetChange, _ range: Range<Int>, to buffer: StatementBuffer
  ) throws -> (rows: Int, end: Int) {
    try writeHead(step, table, to: buffer)
    let limit = min(GroupWriter.statementBytes, packetLimit)
    var rows = 0
    let entries = net.entries
    for index in range {
      let entry = entries[index]
      guard takes(step.rows, entry), refused.isEmpty || !refused.contains(index) else { continue }
      let start = buffer.count
      do throws(RowProblem) {
        try net.lendImages(of: entry) { key, image throws(RowProblem) in
          try writeRow(step, table, key: key, image: image, isFirst: rows == 0, to: buffer)
        }
      } catch {
        buffer.cut(to: start)
        try refuseEntry(error, index, table, net)
        continue
      }
      if buffer.count + (step.columns?.tail ?? table.upsertTail).utf8.count > packetLimit {
        buffer.cut(to: start)
        if rows > 0 { return finishStatement(step, table, rows, index, buffer) }
        try refuseEntry(.tooLarge(bytes: buffer.count, limit: packetLimit), index, table, net)
        continue
      }
      rows += 1
      if buffer.count >= limit || (step.form == .delete && rows >= 1000) {
        return finishStatement(step, table, rows, index + 1, buffer)
      }
    }
    return finishStatement(step, table, rows, range.upperBound, buffer)
  }

  /// Writes one statement for all entries of a step, or, for updates, one for each.
  /// - Parameter behindEach: what stands behind each of these statements.
  func write(
    _ step: Step, _ table: MirrorTable, _ net: NetChange, whole buffer: StatementBuffer, behindEach: String
  ) throws(RowProblem) {
    writeTextHead(step, table, to: buffer)
    var rows = 0
    for entry in net.entries where takes(step.rows, entry) {
      try net.lendImages(of: entry) { key, image throws(RowProblem) in
        try writeRow(step, table, key: key, image: image, isFirst: rows == 0, to: buffer)
      }
      if step.form == .update { buffer.append(behindEach) }
      rows += 1
    }
    _ = finishStatement(step, table, rows, net.entries.count, buffer)
    if step.form != .update { buffer.append(behindEach) }
  }

  private func finishStatement(
    _ step: Step, _ table: MirrorTable, _ rows: Int, _ end: Int, _ buffer: StatementBuffer
  ) -> (rows: Int, end: Int) {
    guard rows > 0 else { return (0, end) }
    switch step.form {
    case .upsert: buffer.append(table.upsertTail)
    case .change: buffer.append(step.columns?.tail ?? table.upsertTail)
    case .delete where table.keyColumns.count == 1 && !step.isBulk: buffer.append(UInt8(ascii: ")"))
    case .delete, .insert, .update: break
    }
    return (rows, end)
  }

  private func writeHead(_ step: Step, _ table: MirrorTable, to buffer: StatementBuffer) throws {
    if step.isBulk {
      let statement = try statement(table, isInsert: step.form == .insert)
      buffer.append(little: statement.id)
      // Types are sent with every execution.
      buffer.append(little: 128 as UInt16)
      for column in step.form == .insert ? table.columns : table.keyColumns {
        // A key is compared as text, by the column's collation.
        let parameter = step.form == .insert ? column.storedType : column.wireType
        buffer.append(parameter.type)
        buffer.append(parameter.flags)
      }
      return
    }
    writeTextHead(step, table, to: buffer)
  }

  private func writeTextHead(_ step: Step, _ table: MirrorTable, to buffer: StatementBuffer) {
    switch step.form {
    case .insert, .upsert: buffer.append(table.insertHead)
    case .change:
      if step.setsSavepoint { buffer.append("SAVEPOINT freshet;") }
      buffer.append(step.columns?.head ?? table.insertHead)
    case .delete: buffer.append(table.deleteHead)
    case .update: break
    }
  }

  @inline(__always)
  private func writeRow(
    _ step: Step, _ table: MirrorTable, key: RowView, image: RowView, isFirst: Bool, to buffer: StatementBuffer
  ) throws(RowProblem) {
    switch step.form {
    case .insert where step.isBulk:
      for column in table.columns { try buffer.append(parameter: image[column.index], column, image) }
    case .delete where step.isBulk:
      for column in table.keyColumns { try buffer.append(parameter: key[column.index], column, key) }
    case .insert, .upsert:
      if !isFirst { buffer.append(UInt8(ascii: ",")) }
      try buffer.append(row: table.columns, image)
    case .change:
      if !isFirst { buffer.append(UInt8(ascii: ",")) }
      try step.columns?.append(image, to: buffer)
    case .delete:
      try writeKey(table, key, isFirst: isFirst, to: buffer)
    case .update:
      if !isFirst { buffer.append(UInt8(ascii: ";")) }
      try writeUpdate(table, key: key, image: image, to: buffer)
    }
  }

  /// A key of a list: `1`, or, of several columns, an alternative of its own, which the server reads by its index.
  func writeKey(
    _ table: MirrorTable, _ key: RowView, isFirst: Bool, to buffer: StatementBuffer
  ) throws(RowProblem) {
    if table.keyColumns.count == 1 {
      buffer.append(isFirst ? "\(table.keyColumns[0].name) IN (" : ",")
      try buffer.append(literal: key[table.keyColumns[0].index], table.keyColumns[0], key)
    } else {
      buffer.append(isFirst ? "(" : " OR (")
      try buffer.append(match: table.keyColumns, key)
      buffer.append(UInt8(ascii: ")"))
    }
  }

  /// One row's statement: sets the columns that the image holds.
  /// - Parameter name: the table's quoted name, where it is not the target's.
  func writeUpdate(
    _ table: MirrorTable, named name: String? = nil, key: RowView, image: RowView, to buffer: StatementBuffer
  ) throws(RowProblem) {
    try buffer.append(assignments: table, named: name, image)
    buffer.append(" WHERE ")
    try buffer.append(match: table.keyColumns, key)
  }
}

extension Cell {
  /// Whether the row image holds the column: a value, or NULL.
  var isPresent: Bool { tag != .absent && tag != .unavailable }
}

extension StatementBuffer {
  /// Appends `(1,'a',NULL)`.
  func append(row columns: [WrittenColumn], _ image: RowView) throws(RowProblem) {
    var mark = UInt8(ascii: "(")
    if columns.isEmpty { append(mark) }
    for column in columns {
      append(mark)
      mark = UInt8(ascii: ",")
      try append(literal: image[column.index], column, image)
    }
    append(UInt8(ascii: ")"))
  }

  /// Appends `a=1 AND b='x'`.
  func append(match columns: [WrittenColumn], _ key: RowView) throws(RowProblem) {
    var isFirst = true
    for column in columns {
      if !isFirst { append(" AND ") }
      isFirst = false
      append(column.name)
      append(UInt8(ascii: "="))
      try append(literal: key[column.index], column, key)
    }
  }
}
