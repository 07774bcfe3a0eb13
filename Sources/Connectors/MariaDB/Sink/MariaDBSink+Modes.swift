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
  func sequenceStatement() throws(Failure) -> String? {
    guard let reshaper, let sequence else { return nil }
    return sequence.store(reshaper.sequence)
  }

  /// Notes that a table has lost all its rows, in a mode that keeps what was; it is carried out with the group's rows, by
  /// `carryOutEmptyings`. Until then definitions of the same transaction can come, which no open transaction may hinder:
  /// CREATE OR REPLACE TABLE is a drop and a creation.
  /// False when the change is none of these, or the table a mirror.
  func noteEmptying(_ change: SchemaChange, at moment: TableMoment) throws -> Bool {
    guard reshaper != nil, change.kind == .truncate || change.kind == .drop, let targets else { return false }
    let policy = context.schemaChangePolicy
    let isKept = change.kind == .drop && (policy == .ignore || policy == .lenient)
    guard policy != .stop, !isKept else { return false }
    let target = settings.names.target(of: change.table)
    if try targets.connection.definition(of: target) != nil {
      targets.emptyings.append(TargetTables.Emptying(target: target, moment: moment))
    }
    outcomes[change.table, default: Outcome()].delivered += 1
    return true
  }

  /// Carries out, in the group's transaction, that tables have lost all their rows. To be called before the next row.
  func carryOutEmptyings() throws {
    guard let targets, !targets.emptyings.isEmpty else { return }
    let emptyings = targets.emptyings
    targets.emptyings = []
    try begin(sharing: false)
    for emptying in emptyings { try carryOut(emptying, targets) }
  }

  private func carryOut(_ emptying: TargetTables.Emptying, _ targets: TargetTables) throws {
    // A definition behind it may have taken the name away.
    guard let shape = try TargetShape(targets.connection, emptying.target) else { return }
    var kept: [String] = []
    for column in shape.columns where column.updatesItself { kept.append(try TargetText.name(column.name)) }
    let statement = try settings.mode.emptying(
      TargetText.name(emptying.target), .mariadb, at: emptying.moment, keeping: kept)
    let writer = try opened()
    let isRepeated = settings.mode.kind != .append
    // The server says nothing while it works: a table of any size is emptied in pieces.
    let text = isRepeated ? "\(statement) LIMIT \(emptyingRows)" : statement
    var rows: UInt64
    repeat {
      rows = try writer.answered { () throws(MariaDBError) in try writer.runScript(text) }.first?.affectedRows ?? 0
    } while isRepeated && rows >= emptyingRows
  }
}
