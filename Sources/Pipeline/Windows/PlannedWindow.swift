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
  /// When results are told: `at the end, every 5s before, at each change behind it`.
  package let trigger: String
  /// What a later result says: `accumulating`.
  package let accumulation: String
  /// Of rows that come behind the end of their window: how long they are taken in, and where the others go.
  package let lateness: String
  /// The tables that it makes, the results first; empty where the table is not known before it is read.
  package let tables: [TableSchema]
  package let warnings: [String]

  /// - Parameter plan: nil: the table is not known before it is read.
  init(_ definition: WindowDefinition, _ plan: WindowPlan?) {
    name = definition.name
    from = definition.from
    kind = PlannedWindow.text(definition.kind)
    eventTime = definition.eventTime
    groupBy = definition.groupBy
    trigger = PlannedWindow.trigger(definition)
    accumulation = definition.accumulation.rawValue
    lateness = PlannedWindow.lateness(definition)
    tables = plan.map { [$0.result] + [$0.lateTable, $0.quarantine].compactMap(\.self) } ?? []
    var warnings: [String] = []
    if plan == nil {
      warnings.append(
        "nothing is known of table \"\(definition.from)\" before it is read: whether the window fits it, the run tells")
    }
    if let plan {
      warnings += plan.groupColumns.filter { plan.schema.columns[$0].isNullable }.map { column in
        let name = plan.schema.columns[column].name
        return
          "column \"\(name)\" of group_by may be NULL, and a row with NULL in it stops the pipeline: give it a value "
          + "with `compute`, coalesce(\(name), …)"
      }
    }
    if definition.eventTime == nil {
      let names = definition.aggregates.filter { !$0.function.addsUp }.map(\.name)
      if !names.isEmpty {
        warnings.append(
          "over commit times an update or a deletion counts in the window of its own commit, which need not be that of "
            + "the row: \(names.joined(separator: ", ")) is right only where rows are never changed; lead `only: [insert]` "
            + "in front of it, or name an event_time")
      }
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

  private static func trigger(_ definition: WindowDefinition) -> String {
    var times = ["at the end"]
    switch definition.early {
    case .every(let time): times.append("every \(text(time)) before it")
    case .changes(let count): times.append("at every \(count) changes before it")
    case nil: break
    }
    if definition.allowedLateness > 0 {
      switch definition.late {
      case .each: times.append("at each change behind it")
      case .every(let time): times.append("every \(text(time)) behind it")
      }
    }
    return times.joined(separator: ", ")
  }

  private static func lateness(_ definition: WindowDefinition) -> String {
    guard definition.eventTime != nil else { return "none: commits are in order" }
    let others =
      switch definition.tooLate {
      case .table(let table): "to table \(table)"
      case .quarantine: "to quarantine"
      case .stop: "stop the pipeline"
      }
    return "\(text(definition.allowedLateness)) behind the end, later ones \(others)"
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
  /// - Parameter areAll: whether no other tables can come.
  /// - Throws: `.configuration` when a window does not fit its table, or there is none.
  package static func plans(
    of definitions: [WindowDefinition], over tables: [TableSchema], areAll: Bool = true
  ) throws(Failure) -> [PlannedWindow] {
    var plans: [PlannedWindow] = []
    for definition in definitions {
      let table = tables.first { $0.name == definition.from }
      if table == nil, areAll { throw missing(definition, tables.map(\.name)) }
      plans.append(
        PlannedWindow(definition, try table.map { table throws(Failure) in try WindowPlan(definition, table) }))
    }
    let names = WindowTables(definitions)
    for table in tables { try names.check(table, isOfRejected: false) }
    return plans
  }

  /// Everything that is wrong with windows over tables as they are behind the transforms, but for what a table that these
  /// refuse would have been.
  package static func problems(
    of definitions: [WindowDefinition], over tables: [ShapedTable], areAll: Bool
  ) -> [Failure] {
    definitions.flatMap { definition -> [Failure] in
      guard let table = tables.first(where: { $0.name == definition.from }) else {
        return areAll ? [missing(definition, tables.map(\.name))] : []
      }
      return table.schema.map { WindowPlan.problems(of: definition, $0) } ?? []
    }
  }

  private static func missing(_ definition: WindowDefinition, _ tables: [TableName]) -> Failure {
    let near = NearestName.suggestion(for: definition.from.description, in: tables.map(\.description))
    return Failure(
      .configuration,
      "window \"\(definition.name)\" is over a table \"\(definition.from)\" that does not come\(near)",
      at: definition.place(of: "from"), hint: "tables have the names here that the transforms leave them")
  }
}
