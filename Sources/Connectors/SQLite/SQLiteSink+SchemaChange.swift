import Change
import Logging
import Pipeline
import SQLRendering
import SQLiteDatabase

extension SQLiteSink {
  /// Carries a schema change out at the target, in the group's transaction, as the pipeline's policy says.
  ///
  /// A truncation is a change of rows: every policy but `stop` carries it out.
  func carryOut(_ change: SchemaChange, at moment: TableMoment) throws {
    let policy = context.schemaChangePolicy
    if policy == .stop {
      throw Failure(
        .schemaChange, "the source has changed the table's schema (\(change.kind.rawValue))",
        at: "table \"\(change.table)\"", hint: "`on_schema_change: stop` is set; another policy carries it out")
    }
    forget(change.table)
    if let name = change.after?.name { forget(name) }
    let isKept = change.kind != .truncate && (policy == .ignore || (policy == .lenient && change.kind == .drop))
    if isKept {
      warn(change, "left as it is: \(policy.rawValue)")
      return outcomes[change.table, default: Outcome()].filtered += 1
    }
    try begin()
    do {
      try opened().execute("SAVEPOINT schema_change")
      try evolve(change, at: moment)
      try opened().execute("RELEASE schema_change")
    } catch {
      let failure = explain(error, change)
      guard policy == .tryEvolve, failure.code == .schemaChange || failure.code == .targetShape else { throw failure }
      try opened().execute("ROLLBACK TO schema_change")
      try opened().execute("RELEASE schema_change")
      claimedTargets = [:]
      warn(change, failure.message)
      try keepDropped(change)
      return outcomes[change.table, default: Outcome()].filtered += 1
    }
    outcomes[change.table, default: Outcome()].delivered += 1
    cascades = references.isEnforced ? try opened().hasCascades() : false
  }

  /// Notes the columns that the source has dropped and the target still has.
  private func keepDropped(_ change: SchemaChange) throws {
    guard let before = change.before, let after = change.after else { return }
    let names = Set(after.columns.map { $0.name.lowercased() })
    let kept = KeptColumns(connection: try opened(), target: settings.targetName(of: change.table))
    for column in before.columns where !names.contains(column.name.lowercased()) { try kept.add(column.name) }
  }

  private func warn(_ change: SchemaChange, _ reason: String) {
    context.logger.warning(
      "a schema change was not carried out",
      metadata: [
        "sink": "\(context.name)", "table": "\(change.table)", "kind": "\(change.kind.rawValue)", "reason": "\(reason)",
      ])
  }

  private func explain(_ error: any Error, _ change: SchemaChange) -> Failure {
    if let failure = error as? Failure { return failure.at("table \"\(change.table)\"") }
    guard let refused = error as? SQLiteFailure else {
      return Failure(.internal, "a schema change failed", at: "table \"\(change.table)\"", cause: "\(error)")
    }
    guard [1, SQLiteCode.constraint, SQLiteCode.mismatch].contains(refused.code) else {
      return refused.failure(at: settings.path)
    }
    return Failure(
      .schemaChange, "the target refuses the schema change (\(change.kind.rawValue)): \(refused.message)",
      at: "table \"\(change.table)\"", hint: "change the target by hand, or take a new snapshot of the table",
      cause: refused.sql)
  }

  private func evolve(_ change: SchemaChange, at moment: TableMoment) throws {
    let connection = try opened()
    let target = settings.targetName(of: change.table)
    switch change.kind {
    case .create:
      guard let schema = change.after else { return }
      // What a table of that name has left behind goes on.
      if settings.mode.kind != .mirror { try alter(change, schema) }
      _ = try table(for: schema)
    case .drop where settings.mode.kind != .mirror:
      try empty(change.table, at: moment)
    case .drop:
      guard try TargetShape(connection, table: target) != nil else { return }
      _ = try claimTarget(for: change.table)
      try refuseCascade(from: target, change)
      try connection.execute("DROP TABLE \(SQLDialect.sqlite.quoted(target))")
      try KeptColumns(connection: connection, target: target).removeAll()
      try releaseTarget(of: change.table)
    case .truncate:
      if settings.mode.kind == .mirror { try refuseCascade(from: target, change) }
      try empty(change.table, at: moment)
    case .rename, .alter:
      guard let after = change.after else { return }
      if after.name != change.table { try rename(change.table, to: after.name) }
      try alter(change, after)
    }
  }

  /// Takes all rows from a table, or says in the mode's way that they are gone.
  private func empty(_ name: TableName, at moment: TableMoment) throws {
    let target = settings.targetName(of: name)
    guard try TargetShape(opened(), table: target) != nil else { return }
    _ = try claimTarget(for: name)
    try opened().execute(settings.mode.emptying(SQLDialect.sqlite.quoted(target), .sqlite, at: moment))
  }

  private func rename(_ old: TableName, to new: TableName) throws {
    let connection = try opened()
    let from = settings.targetName(of: old)
    guard try TargetShape(connection, table: from) != nil else { return }
    _ = try claimTarget(for: old)
    try releaseTarget(of: old)
    let to = try claimTarget(for: new, ownsRows: from.lowercased() == settings.targetName(of: new).lowercased())
    guard from != to else { return }
    try connection.execute(
      "ALTER TABLE \(SQLDialect.sqlite.quoted(from)) RENAME TO \(SQLDialect.sqlite.quoted(to))")
    try KeptColumns(connection: connection, target: from).move(to: to)
  }

  private func alter(_ change: SchemaChange, _ after: TableSchema) throws {
    let connection = try opened()
    let target = settings.targetName(of: after.name)
    guard let shape = try TargetShape(connection, table: target) else { return }
    _ = try claimTarget(for: after.name)
    let words = change.words
    let before = change.before ?? TableAlteration.assumed(before: after, shape)
    let difference = try SchemaDifference(before: before, after: after, words: words)
    try TableAlteration(
      connection: connection, target: target, shape: shape, before: before, difference: difference, words: words,
      unsigned64: settings.unsigned64,
      isLenient: context.schemaChangePolicy == .lenient || settings.mode.keepsWhatWas,
      liveRows: settings.mode.liveRows(.sqlite)
    ).run()
  }
}
