import Change
import MariaDBClient
import Pipeline
import SQLRendering

extension GroupWriter {
  /// Takes a row that is marked as deleted out of the way of one that moves to its key.
  func removeMarked(_ place: ChangePlace, _ table: MirrorTable) throws {
    guard place.change.operation == .update, !table.keyColumns.isEmpty, let mark = table.columns.last else { return }
    try flushDirect()
    let buffer = StatementBuffer(capacity: 1024)
    var moves = false
    do throws(RowProblem) {
      try place.lendImage(at: place.change.after) { after throws(RowProblem) in
        var before = after
        before.row = Int(place.change.before)
        buffer.append(table.deleteHead)
        for column in table.keyColumns {
          // What the image does not hold of the new key did not change.
          let image = after[column.index].isPresent ? after : before
          try buffer.append(match: [column], image)
          buffer.append(" AND ")
          if !GroupWriter.isSame(before, after, column.index) { moves = true }
        }
        buffer.append("\(mark.name) IS NOT NULL")
      }
    } catch {
      // The change itself has the same problem, and says it.
      return
    }
    guard moves else { return }
    try answered { () throws(MariaDBError) in
      try connection.send(text: unsafe buffer.bytes)
      _ = try connection.receive()
    }
  }

  private static func isSame(_ before: RowView, _ after: RowView, _ column: Int) -> Bool {
    let (old, new) = (before[column], after[column])
    guard new.isPresent, old.tag == new.tag, old.isSlice else { return !new.isPresent || old == new }
    return unsafe before.slice(of: old).elementsEqual(after.slice(of: new))
  }
}
