import Change
import Pipeline
import PipelineConfiguration

extension PipelinePlan {
  /// For people: tables with keys and types, then what happens at each target.
  var text: String {
    var text = "pipeline \(pipeline)\n"
    for source in sources {
      text += "\(title(of: source.name)): \(TextTable.printable(source.plan.server))\n"
      text += "  start \(TextTable.printable(start(of: source.plan)))\n"
      text += "  log's end \(TextTable.printable(source.plan.end))\n"
      text += warnings(source.plan.warnings)
    }
    text += tablesText + transformedText
    for window in windows { text += self.text(of: window) }
    for sink in sinks {
      text += "\nsink \(sink.name): \(TextTable.printable(sink.plan.target))\n"
      text +=
        "  checkpoint \(sink.plan.checkpoint.map { TextTable.printable($0.text) } ?? "none: begins with everything")\n"
      for statement in sink.plan.statements {
        for line in statement.split(separator: "\n") { text += "  \(TextTable.printable(String(line)))\n" }
      }
      text += warnings(sink.plan.warnings)
    }
    return text
  }

  private var tablesText: String {
    if tables.isEmpty { return "" }
    let columns = shapes.flatMap { shape in
      self.columns(shape.schema).map { (isMerged ? [shape.sources.joined(separator: ", ")] : []) + $0 }
    }
    return "\n" + TextTable.text(header: sourceHeader + ["TABLE", "ROWS", "KEY"], tables.map(row)) + "\n"
      + TextTable.text(header: sourceHeader + PipelinePlan.columnHeader, columns)
  }

  private var transformedText: String {
    guard let transformed, !transformed.isEmpty else { return "" }
    let routes = zip(tables, transformed).map { table, result in
      sourceCell(table.source) + [table.table.schema.name.description, result.name.description, key(of: result)]
    }
    return "\nbehind the transforms:\n" + TextTable.text(header: sourceHeader + ["FROM", "TABLE", "KEY"], routes) + "\n"
      + TextTable.text(
        header: PipelinePlan.columnHeader, PipelinePlan.distinct(transformed).flatMap(columns))
  }

  private func text(of window: PlannedWindow) -> String {
    var text = "\nwindow \(window.name): \(window.kind) over \(TextTable.printable(window.from.description))\n"
    text += "  time \(window.eventTime.map { "of column \(TextTable.printable($0))" } ?? "of the commit")\n"
    let groups = window.groupBy.joined(separator: ", ")
    text += "  group by \(groups.isEmpty ? "nothing: one group" : TextTable.printable(groups))\n"
    text += "  told \(window.trigger); \(window.accumulation)\n"
    text += "  late rows \(TextTable.printable(window.lateness))\n"
    if !window.tables.isEmpty {
      text +=
        "\n"
        + TextTable.text(
          header: ["MAKES TABLE", "KEY"], window.tables.map { [$0.name.description, key(of: $0)] })
      text += "\n" + TextTable.text(header: PipelinePlan.columnHeader, window.tables.flatMap(columns))
    }
    return text + warnings(window.warnings)
  }

  private static let columnHeader = ["TABLE", "COLUMN", "TYPE", ""]

  private var isMerged: Bool { sources.count > 1 }
  private var sourceHeader: [String] { isMerged ? ["SOURCE"] : [] }
  private func sourceCell(_ name: String) -> [String] { isMerged ? [name] : [] }

  /// Those of all sources, each with its source.
  private var tables: [(source: String, table: PlannedTable)] {
    sources.flatMap { source in source.plan.tables.map { (source.name, $0) } }
  }

  /// Each table once, with the sources in which it looks the same.
  private var shapes: [(sources: [String], schema: TableSchema)] {
    var shapes: [(sources: [String], schema: TableSchema)] = []
    for (source, table) in tables {
      let same = shapes.firstIndex {
        $0.schema.name == table.schema.name && $0.schema.columns == table.schema.columns
      }
      if let same { shapes[same].sources.append(source) } else { shapes.append(([source], table.schema)) }
    }
    return shapes
  }

  private func title(of name: String) -> String { sources.count == 1 ? "source" : "source \(name)" }

  /// The source says where it would begin without a checkpoint; sinks that have one go on from there.
  private func start(of source: SourcePlan) -> String {
    let known = sinks.filter { $0.plan.checkpoint != nil }.count
    if known == 0 { return source.start }
    return known == sinks.count ? "at the sinks' checkpoints" : "at the checkpoints; without one: \(source.start)"
  }

  private func warnings(_ warnings: [String]) -> String {
    warnings.map { "  warning: \(TextTable.printable($0))\n" }.joined()
  }

  private func row(_ source: String, _ table: PlannedTable) -> [String] {
    let schema = table.schema
    return sourceCell(source) + [
      schema.name.description, table.rows.map { "about \(ProgressText.grouped($0))" } ?? "unknown", key(of: schema),
    ]
  }

  private func key(of schema: TableSchema) -> String {
    let key = schema.key.map { schema.columns[$0].name }.joined(separator: ", ")
    return key.isEmpty ? "none" : schema.keyIsPrimary ? key : "\(key) (unique)"
  }

  private func columns(_ schema: TableSchema) -> [[String]] {
    schema.columns.map { column in
      [
        schema.name.description, column.name, PipelinePlan.type(of: column),
        column.isNullable ? "" : "not null",
      ]
    }
  }

  private static func type(of column: ColumnSchema) -> String {
    column.nativeType.isEmpty ? column.type.sqlName : column.nativeType
  }

  /// For programs.
  var json: JSONValue {
    var members: [String: JSONValue] = [
      "pipeline": .string(pipeline),
      "transformed": transformed.map { tables in
        .array(
          zip(self.tables, tables).map { table, result in
            var members = json(result)
            members["from"] = .string(table.table.schema.name.description)
            if isMerged { members["source"] = .string(table.source) }
            return .object(members)
          })
      } ?? .null,
      "windows": .array(windows.map(json)),
      "sinks": .object(
        Dictionary(
          uniqueKeysWithValues: sinks.map { sink in
            (sink.name, json(sink.plan))
          })),
    ]
    if sources.count == 1 {
      members["source"] = json(sources[0].plan)
    } else {
      members["sources"] = .object(Dictionary(uniqueKeysWithValues: sources.map { ($0.name, json($0.plan)) }))
    }
    return .object(members)
  }

  private func json(_ source: SourcePlan) -> JSONValue {
    .object([
      "server": .string(source.server), "start": .string(source.start), "end": .string(source.end),
      "warnings": .array(source.warnings.map(JSONValue.string)), "tables": .array(source.tables.map(json)),
    ])
  }

  private func json(_ window: PlannedWindow) -> JSONValue {
    .object([
      "name": .string(window.name), "from": .string(window.from.description), "window": .string(window.kind),
      "event_time": window.eventTime.map(JSONValue.string) ?? .null,
      "group_by": .array(window.groupBy.map(JSONValue.string)),
      "trigger": .string(window.trigger), "accumulation": .string(window.accumulation),
      "lateness": .string(window.lateness),
      "tables": .array(window.tables.map { .object(json($0)) }),
      "warnings": .array(window.warnings.map(JSONValue.string)),
    ])
  }

  private func json(_ table: PlannedTable) -> JSONValue {
    let rows = table.rows.flatMap { Int(exactly: $0) }.map(JSONValue.integer) ?? .null
    return .object(json(table.schema).merging(["rows_estimated": rows]) { $1 })
  }

  private func json(_ schema: TableSchema) -> [String: JSONValue] {
    [
      "schema": .string(schema.name.namespace), "table": .string(schema.name.table),
      "key": .array(schema.key.map { .string(schema.columns[$0].name) }),
      "key_is_primary": .boolean(schema.keyIsPrimary),
      "columns": .array(
        schema.columns.map { column in
          .object([
            "name": .string(column.name), "type": .string(PipelinePlan.type(of: column)),
            "nullable": .boolean(column.isNullable),
          ])
        }),
    ]
  }

  private func json(_ plan: SinkPlan) -> JSONValue {
    .object([
      "target": .string(plan.target), "statements": .array(plan.statements.map(JSONValue.string)),
      "checkpoint": plan.checkpoint.map { .string($0.text) } ?? .null,
      "warnings": .array(plan.warnings.map(JSONValue.string)),
    ])
  }
}
