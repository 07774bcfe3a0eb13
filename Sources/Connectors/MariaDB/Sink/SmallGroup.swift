import Change
import MariaDBClient
import SQLRendering

/// A small group as one text, so that it costs one round trip whatever it holds.
final class SmallGroup {
  enum End { case applied, fenced, refused }

  private let writer: GroupWriter
  private let buffer: StatementBuffer
  /// For each statement behind the first two, whether it must find a row.
  private var needsRow: [Bool] = []

  init(_ writer: GroupWriter) {
    self.writer = writer
    buffer = writer.buffer
    buffer.removeAll()
  }

  func append(_ text: String) { buffer.append(text) }

  /// Appends a table's statements; false when they do not all fit one statement each.
  func append(_ table: MirrorTable, _ net: NetChange) throws -> Bool {
    let steps: [GroupWriter.Step] =
      table.target.hasOtherUniqueKeys
      ? [.init(.deletedOrStored, .delete), .init(.partial, .update), .init(.rows, .insert)]
      : [.init(.deleted, .delete), .init(.rows, .upsert), .init(.partial, .update)]
    for step in steps {
      let count = net.entries.reduce(0) { $0 + (writer.takes(step.rows, $1) ? 1 : 0) }
      guard count > 0 else { continue }
      buffer.append(UInt8(ascii: ";"))
      do throws(RowProblem) {
        try writer.write(step, table, net, whole: buffer)
      } catch {
        return false
      }
      guard buffer.count <= min(GroupWriter.statementBytes, writer.packetLimit) else { return false }
      needsRow += [Bool](repeating: step.form == .update, count: step.form == .update ? count : 1)
    }
    return true
  }

  func run() throws -> End {
    do throws(MariaDBError) {
      try writer.connection.send(text: unsafe buffer.bytes)
      var end = End.applied
      var answer = try writer.connection.receive()
      var number = 0
      while answer.hasMore {
        answer = try writer.connection.receiveNext()
        if number == 0, answer.resultRows != 1 { return .fenced }
        if number > 0, answer.warnings > 0 || (needsRow[number - 1] && answer.affectedRows == 0) { end = .refused }
        number += 1
      }
      return end
    } catch {
      guard error.isAboutTheRow else { throw writer.failure(error) }
      return .refused
    }
  }
}
