import Change
import MariaDBClient
import SQLRendering

/// A small group as one text with its checkpoint and its commit, so that it costs one round trip whatever it holds.
///
/// Nobody looks at an answer before the next statement is carried out: what must not be committed makes a statement fail,
/// and the server runs none behind it. That is an owner who was overtaken, a remark about a row, and an update that finds none.
final class SmallGroup {
  enum End { case applied, fenced, refused }

  private let writer: GroupWriter
  private let buffer: StatementBuffer

  /// - Parameter store: stores the checkpoint, and fails (1048) when another writer has taken over.
  init(_ writer: GroupWriter, store: String) {
    self.writer = writer
    buffer = writer.buffer
    buffer.removeAll()
    buffer.append("START TRANSACTION;\(store)")
  }

  func append(_ statement: String) {
    buffer.append(UInt8(ascii: ";"))
    buffer.append(statement)
  }

  /// Appends a table's statements; false when they do not all fit one statement each.
  func append(_ table: MirrorTable, _ net: NetChange) throws -> Bool {
    var steps: [GroupWriter.Step] =
      table.target.hasOtherUniqueKeys
      ? [.init(.deletedOrStored, .delete), .init(.partial, .update), .init(.rows, .insert)]
      : [.init(.deleted, .delete), .init(.rows, .upsert), .init(.partial, .update)]
    if table.sharing != nil {
      // Of a row that came and went another source's may be there.
      if net.entries.contains(where: { $0.state == .deleted && $0.isNew }) { return false }
      if !table.target.hasOtherUniqueKeys {
        steps[1...1] = [.init(.newRows, .insert), .init(.knownRows, .upsert)]
      }
    }
    for step in steps where net.entries.contains(where: { writer.takes(step.rows, $0) }) {
      buffer.append(UInt8(ascii: ";"))
      do throws(RowProblem) {
        try writer.write(step, table, net, whole: buffer, behindEach: SmallGroup.look(step))
      } catch {
        return false
      }
      guard buffer.count <= min(GroupWriter.statementBytes, writer.packetLimit) else { return false }
    }
    return true
  }

  /// A statement that fails (1231) when the server has a remark about the one before it, or, behind an update, when that has
  /// found no row. It reads no table, so that neither is forgotten before it is asked (mariadb.com/kb/en/row_count,
  /// dev.mysql.com/doc, "The MySQL Diagnostics Area").
  private static func look(_ step: GroupWriter.Step) -> String {
    let isGood = "@@warning_count = 0" + (step.form == .update ? " AND ROW_COUNT() <> 0" : "")
    return ";SET SESSION sql_mode = IF(\(isGood), @@sql_mode, 'refused')"
  }

  private static let unknownMode: UInt32 = 1231

  /// nil: the server would not take it all at once.
  func run() throws -> End? {
    buffer.append(";COMMIT")
    guard buffer.count <= writer.packetLimit else { return nil }
    var number = 0
    do throws(MariaDBError) {
      try writer.connection.send(text: unsafe buffer.bytes)
      var answer = try writer.connection.receive()
      var hasStored = false
      while true {
        if number == 1 { hasStored = answer.affectedRows == 1 }
        guard answer.hasMore else { return hasStored ? .applied : .fenced }
        number += 1
        answer = try writer.connection.receiveNext()
      }
    } catch {
      guard error.isAboutTheRow || error.number == SmallGroup.unknownMode else { throw writer.failure(error) }
      return number == 1 ? .fenced : .refused
    }
  }
}
