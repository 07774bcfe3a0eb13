import Change
import Flow
import MariaDBClient
import Pipeline

/// One more writer of a sink, on a connection and a thread of its own, that applies its share of the keys.
///
/// *Durability*: its share is a branch of the group, prepared before the group's checkpoint is committed, and committed
/// after it. What a crash leaves prepared is resolved by the next `open`, by the group's number.
/// *Thread*: `writer` is used on `thread`, by one task at a time.
final class BranchWriter: @unchecked Sendable {
  // Sendable: the sink hands work to one task on `thread`, and waits for its end before it touches anything here itself.
  let writer: GroupWriter
  let thread: DedicatedThread
  /// The branch that is open or prepared.
  private(set) var branch: String?

  init(writer: GroupWriter) {
    self.writer = writer
    thread = DedicatedThread(name: "writer \(writer.number)")
  }

  /// Applies this writer's share of a table, in a branch that is opened with the first.
  /// - Parameter group: what the names of the group's branches begin with.
  func apply(_ table: MirrorTable, of group: String, shares: Int) throws {
    guard let net = table.net else { return }
    try begin("\(group),'\(writer.number)'")
    try writer.apply(table, net, shares: shares)
  }

  private func begin(_ branch: String) throws(Failure) {
    guard self.branch == nil else { return }
    try writer.answered { () throws(MariaDBError) in try writer.runScript("XA START \(branch)") }
    self.branch = branch
  }

  /// From here on the share survives a crash, whatever becomes of the group.
  func prepare() throws(Failure) {
    guard let branch else { return }
    try writer.answered { () throws(MariaDBError) in try writer.runScript("XA END \(branch);XA PREPARE \(branch)") }
  }

  func commit() throws(Failure) {
    guard let branch else { return }
    try writer.answered { () throws(MariaDBError) in try writer.runScript("XA COMMIT \(branch)") }
    self.branch = nil
  }

  /// Undoes the branch. Where that fails the connection is broken: it undoes a branch that is not prepared by itself, and a
  /// prepared one waits for the next `open`.
  func abandon() {
    guard let branch else { return }
    do throws(Failure) {
      try writer.answered { () throws(MariaDBError) in try writer.runScript("XA ROLLBACK \(branch)") }
    } catch {
      writer.connection.close()
    }
    self.branch = nil
  }

  deinit { thread.stop() }

  func close() {
    writer.forget()
    writer.connection.close()
    thread.stop()
  }
}
