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
    if !tables.isEmpty {
      text += "\n" + TextTable.text(header: ["TABLE", "ROWS", "KEY"], tables.map(row))
      text += "\n" + TextTable.text(header: ["TABLE", "COLUMN", "TYPE", ""], tables.flatMap { columns($0.schema) })
    }
    if let transformed, !transformed.isEmpty {
      text += "\nbehind the transforms:\n"
      text += TextTable.text(
        header: ["FROM", "TABLE", "KEY"],
        zip(tables, transformed).map { [$0.schema.name.description, $1.name.description, key(of: $1)] })
      text += "\n" + TextTable.text(header: ["TABLE", "COLUMN", "TYPE", ""], transformed.flatMap(columns))
    }
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

  /// Those of all sources.
  private var tables: [PlannedTable] { sources.flatMap(\.plan.tables) }

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

  private func row(_ table: PlannedTable) -> [String] {
    let schema = table.schema
    return [
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
    column.nativeType.isEmpty ? String(describing: column.type) : column.nativeType
  }

  /// For programs.
  var json: JSONValue {
    var members: [String: JSONValue] = [
      "pipeline": .string(pipeline),
      "transformed": transformed.map { tables in
        .array(
          zip(self.tables, tables).map {
            .object(json($1).merging(["from": .string($0.schema.name.description)]) { $1 })
          })
      } ?? .null,
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
