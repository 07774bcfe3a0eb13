import Change
import MariaDBClient
import Pipeline
import SQLRendering

extension MariaDBSink {
  /// Takes over some transactions as the mode has them.
  func takeReshaped(_ batch: Batch, parts: Range<Int>) async throws {
    guard let reshaper else { return try await take(batch, parts: parts) }
    let (reshaped, origin) = try reshaper.reshape(batch, parts: parts)
    self.origin = origin
    defer { self.origin = nil }
    try await take(reshaped, parts: reshaped.transactions.indices)
  }

  /// The statement that stores how many transactions were numbered, for the script of a commit; empty for a mirror.
  func sequenceStatement() throws(Failure) -> String {
    guard let reshaper, let sequence else { return "" }
    return ";" + sequence.store(reshaper.sequence)
  }

  /// Carries out, with the group's rows, that a table has lost all of them, in a mode that keeps what was.
  /// False when the change is none of these, or the table a mirror.
  func carryOutEmptying(_ change: SchemaChange, at moment: TableMoment) async throws -> Bool {
    guard let reshaper, change.kind == .truncate || change.kind == .drop else { return false }
    let policy = context.schemaChangePolicy
    let isKept = change.kind == .drop && (policy == .ignore || policy == .lenient)
    guard policy != .stop, !isKept, let targets else { return false }
    try await applyAll()
    let target = settings.names.target(of: change.table)
    if try targets.connection.definition(of: target) != nil {
      try begin(sharing: false)
      let statement = try reshaper.mode.emptying(TargetText.name(target), .mariadb, at: moment)
      let writer = try opened()
      try writer.answered { () throws(MariaDBError) in _ = try writer.runScript(statement) }
    }
    outcomes[change.table, default: Outcome()].delivered += 1
    return true
  }
}
