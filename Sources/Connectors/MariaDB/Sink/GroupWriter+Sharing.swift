import Change
import MariaDBClient
import Pipeline
import SQLRendering

/// Keys that two sources of a merged table have at one time.
///
/// The source that brings a new row, or moves one to another key, had none with that key: what the target has there is
/// another source's. Rows that are marked as deleted are not in the way.
extension GroupWriter {
  /// Keys that are asked for at once.
  private static let keysAtOnce = 500

  /// Fails when the target has a row with the key of a new entry. Asks nothing of a table that one source brings. Nothing
  /// that was sent is unanswered.
  func requireNoRows(
    _ table: MirrorTable, _ net: NetChange, _ range: Range<Int>, where isAsked: (NetChange.Entry) -> Bool
  ) throws {
    guard let sharing = table.sharing else { return }
    let indexes = range.filter { index in
      let entry = net.entries[index]
      return entry.isNew && isAsked(entry) && owns(entry) && !refused.contains(index)
    }
    guard let found = try firstHeld(indexes[...], table, net) else { return }
    throw conflict(net.place(of: net.entries[found]), table, sharing)
  }

  private func conflict(_ place: ChangePlace, _ table: MirrorTable, _ sharing: MergedTables) -> Failure {
    let source = place.batch.transactions.part(of: place.index).map { place.batch.transactions[$0].source }
    return sharing.conflict(in: table.schema, place, source: source ?? 0, other: nil)
  }

  /// The first entry whose key the target has.
  private func firstHeld(_ indexes: ArraySlice<Int>, _ table: MirrorTable, _ net: NetChange) throws -> Int? {
    if indexes.isEmpty { return nil }
    if indexes.count <= GroupWriter.keysAtOnce {
      guard try isAnyHeld(indexes, table, net) else { return nil }
      if indexes.count == 1 { return indexes.first }
    }
    let middle = indexes.startIndex + indexes.count / 2
    return try firstHeld(indexes[..<middle], table, net) ?? firstHeld(indexes[middle...], table, net)
  }

  private func isAnyHeld(_ indexes: ArraySlice<Int>, _ table: MirrorTable, _ net: NetChange) throws -> Bool {
    let buffer = StatementBuffer(capacity: 4096)
    buffer.append("SELECT 1 FROM \(table.target.quotedName) WHERE (")
    var count = 0
    for index in indexes {
      let start = buffer.count
      do throws(RowProblem) {
        try net.lendImages(of: net.entries[index]) { key, _ throws(RowProblem) in
          try self.writeKey(table, key, isFirst: count == 0, to: buffer)
        }
        count += 1
      } catch {
        // The target cannot have a key that it cannot hold.
        buffer.cut(to: start)
      }
    }
    guard count > 0 else { return false }
    if table.keyColumns.count == 1 { buffer.append(UInt8(ascii: ")")) }
    return try isHeld(finishing: buffer, table)
  }

  private func isHeld(finishing buffer: StatementBuffer, _ table: MirrorTable) throws -> Bool {
    buffer.append(UInt8(ascii: ")"))
    if table.mode.kind == .softDelete, let mark = table.columns.last { buffer.append(" AND \(mark.name) IS NULL") }
    buffer.append(" LIMIT 1")
    return try answered { () throws(MariaDBError) in try run(buffer) }.first?.resultRows != 0
  }

  /// Fails when the target has a row with the key that a change brings, or moves a row to.
  func requireNoRow(_ place: ChangePlace, _ table: MirrorTable) throws {
    guard let sharing = table.sharing, place.change.hasAfter, !table.keyColumns.isEmpty else { return }
    let buffer = StatementBuffer(capacity: 1024)
    var isNewKey = true
    do throws(RowProblem) {
      try place.lendImage(at: place.change.after) { after throws(RowProblem) in
        var before = after
        if place.change.hasBefore {
          before.row = Int(place.change.before)
          isNewKey = !after.hasKey(of: before, table.schema.key)
        }
        buffer.append("SELECT 1 FROM \(table.target.quotedName) WHERE (")
        for (number, column) in table.keyColumns.enumerated() {
          if number > 0 { buffer.append(" AND ") }
          try buffer.append(match: [column], after[column.index].isPresent ? after : before)
        }
      }
    } catch {
      // The change itself has the same problem, and says it.
      return
    }
    if isNewKey, try isHeld(finishing: buffer, table) { throw conflict(place, table, sharing) }
  }
}

extension MariaDBSink {
  /// Watches the keys of a table from when on several sources bring it. In the modes that keep what was every change is a
  /// row of its own; and rows that were there before this pipeline may be those that it brings.
  func watchKeys(of table: MirrorTable) throws {
    guard table.sharing == nil, !settings.mode.keepsWhatWas, !settings.keepsExistingRows,
      context.merged.contains(table.schema.name)
    else { return }
    // What waits was written for a table of one source.
    try opened().flushDirect()
    table.sharing = context.merged
  }
}
