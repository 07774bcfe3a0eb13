import Change
import Logging
import Pipeline
import SQLRendering
import SQLiteDatabase

extension SQLiteSink {
  /// The target's table for rows of this schema; made when it is missing, checked when it is there.
  func table(for schema: TableSchema) throws -> SQLiteTable {
    if let known = tables[schema.name] {
      if known.schema === schema || known.schema.hasSameShape(as: schema) {
        watchKeys(of: known)
        return known
      }
      try apply(known)
      forget(schema.name)
    }
    let connection = try opened()
    let name = try claimTarget(for: schema.name)
    let shape: TargetShape
    if let found = try TargetShape(connection, table: name) {
      shape = found
    } else {
      try begin()
      try connection.execute(
        TableDefinition(schema: schema, unsigned64: settings.unsigned64).createStatement(table: name))
      guard let made = try TargetShape(connection, table: name) else {
        throw Failure(.internal, "the table just created is not there", at: "table \"\(schema.name)\"")
      }
      shape = made
    }
    let fit = try ShapeCheck(
      schema: schema, shape: shape, target: name, unsigned64: settings.unsigned64,
      allowsMissing: context.schemaChangePolicy == .ignore || context.schemaChangePolicy == .tryEvolve
    ).fit()
    if let column = fit.leftOut.first(where: { $0 >= schema.columns.count - settings.mode.columns.count }) {
      throw Failure(
        .targetShape, "the target has no column \"\(schema.columns[column].name)\", which the mode needs",
        at: "table \"\(schema.name)\"", hint: "rename the table at the target, and it is made anew")
    }
    if !fit.leftOut.isEmpty {
      let names = fit.leftOut.map { schema.columns[$0].name }.joined(separator: ", ")
      context.logger.warning(
        "columns are left out: the target does not have them",
        metadata: ["sink": "\(context.name)", "table": "\(schema.name)", "columns": "\(names)"])
    }
    let table = SQLiteTable(
      schema: schema, target: try SQLDialect.sqlite.quoted(name), shape: shape, columns: fit.columns,
      leftOut: fit.leftOut, connection: connection, segment: segment,
      mark: settings.mode.kind == .softDelete ? schema.columns.count - 1 : nil)
    watchKeys(of: table)
    guard !schema.key.isEmpty || table.canMatchRows else {
      throw Failure(
        .targetShape, "a table without a key has columns named rowid, _rowid_ and oid",
        at: "table \"\(schema.name)\"", hint: "give the table a key at the source")
    }
    tables[schema.name] = table
    tableOrder.append(table)
    return table
  }

  /// Makes the table anew at its next change.
  func forget(_ name: TableName) {
    guard let table = tables.removeValue(forKey: name) else { return }
    tableOrder.removeAll { $0 === table }
  }

  /// The target's name of a source's table, which from now on belongs to it alone.
  /// - Throws: `.targetShape` when another table, pipeline or sink already writes there.
  ///   Also when it holds rows that this sink has not written, unless the options or `ownsRows` say that they may stay:
  ///   a mirror of the source has no others, and a truncation or a new snapshot must not take a stranger's.
  func claimTarget(for name: TableName, ownsRows: Bool = false) throws -> String {
    let target = settings.targetName(of: name)
    let place = "table \"\(name)\""
    guard !target.lowercased().hasPrefix("sqlite_"), !target.lowercased().hasPrefix("_freshet_") else {
      throw Failure(
        .targetShape, "\"\(target)\" is a reserved name at the target", at: place, hint: "set `table_name`")
    }
    // SQLite tells names apart without regard to the case of ASCII letters.
    let folded = target.lowercased()
    if let owner = claimedTargets[folded] {
      if owner == name { return target }
      throw collision(name, with: "table \"\(owner)\"", target)
    }
    try begin()
    let claim = try SQLiteStatement(
      opened(),
      #"INSERT OR IGNORE INTO "_freshet_table" ("target", "pipeline", "sink", "namespace", "name") VALUES (?1, ?2, ?3, ?4, ?5)"#,
      persistent: false)
    for (index, value) in [target, context.pipeline, context.name, name.namespace, name.table].enumerated() {
      try claim.bind(index + 1, value)
    }
    try claim.run()
    let isNew = try opened().changes == 1
    if isNew, !ownsRows, !settings.keepsExistingRows { try refuseRows(in: target, place) }
    let owner = try SQLiteStatement(
      opened(), #"SELECT "pipeline", "sink", "namespace", "name" FROM "_freshet_table" WHERE "target" = ?1"#,
      persistent: false)
    try owner.bind(1, target)
    guard try owner.step(), owner.string(0) == context.pipeline, owner.string(1) == context.name,
      owner.string(2) == name.namespace, owner.string(3) == name.table
    else {
      let other = (0..<4).map { owner.string($0) ?? "" }
      throw collision(
        name, with: "table \"\(other[2]).\(other[3])\" of pipeline \"\(other[0])\", sink \"\(other[1])\",", target)
    }
    claimedTargets[folded] = name
    return target
  }

  private func refuseRows(in target: String, _ place: String) throws {
    let connection = try opened()
    guard try TargetShape(connection, table: target) != nil else { return }
    guard try connection.hasRows(in: SQLDialect.sqlite.quoted(target)) else { return }
    throw Failure(
      .targetShape, "\"\(target)\" at the target holds rows that this sink has not written", at: place,
      hint: "empty or rename it, or set `existing_rows: keep` when they are the source's rows")
  }

  private func collision(_ name: TableName, with owner: String, _ target: String) -> Failure {
    Failure(
      .targetShape, "\(owner) already writes to \"\(target)\" at the target", at: "table \"\(name)\"",
      hint: "set `table_name: \"{schema}_{table}\"`, or delete the row of _freshet_table when that one is gone")
  }

  /// Gives up the target's name, after the table was dropped or renamed.
  func releaseTarget(of name: TableName) throws {
    let target = settings.targetName(of: name)
    claimedTargets[target.lowercased()] = nil
    let release = try SQLiteStatement(
      opened(),
      #"DELETE FROM "_freshet_table" WHERE "target" = ?1 AND "pipeline" = ?2 AND "sink" = ?3 AND "namespace" = ?4 AND "name" = ?5"#,
      persistent: false)
    for (index, value) in [target, context.pipeline, context.name, name.namespace, name.table].enumerated() {
      try release.bind(index + 1, value)
    }
    try release.run()
  }
}

extension SQLiteConnection {
  /// Whether a table, named as SQL has it, holds any row.
  func hasRows(in quotedTable: String) throws(SQLiteFailure) -> Bool {
    try SQLiteStatement(self, "SELECT 1 FROM \(quotedTable) LIMIT 1", persistent: false).step()
  }
}
