import MariaDBClient
import SQLRendering

/// The target has stored rows in part, and has remarked on it: perhaps not the values, or not the keys, that it was given.
struct LostValues: Error {}

extension GroupWriter {
  /// Stores the rows of which it is known what changed: only that, where the target takes it without a loss.
  ///
  /// Statements that leave columns out are not strict: a key that was cut may have met another row. So nothing of them stays
  /// unless the server has nothing to say but that columns were left out; then whole rows follow, strictly.
  func storeChanges(_ table: MirrorTable, _ net: NetChange) throws {
    savepoint = nil
    do {
      try run(changes(of: table, net), table, net, net.entries.indices)
      try finish()
    } catch let loss as LostValues {
      guard let refusedBefore = savepoint else { throw loss }
      try answered { () throws(MariaDBError) in try runScript("ROLLBACK TO SAVEPOINT freshet") }
      refused = refusedBefore
      self[table].takesWholeRows = true
      try run(changes(of: table, net), table, net, net.entries.indices)
      try finish()
    }
  }

  /// How the rows are stored of which it is known what changed.
  private func changes(of table: MirrorTable, _ net: NetChange) -> Step {
    var step = Step(.changedRows, .upsert)
    guard table.storesChangedColumns, !self[table].takesWholeRows else { return step }
    var mask: UInt64 = 0
    for entry in net.entries where takes(.changedRows, entry) { mask |= entry.changed }
    step.columns = ChangedColumns(mask: mask, of: table, omits: connection.isMariaDB)
    if step.columns != nil { step.form = .change }
    return step
  }

  /// Whether it is not known yet what the server says about the columns that a step leaves out.
  func isUnknown(_ step: Step, _ table: MirrorTable) -> Bool {
    guard step.storesPart, let columns = step.columns else { return false }
    return self[table].omissions[columns.mask] == nil
  }

  /// Whether the server has nothing to say about a statement besides that columns were left out. It says that once a
  /// statement; how often is looked at once, and counted from then on.
  func isAboutOmissions(_ answer: MariaDBAnswer, _ step: Step, _ table: MirrorTable) throws -> Bool {
    guard let columns = step.columns else { return false }
    let warnings = answer.warnings
    if let known = self[table].omissions[columns.mask] { return known == warnings }
    guard warnings > 0 else {
      self[table].omissions[columns.mask] = 0
      return true
    }
    // Sent alone, and so its remarks are still there; ER_NO_DEFAULT_FOR_FIELD.
    let remarks = try connection.query("SHOW WARNINGS")
    guard remarks.count == Int(warnings), remarks.allSatisfy({ $0.count > 1 && $0[1] == "1364" }) else { return false }
    self[table].omissions[columns.mask] = warnings
    return true
  }
}
