package import Change

/// What a window does with its table, for `plan`.
package struct PlannedWindow: Sendable {
  package let name: String
  package let from: TableName
  /// `tumbling 1m`.
  package let kind: String
  /// The column of the event time; nil: the time of the commit.
  package let eventTime: String?
  package let groupBy: [String]
  /// The tables that it makes, the results first.
  package let tables: [TableSchema]
  package let warnings: [String]

  init(_ plan: WindowPlan) {
    let definition = plan.definition
    name = definition.name
    from = definition.from
    kind = PlannedWindow.text(definition.kind)
    eventTime = definition.eventTime
    groupBy = plan.groupColumns.map { plan.schema.columns[$0].name }
    tables = [plan.result] + [plan.lateTable, plan.quarantine].compactMap(\.self)
    var warnings = plan.groupColumns.filter { plan.schema.columns[$0].isNullable }.map { column in
      let name = plan.schema.columns[column].name
      return
        "column \"\(name)\" of group_by may be NULL, and a row with NULL in it stops the pipeline: give it a value "
        + "with `compute`, coalesce(\(name), …)"
    }
    if PlannedWindow.waitsForClock(definition) {
      warnings.append(
        "what it tells after a while is told when the log's clock moves, and commits move it: while the source is quiet, "
          + "nothing is told, unless the source writes heartbeats into its log")
    }
    self.warnings = warnings
  }

  /// Whether something is told by periods of the log's clock.
  private static func waitsForClock(_ definition: WindowDefinition) -> Bool {
    if case .every = definition.early { return true }
    if case .every = definition.late { return true }
    return definition.idleAfter != nil
  }

  private static func text(_ kind: WindowDefinition.Kind) -> String {
    switch kind {
    case .tumbling(let size): "tumbling \(text(size))"
    case .hopping(let size, let every): "hopping \(text(size)) every \(text(every))"
    case .cumulative(let size, let every): "cumulative \(text(size)) every \(text(every))"
    case .session(let gap): "session with a gap of \(text(gap))"
    }
  }

  /// `90s`, as it is written in a pipeline file.
  private static func text(_ microseconds: Int64) -> String {
    let units: [(Int64, String)] = [
      (86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1000, "ms"),
    ]
    let unit = units.first { microseconds % $0.0 == 0 } ?? (1, "us")
    return "\(microseconds / unit.0)\(unit.1)"
  }
}

extension PlannedWindow {
  /// What the windows do with the tables as they are behind the transforms.
  /// - Throws: `.configuration` when a window does not fit its table, or there is none.
  package static func plans(
    of definitions: [WindowDefinition], over tables: [TableSchema]
  ) throws(Failure) -> [PlannedWindow] {
    var plans: [PlannedWindow] = []
    for definition in definitions {
      guard let table = tables.first(where: { $0.name == definition.from }) else {
        let near = NearestName.suggestion(for: definition.from.description, in: tables.map(\.name.description))
        throw Failure(
          .configuration,
          "window \"\(definition.name)\" is over a table \"\(definition.from)\" that does not come\(near)",
          at: definition.place(of: "from"))
      }
      plans.append(PlannedWindow(try WindowPlan(definition, table)))
    }
    let names = WindowTables(definitions)
    for table in tables { try names.check(table, isOfRejected: false) }
    return plans
  }
}
