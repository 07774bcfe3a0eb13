import Change
import MariaDBClient
import Pipeline
import SQLRendering

extension GroupWriter {
  /// Applies a table of versions: whole rows at once, then, in log order, what ends a version or begins one from a partial
  /// image. A version ends where the next one of its row begins.
  ///
  /// Which version a row ends does not depend on the order: it is the last one before its transaction.
  func applyVersions(_ table: MirrorTable, _ net: NetChange, _ mode: TargetMode) throws {
    let all = net.entries.indices
    // What the open transaction has made of these rows before, when it is larger than what is held.
    try run(Step(.deleted, .delete), table, net, all)
    try run(Step(.rows, .insert), table, net, all)
    try finish()
    let words = try VersionWords(mode)
    var pending: [Int] = []
    let buffer = StatementBuffer()
    for index in all where !refused.contains(index) {
      let entry = net.entries[index]
      if entry.state == .row, entry.isNew { continue }
      if try !appendVersion(index, table, net, words, to: buffer) {
        try runVersions(buffer, pending, table, net)
        pending.removeAll(keepingCapacity: true)
        _ = try appendVersion(index, table, net, words, to: buffer)
      }
      if !refused.contains(index) { pending.append(index) }
      if buffer.count >= min(GroupWriter.statementBytes, packetLimit) / 2 {
        try runVersions(buffer, pending, table, net)
        pending.removeAll(keepingCapacity: true)
      }
    }
    try runVersions(buffer, pending, table, net)
  }

  /// Appends an entry's statements, or puts it aside. False, with nothing done, when the server would not take them together
  /// with those that wait.
  private func appendVersion(
    _ index: Int, _ table: MirrorTable, _ net: NetChange, _ words: VersionWords, to buffer: StatementBuffer
  ) throws -> Bool {
    let start = buffer.count
    let entry = net.entries[index]
    do throws(RowProblem) {
      try net.lendImages(of: entry) { key, image throws(RowProblem) in
        if start > 0 { buffer.append(UInt8(ascii: ";")) }
        if entry.state == .partial {
          try self.writeCarry(table, words, key: key, image: image, to: buffer)
          buffer.append(UInt8(ascii: ";"))
        }
        try self.writeEnd(table, words, key: key, to: buffer)
      }
      if start == 0 { try requireRoom(for: buffer) }
    } catch {
      buffer.cut(to: start)
      try refuseEntry(error, index, table, net)
      return true
    }
    guard buffer.count > packetLimit else { return true }
    buffer.cut(to: start)
    return false
  }

  /// Carries out one change of a table of versions that moves a row whose other values are at the target only.
  func applyVersion(_ place: ChangePlace, _ table: MirrorTable, _ mode: TargetMode) throws {
    try finish()
    let words = try VersionWords(mode)
    let buffer = StatementBuffer(capacity: 4096)
    do throws(RowProblem) {
      try place.lendImage(at: place.change.after) { after throws(RowProblem) in
        var key = after
        key.row = Int(place.change.before)
        try self.writeCarry(table, words, key: key, image: after, to: buffer)
        buffer.append(UInt8(ascii: ";"))
        buffer.append(table.deleteHead)
        try buffer.append(match: table.keyColumns, key)
        buffer.append(UInt8(ascii: ";"))
        try self.writeEnd(table, words, key: key, to: buffer)
        try self.requireRoom(for: buffer)
      }
    } catch {
      try refuse(error, place, table)
      return table.addDirect(Outcome(quarantined: 1))
    }
    let carried = try answered { () throws(MariaDBError) in
      try connection.send(text: unsafe buffer.bytes)
      let first = try connection.receive()
      var answer = first
      while answer.hasMore { answer = try connection.receiveNext() }
      return first.affectedRows
    }
    if carried == 0 { try refuse(.missing, place, table) }
    table.addDirect(carried == 0 ? Outcome(quarantined: 1) : Outcome(delivered: 1))
  }

  /// Sends statements for these entries, and empties the buffer. Each has one, and one with a partial image two.
  private func runVersions(_ buffer: StatementBuffer, _ entries: [Int], _ table: MirrorTable, _ net: NetChange) throws {
    guard !entries.isEmpty else { return }
    var missing: [Int] = []
    try answered { () throws(MariaDBError) in
      try connection.send(text: unsafe buffer.bytes)
      var isFirst = true
      func next() throws(MariaDBError) -> MariaDBAnswer {
        defer { isFirst = false }
        return isFirst ? try connection.receive() : try connection.receiveNext()
      }
      for index in entries {
        if net.entries[index].state == .partial, try next().affectedRows == 0 { missing.append(index) }
        _ = try next()
      }
    }
    buffer.removeAll()
    for index in missing { try refuseEntry(.missing, index, table, net) }
  }

  /// Names of the columns that the mode adds, quoted.
  struct VersionWords {
    let version: String
    let validTo: String
    let isCurrent: String

    init(_ mode: TargetMode) throws(Failure) {
      version = try SQLDialect.mariadb.quoted(mode.name(of: .version))
      validTo = try SQLDialect.mariadb.quoted(mode.name(of: .validTo))
      isCurrent = try SQLDialect.mariadb.quoted(mode.name(of: .isCurrent))
    }
  }

  /// Ends the last version before the one that `key` names, if it holds.
  private func writeEnd(
    _ table: MirrorTable, _ words: VersionWords, key: RowView, to buffer: StatementBuffer
  ) throws(RowProblem) {
    buffer.append("UPDATE \(table.target.quotedName) SET \(words.validTo)=")
    let validFrom = table.columns[table.columns.count - 3]
    try buffer.append(literal: key[validFrom.index], validFrom, key)
    buffer.append(",\(words.isCurrent)=0")
    for column in table.columns where column.updatesItself { buffer.append(",\(column.name)=\(column.name)") }
    buffer.append(" WHERE ")
    try writeBefore(table, words, key: key, to: buffer)
  }

  /// Begins a version of which `image` holds the new values only; the others are those of the last one before it.
  private func writeCarry(
    _ table: MirrorTable, _ words: VersionWords, key: RowView, image: RowView, to buffer: StatementBuffer
  ) throws(RowProblem) {
    let names = table.columns.map(\.name).joined(separator: ",")
    buffer.append("INSERT INTO \(table.target.quotedName) (\(names)) SELECT ")
    var isFirst = true
    for column in table.columns {
      if !isFirst { buffer.append(UInt8(ascii: ",")) }
      isFirst = false
      let cell = image[column.index]
      if cell.isPresent { try buffer.append(literal: cell, column, image) } else { buffer.append(column.name) }
    }
    buffer.append(" FROM \(table.target.quotedName) AS `old` WHERE ")
    // Or of what this transaction has made of the row already.
    try writeBefore(table, words, key: key, comparison: "<=", to: buffer)
    buffer.append(table.upsertTail)
  }

  /// Appends the condition of the last version before the one that `key` names, if it holds.
  private func writeBefore(
    _ table: MirrorTable, _ words: VersionWords, key: RowView, comparison: String = "<", to buffer: StatementBuffer
  ) throws(RowProblem) {
    try buffer.append(match: Array(table.keyColumns.dropLast()), key)
    guard let version = table.keyColumns.last else { return }
    buffer.append(" AND \(words.isCurrent)=1 AND \(words.version)\(comparison)")
    try buffer.append(literal: key[version.index], version, key)
    buffer.append(" ORDER BY \(words.version) DESC LIMIT 1")
  }
}
