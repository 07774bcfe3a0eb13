internal import Change
internal import MariaDBClient
internal import Pipeline

/// Definitions that are carried out exactly once, though no transaction holds them together with the checkpoint.
extension TargetTables {
  /// One definition, and what may be repeated behind it.
  struct Step {
    /// Happens whole or not at all; empty: nothing but the follow-up is to be done.
    var statement: String
    var followUp = ""
    /// Whether the table's shape is afterwards what it was, so that it does not tell whether the statement was carried out,
    /// and a repetition would undo it.
    var leavesNoTrace = false
  }

  private struct Intent {
    var shape: String
    var followUp: String
    var isDone: Bool
  }

  /// Carries out what `plan` says, unless this very change was carried out by an attempt that stored no checkpoint behind it.
  ///
  /// - Parameter plan: asked only when nothing was done yet; nil: there is nothing to do.
  /// - Parameter cleanUp: belongs to the change, may be repeated, and is passed over once the change is known to be done.
  func carryOutOnce(
    _ change: SchemaChange, _ ordinal: Int, at targets: [TableName], _ plan: () throws(Failure) -> Step?,
    cleanUp: () throws(Failure) -> Void = {}
  ) throws(Failure) {
    let shape = try fingerprint(targets)
    let known = try intent(change, ordinal)
    if let known, known.isDone { return }
    if let known, known.shape != shape {
      // Nobody but this sink's writers changes the table, and the statement happens whole: it has happened.
      if !known.followUp.isEmpty { try run(known.followUp, change) }
      try cleanUp()
      return try finish(ordinal)
    }
    guard let step = try plan() else { return try cleanUp() }
    if known != nil, step.leavesNoTrace {
      throw Failure(
        .schemaChange,
        "the target's table looks the same before and after this change, which was begun and may be done",
        hint:
          "look at the columns' values in \"\(targets[0])\": where the change is not done, run \(step.statement); then "
          + "UPDATE \(try stateTable("_freshet_schema_change")) SET is_done = 1 WHERE \(isOurs), and start again")
    }
    try store(change, ordinal, shape: shape, step)
    Failpoint.hit("mariadb.schema_change_begun")
    if !step.statement.isEmpty { try run(step.statement, change) }
    Failpoint.hit("mariadb.schema_change_run")
    if !step.followUp.isEmpty { try run(step.followUp, change) }
    try cleanUp()
    try finish(ordinal)
    Failpoint.hit("mariadb.schema_change_done")
  }

  private func fingerprint(_ targets: [TableName]) throws(Failure) -> String {
    var texts: [String] = []
    for target in targets { texts.append(try connection.definition(of: target) ?? "") }
    return texts.joined(separator: "\n\n")
  }

  private func run(_ statement: String, _ change: SchemaChange) throws(Failure) {
    do throws(Failure) {
      try connection.execute(statement)
    } catch {
      guard [.internal, .targetShape, .badValue].contains(error.code) else { throw error }
      throw Failure(
        .schemaChange, "the target refuses the schema change (\(change.kind.rawValue))",
        hint: "change the target by hand, or take a new snapshot of the table; refused was: \(statement)",
        cause: error.cause)
    }
  }

  // MARK: The stored intent

  private func text(_ change: SchemaChange) -> String {
    "\(change.kind.rawValue) \(change.table) \(change.after?.name.description ?? "")\n\(change.statement)"
  }

  /// What an attempt has stored for this change behind the same checkpoint; nil when none has.
  private func intent(_ change: SchemaChange, _ ordinal: Int) throws(Failure) -> Intent? {
    let rows = try connection.query(
      "SELECT `token`, `change`, `shape`, `follow_up`, `is_done` FROM \(stateTable("_freshet_schema_change")) "
        + "WHERE \(isOurs) AND `ordinal` = \(ordinal)")
    guard let row = rows.first, row[0] == countedToken, row[1] == text(change) else { return nil }
    return Intent(shape: row[2] ?? "", followUp: row[3] ?? "", isDone: row[4] == "1")
  }

  private func store(_ change: SchemaChange, _ ordinal: Int, shape: String, _ step: Step) throws(Failure) {
    var values = [TargetText.literal(context.pipeline), TargetText.literal(context.name), "\(ordinal)"]
    values.append(countedToken.map(TargetText.literal) ?? "NULL")
    values += [text(change), shape, step.statement, step.followUp].map(TargetText.literal)
    try connection.execute(
      "REPLACE INTO \(stateTable("_freshet_schema_change")) (`pipeline`, `sink`, `ordinal`, `token`, `change`, `shape`, "
        + "`statement`, `follow_up`, `is_done`) VALUES (\(values.joined(separator: ", ")), 0)")
  }

  private func finish(_ ordinal: Int) throws(Failure) {
    try connection.execute(
      "UPDATE \(stateTable("_freshet_schema_change")) SET `is_done` = 1 WHERE \(isOurs) AND `ordinal` = \(ordinal)")
  }
}
