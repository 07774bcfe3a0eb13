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
  /// Statements so far.
  private var count = 2
  private var storeNumber = 0

  /// - Parameter ownership: fails when another writer has taken over.
  init(_ writer: GroupWriter, ownership: String) {
    self.writer = writer
    buffer = writer.buffer
    buffer.removeAll()
    buffer.append("START TRANSACTION;\(ownership)")
  }

  /// Appends a table's statements; false when they do not all fit one statement each.
  func append(_ table: MirrorTable, _ net: NetChange) throws -> Bool {
    let steps: [GroupWriter.Step] =
      table.target.hasOtherUniqueKeys
      ? [.init(.deletedOrStored, .delete), .init(.partial, .update), .init(.rows, .insert)]
      : [.init(.deleted, .delete), .init(.rows, .upsert), .init(.partial, .update)]
    for step in steps {
      let rows = net.entries.reduce(0) { $0 + (writer.takes(step.rows, $1) ? 1 : 0) }
      guard rows > 0 else { continue }
      if count == 2 {
        buffer.append(";SET @freshet_remarks = 0")
        count += 1
      }
      buffer.append(UInt8(ascii: ";"))
      do throws(RowProblem) {
        try writer.write(step, table, net, whole: buffer, behindEach: SmallGroup.look(step))
      } catch {
        return false
      }
      count += 2 * (step.form == .update ? rows : 1)
      guard buffer.count <= min(GroupWriter.statementBytes, writer.packetLimit) / 2 else { return false }
    }
    return true
  }

  /// Neither function is reset by a statement that reads it (mariadb.com/kb/en/row_count, dev.mysql.com/doc, "Diagnostics
  /// Area").
  private static func look(_ step: GroupWriter.Step) -> String {
    ";SET @freshet_remarks = @freshet_remarks + @@warning_count" + (step.form == .update ? " + (ROW_COUNT() = 0)" : "")
  }

  /// What a `store` that is carried out must see.
  var condition: String { count == 2 ? "TRUE" : "@freshet_remarks = 0" }

  /// Appends the checkpoint's statements and the end; false when the server would not take it all at once.
  /// - Parameter store: the statement that must find the checkpoint's row, and others behind it.
  func append(store: String) -> Bool {
    storeNumber = count
    buffer.append(";\(store);COMMIT")
    return buffer.count <= writer.packetLimit
  }

  func run() throws -> End {
    var number = 0
    do throws(MariaDBError) {
      try writer.connection.send(text: unsafe buffer.bytes)
      var answer = try writer.connection.receive()
      while true {
        // Locked since the second statement, and so there, unless somebody has deleted it before.
        if number == storeNumber, answer.affectedRows != 1 { return .fenced }
        guard answer.hasMore else { return .applied }
        number += 1
        answer = try writer.connection.receiveNext()
      }
    } catch {
      guard error.isAboutTheRow else { throw writer.failure(error) }
      return number == 1 ? .fenced : .refused
    }
  }
}
