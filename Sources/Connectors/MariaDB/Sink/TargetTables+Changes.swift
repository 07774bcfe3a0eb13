internal import Change
internal import Logging
internal import MariaDBClient
internal import Pipeline
internal import SQLRendering

extension TargetTables {
  /// Carries a schema change out at the target, as the pipeline's policy says.
  ///
  /// No transaction of the writer may be open, and everything before the change must be committed: a definition is no part
  /// of a transaction. *Durability*: what is intended is stored before it is done, under the checkpoint that it follows; when
  /// the change comes again because no later checkpoint was stored, it is finished, or passed over when it was done.
  /// - Throws: `.schemaChange` when the target refuses it, or when its values cannot be told from the log.
  func carryOut(_ change: SchemaChange) throws -> Outcome {
    let policy = context.schemaChangePolicy
    if policy == .stop {
      throw Failure(
        .schemaChange, "the source has changed the table's schema (\(change.kind.rawValue))",
        at: "table \"\(change.table)\"", hint: "`on_schema_change: stop` is set; another policy carries it out")
    }
    server.forgetReferences()
    forget(change.table)
    if let name = change.after?.name { forget(name) }
    let isKept = change.kind != .truncate && (policy == .ignore || (policy == .lenient && change.kind == .drop))
    do throws(Failure) {
      try prepare()
      try guarded { () throws(Failure) in
        // Counted also where nothing is done, so that the number is the same when the log is read again.
        let ordinal = try nextOrdinal()
        if !isKept { try evolve(change, ordinal) }
      }
    } catch {
      let failure = error.at("table \"\(change.table)\"")
      guard policy == .tryEvolve, failure.code == .schemaChange || failure.code == .targetShape else { throw failure }
      claims = [:]
      warn("a schema change was not carried out", change.table, ["reason": "\(failure.message)"])
      return Outcome(filtered: 1)
    }
    guard isKept else { return Outcome(delivered: 1) }
    warn(
      "a schema change was not carried out", change.table,
      ["kind": "\(change.kind.rawValue)", "reason": "\(policy.rawValue)"])
    return Outcome(filtered: 1)
  }

  /// The number of the change among those behind the stored checkpoint.
  private func nextOrdinal() throws(Failure) -> Int {
    let token = try standing().token
    if token != countedToken { changesSinceToken = 0 }
    countedToken = token
    changesSinceToken += 1
    return changesSinceToken
  }

  private func evolve(_ change: SchemaChange, _ ordinal: Int) throws(Failure) {
    let target = settings.names.target(of: change.table)
    switch change.kind {
    case .create:
      guard let schema = change.after else { return }
      // What a table of that name has left behind goes on.
      if settings.mode.kind != .mirror, try connection.definition(of: target) != nil {
        try alter(change, schema, ordinal)
      }
      try createForChange(schema)
    case .drop:
      try carryOutOnce(change, ordinal, at: [target]) { () throws(Failure) in
        guard try connection.definition(of: target) != nil else { return nil }
        _ = try claim(change.table)
        return Step(statement: "DROP TABLE \(try TargetText.name(target))")
      } cleanUp: { () throws(Failure) in
        try release(change.table)
      }
    case .truncate:
      try carryOutOnce(change, ordinal, at: [target]) { () throws(Failure) in
        guard try connection.definition(of: target) != nil else { return nil }
        _ = try claim(change.table)
        return Step(statement: "TRUNCATE TABLE \(try TargetText.name(target))")
      }
    case .rename, .alter:
      guard let after = change.after else { return }
      try alter(change, after, ordinal)
    }
  }

  private func createForChange(_ schema: TableSchema) throws(Failure) {
    let target = try claim(schema.name)
    guard try connection.definition(of: target) == nil else {
      _ = try table(for: schema)
      return
    }
    try create(schema, target, withIndexes: settings.indexes != .none)
  }

  private func alter(_ change: SchemaChange, _ after: TableSchema, _ ordinal: Int) throws(Failure) {
    let old = settings.names.target(of: change.table)
    let new = settings.names.target(of: after.name)
    let isRenamed = server.folded(old) != server.folded(new)
    // Before the table's shape is noted: it must differ afterwards by the change alone.
    try makeWaitingIndexes(at: old)
    try carryOutOnce(change, ordinal, at: isRenamed ? [old, new] : [old]) { () throws(Failure) in
      guard let shape = try TargetShape(connection, old) else { return nil }
      _ = try claim(change.table)
      let alteration = try alteration(change, after, old, shape)
      var plan = try alteration.plan()
      for remark in Set(plan.remarks) { warn(remark.text, after.name) }
      if isRenamed {
        _ = try claim(after.name)
        try connection.execute("CREATE DATABASE IF NOT EXISTS \(TargetText.name(new.namespace))")
        plan.clauses.append("RENAME TO \(try TargetText.name(new))")
        plan.followUp = plan.followUp.replacing(
          try TargetText.name(old), with: try TargetText.name(new), maxReplacements: 1)
      }
      guard !plan.clauses.isEmpty || !plan.followUp.isEmpty else { return nil }
      let statement =
        plan.clauses.isEmpty ? "" : "ALTER TABLE \(try TargetText.name(old)) \(plan.clauses.joined(separator: ", "))"
      // Columns that only the target has keep their places.
      let order = plan.renamedOrder.map { names in
        (names, shape.columns.map { $0.name.lowercased() }.filter(names.contains))
      }
      let isSwap = !isRenamed && order.map { $0.0 == $0.1 } ?? false
      return Step(statement: statement, followUp: plan.followUp, leavesNoTrace: isSwap)
    } cleanUp: { () throws(Failure) in
      if isRenamed { try release(change.table) }
    }
  }

  private func alteration(
    _ change: SchemaChange, _ after: TableSchema, _ target: TableName, _ shape: TargetShape
  ) throws(Failure) -> TargetAlteration {
    let words = change.words
    let before = change.before ?? TargetAlteration.assumed(before: after, shape)
    let isEmptied = emptyings.contains { server.folded($0.target) == server.folded(target) }
    return TargetAlteration(
      connection: connection, server: server, sharesDialect: sharesDialect, target: target, shape: shape,
      before: before, difference: try SchemaDifference(before: before, after: after, words: words), words: words,
      isLenient: context.schemaChangePolicy == .lenient || settings.mode.keepsWhatWas,
      liveRows: isEmptied ? "0 = 1" : try settings.mode.liveRows(.mariadb), keepsIndexes: settings.indexes != .none)
  }
}
