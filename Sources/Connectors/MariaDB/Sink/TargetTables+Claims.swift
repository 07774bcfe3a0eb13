internal import Change
internal import MariaDBClient
internal import Pipeline

extension TargetTables {
  /// The target's name of a source's table, which from now on belongs to it alone.
  /// - Throws: `.targetShape` when another table, pipeline or sink already writes there.
  ///   Also when it holds rows that this sink has not written, unless the options or `ownsRows` say that they may stay:
  ///   a mirror of the source has no others, and a truncation or a new snapshot must not take a stranger's.
  func claim(_ name: TableName, ownsRows: Bool = false) throws(Failure) -> TableName {
    let target = settings.names.target(of: name)
    try checkName(target, of: name)
    let folded = server.folded(target)
    if let owner = claims[folded] {
      if owner == name { return target }
      throw collision(name, with: "table \"\(owner)\"", target)
    }
    try guarded { () throws(Failure) in
      let key = "\(TargetText.literal(folded.namespace)), \(TargetText.literal(folded.table))"
      let isNew = try connection.execute(
        "INSERT IGNORE INTO \(stateTable("_freshet_table")) "
          + "(`target_database`, `target_table`, `pipeline`, `sink`, `namespace`, `name`) VALUES (\(key), "
          + [context.pipeline, context.name, name.namespace, name.table].map(TargetText.literal).joined(separator: ", ")
          + ")")
      if isNew == 1, !ownsRows, !settings.keepsExistingRows {
        do throws(Failure) {
          try refuseRows(in: target)
        } catch {
          try deleteClaim(folded)
          throw error
        }
      }
      let owner = try connection.query(
        "SELECT `pipeline`, `sink`, `namespace`, `name` FROM \(stateTable("_freshet_table")) WHERE \(at(folded))"
      ).first
      guard owner == [context.pipeline, context.name, name.namespace, name.table] else {
        let other = owner?.map { $0 ?? "" } ?? ["", "", "", ""]
        throw collision(
          name, with: "table \"\(other[2]).\(other[3])\" of pipeline \"\(other[0])\", sink \"\(other[1])\",", target)
      }
    }
    claims[folded] = name
    return target
  }

  /// The target's tables that belong to this sink, as `folded` has them.
  func claimed() throws(Failure) -> Set<TableName> {
    try prepare()
    var names: Set<TableName> = []
    for row in try connection.query(
      "SELECT `target_database`, `target_table` FROM \(stateTable("_freshet_table")) WHERE \(isOurs)")
    {
      if let database = row[0], let table = row[1] { names.insert(TableName(namespace: database, table: table)) }
    }
    return names
  }

  /// Gives up the target's name, after the table was dropped or renamed.
  func release(_ name: TableName) throws(Failure) {
    let folded = server.folded(settings.names.target(of: name))
    guard claims[folded] == nil || claims[folded] == name else { return }
    claims[folded] = nil
    try connection.execute(
      "DELETE FROM \(stateTable("_freshet_table")) WHERE \(at(folded)) AND \(isOurs) "
        + "AND `namespace` = \(TargetText.literal(name.namespace)) AND `name` = \(TargetText.literal(name.table))")
    for table in ["_freshet_index", "_freshet_made"] {
      try connection.execute("DELETE FROM \(stateTable(table)) WHERE \(at(folded)) AND \(isOurs)")
    }
  }

  /// Notes that this sink makes a table, before it does.
  func rememberMade(_ target: TableName) throws(Failure) {
    let folded = server.folded(target)
    let values = [folded.namespace, folded.table, context.pipeline, context.name]
    try connection.execute(
      "REPLACE INTO \(stateTable("_freshet_made")) (`target_database`, `target_table`, `pipeline`, `sink`) VALUES ("
        + values.map(TargetText.literal).joined(separator: ", ") + ")")
  }

  /// Whether this sink made the table, and not a person.
  func isMade(_ target: TableName) throws(Failure) -> Bool {
    try !connection.query(
      "SELECT 1 FROM \(stateTable("_freshet_made")) WHERE \(at(server.folded(target))) AND \(isOurs)"
    ).isEmpty
  }

  /// The row of a target's table in the sink's own tables.
  func at(_ target: TableName) -> String {
    "`target_database` = \(TargetText.literal(target.namespace)) AND `target_table` = \(TargetText.literal(target.table))"
  }

  private func deleteClaim(_ target: TableName) throws(Failure) {
    try connection.execute("DELETE FROM \(stateTable("_freshet_table")) WHERE \(at(target)) AND \(isOurs)")
  }

  private func checkName(_ target: TableName, of name: TableName) throws(Failure) {
    let database = target.namespace.lowercased()
    guard database != settings.stateDatabase.lowercased(), !CatalogReader.systemSchemas.contains(database) else {
      throw Failure(
        .targetShape, "database \"\(target.namespace)\" at the target is reserved", hint: "set `table_name`")
    }
    guard [target.namespace, target.table].allSatisfy({ $0.unicodeScalars.count <= 64 }) else {
      throw Failure(
        .targetShape, "\"\(target)\" is longer than the 64 characters that a name may have", hint: "set `table_name`")
    }
    guard [target.namespace, target.table].allSatisfy({ !$0.hasSuffix(" ") }) else {
      throw Failure(.targetShape, "\"\(target)\" ends with a blank, which no name may", hint: "set `table_name`")
    }
    let origins = context.sources.map(\.content.server).filter { !$0.isEmpty }
    guard server.folded(target) == server.folded(name), !origins.isEmpty else { return }
    guard origins.contains(try TargetServer.identity(of: connection)) else { return }
    throw TargetTables.loop(name, at: connection.place)
  }

  static func loop(_ name: TableName, at place: String) -> Failure {
    Failure(
      .configuration, "table \"\(name)\" would be copied onto itself: source and target are one server", at: place,
      hint: "name another server, or other tables: `table_name: \"copy.{schema}_{table}\"`")
  }

  private func refuseRows(in target: TableName) throws(Failure) {
    guard try connection.definition(of: target) != nil, try connection.hasRows(in: TargetText.name(target)) else {
      return
    }
    throw Failure(
      .targetShape, "\"\(target)\" at the target holds rows that this sink has not written",
      hint: "empty or rename it, or set `existing_rows: keep` when they are the source's rows")
  }

  private func collision(_ name: TableName, with owner: String, _ target: TableName) -> Failure {
    Failure(
      .targetShape, "\(owner) already writes to \"\(target)\" at the target", at: "table \"\(name)\"",
      hint: "set `table_name`, or delete the row of \(settings.stateDatabase)._freshet_table when that one is gone")
  }
}
