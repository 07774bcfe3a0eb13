import Change

/// The names of the tables that windows write to, which no table of the source may have.
///
/// Names are compared without regard to case, as some targets do.
struct WindowTables {
  /// The window that writes to each.
  private var owners: [TableName: String] = [:]
  /// Tables that tell of late changes, and may tell of what transforms have set aside.
  private var quarantines: [TableName: String] = [:]
  /// Schemas that were found to be others.
  private var checked = SchemaPlans<Void>()

  init(_ definitions: [WindowDefinition]) {
    for definition in definitions {
      for table in definition.tables { owners[table.folded] = definition.name }
      guard definition.tooLate == .quarantine else { continue }
      quarantines[RejectionTable.schema(beside: definition.from).name.folded] = definition.name
    }
  }

  mutating func check(_ batch: Batch) throws(Failure) {
    let names = self
    for (index, schema) in batch.schemas.enumerated() {
      try checked.plan(for: schema) { schema throws(Failure) in
        try names.check(schema, isOfRejected: batch.accounts?.quarantines.contains(UInt16(index)) ?? false)
      }
    }
    for change in batch.schemaChanges {
      if let after = change.after, change.kind != .drop { try check(after, isOfRejected: false) }
    }
  }

  /// - Parameter isOfRejected: whether its rows tell of what transforms have set aside.
  func check(_ schema: TableSchema, isOfRejected: Bool) throws(Failure) {
    let name = schema.name.folded
    guard let window = owners[name] ?? (isOfRejected ? nil : quarantines[name]) else { return }
    throw Failure(
      .configuration, "window \"\(window)\" writes to a table that has the name of one of the source",
      at: "table \"\(schema.name)\"",
      hint:
        "give the results another with `table:`, the late changes with `late: { table: … }`, or the source's with `route`"
    )
  }
}

extension TableName {
  var folded: TableName { TableName(namespace: namespace.lowercased(), table: table.lowercased()) }
}
