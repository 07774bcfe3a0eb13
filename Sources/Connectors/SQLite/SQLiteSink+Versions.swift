import Change
import Pipeline
import SQLRendering
import SQLiteDatabase

extension SQLiteSink {
  /// Applies what is held of one table of versions, in log order: a version ends where the next one of its row begins.
  func applyVersions(_ table: SQLiteTable, _ net: NetChange) throws {
    let writer = try VersionWriter(table: table, mode: settings.mode)
    for entry in net.entries {
      try guarded(entry, net, table) { key, image throws(RowFailure) in
        switch entry.state {
        case .deleted: try writer.remove(key)
        case .row: try writer.begin(image, isNew: entry.isNew)
        case .partial: try writer.begin(image, over: key)
        }
      }
    }
  }

  /// Carries out one change of a table of versions in its place in the log.
  func applyVersion(_ change: RowChange, _ place: ChangePlace, _ table: SQLiteTable) throws(RowFailure) {
    let writer: VersionWriter
    do throws(Failure) {
      writer = try VersionWriter(table: table, mode: settings.mode)
    } catch {
      throw .value(column: 0, reason: error.message)
    }
    switch change.operation {
    case .insert, .read:
      try place.lendImage(at: change.after) { (after) throws(RowFailure) in try writer.begin(after, isNew: false) }
    case .delete:
      try place.lendImage(at: change.before) { (before) throws(RowFailure) in try writer.remove(before) }
    case .update:
      try place.lendImage(at: change.after) { (after) throws(RowFailure) in
        var key = after
        key.row = Int(change.before)
        guard table.columns.allSatisfy({ RowWriter.isPresent(after[$0.index]) }) else {
          return try writer.begin(after, over: key)
        }
        try writer.remove(key)
        try writer.begin(after, isNew: false)
      }
    case .schema: preconditionFailure("a schema change is no row")
    }
  }
}
