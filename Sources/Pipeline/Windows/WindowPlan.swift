import Change

/// A window's definition against the schema of its table: which columns, how the state lies in memory, and what the
/// results look like.
final class WindowPlan {
  let definition: WindowDefinition
  let schema: TableSchema
  /// Nil: the time of the commit.
  let timeColumn: Int?
  let groupColumns: [Int]
  let measures: [Measure]
  /// Words of the aggregates' state.
  let width: Int
  /// Every column that is read; a row must hold them.
  let needed: [Int]
  private(set) var result: TableSchema
  /// The table of changes that come too late; nil when they stop the pipeline.
  private(set) var lateTable: TableSchema?
  /// Where late changes are told of, when they are set aside.
  private(set) var quarantine: TableSchema?
  /// The columns of the table that it shows: those of the key, and those that the window reads.
  let lateColumns: [Int]

  init(_ definition: WindowDefinition, _ schema: TableSchema) throws(Failure) {
    self.definition = definition
    self.schema = schema
    try WindowPlan.checkKey(definition, schema)
    timeColumn = try WindowPlan.timeColumn(definition, schema)
    var groups: [Int] = []
    for name in definition.groupBy { groups.append(try WindowPlan.groupColumn(name, definition, schema)) }
    groupColumns = groups
    var measures: [Measure] = []
    var width = 0
    for aggregate in definition.aggregates {
      measures.append(try Measure(aggregate, schema, offset: width))
      width += Measure.width(aggregate)
    }
    self.measures = measures
    self.width = width
    needed = Set(measures.flatMap(\.columns) + groups + (timeColumn.map { [$0] } ?? [])).sorted()
    lateColumns = Set(needed + schema.key).sorted()
    result = WindowPlan.resultSchema(definition, schema, groups, measures)
    if case .table(let name) = definition.tooLate, timeColumn != nil {
      lateTable = WindowPlan.lateSchema(name, schema, lateColumns)
    } else {
      lateTable = nil
    }
    if definition.tooLate == .quarantine { quarantine = RejectionTable.schema(beside: definition.from) }
    try checkNames()
  }

  /// Everything that can be told at once of why a window does not fit its table; empty where it does.
  static func problems(of definition: WindowDefinition, _ schema: TableSchema) -> [Failure] {
    do throws(Failure) {
      _ = try WindowPlan(definition, schema)
      return []
    } catch {
      var problems: [Failure] = []
      func note(_ body: () throws(Failure) -> Void) {
        do throws(Failure) { try body() } catch { problems.append(error) }
      }
      note { () throws(Failure) in try checkKey(definition, schema) }
      note { () throws(Failure) in _ = try timeColumn(definition, schema) }
      for name in definition.groupBy {
        note { () throws(Failure) in _ = try groupColumn(name, definition, schema) }
      }
      for aggregate in definition.aggregates {
        note { () throws(Failure) in _ = try Measure(aggregate, schema, offset: 0) }
      }
      // What only all of it together shows.
      return problems.isEmpty ? [error] : problems
    }
  }

  private static func checkKey(_ definition: WindowDefinition, _ schema: TableSchema) throws(Failure) {
    guard !definition.remembers || !schema.key.isEmpty else {
      throw Failure(
        .configuration, "window \"\(definition.name)\" cannot remember the rows of \"\(schema.name)\": it has no key",
        at: definition.place(of: "remember"), hint: "give the table a primary key, or leave `remember` out")
    }
  }

  private static func timeColumn(_ definition: WindowDefinition, _ schema: TableSchema) throws(Failure) -> Int? {
    guard let name = definition.eventTime else { return nil }
    let column = try column(name, "event_time", definition.place(of: "event_time"), schema)
    switch schema.columns[column].type {
    case .date, .timestamp, .timestampZoned: return column
    default:
      throw Failure(
        .configuration, "column \"\(name)\" is not a date or timestamp: it cannot be the event time",
        at: definition.place(of: "event_time"), hint: "make one of it with `compute`: cast(… as datetime)")
    }
  }

  private static func groupColumn(
    _ name: String, _ definition: WindowDefinition, _ schema: TableSchema
  ) throws(Failure) -> Int {
    let column = try column(name, "group_by", definition.place(of: "group_by \(name)"), schema)
    switch schema.columns[column].type {
    case .json, .geometry, .float32, .float64, .unboundedDecimal:
      throw Failure(
        .configuration, "column \"\(name)\" cannot tell groups apart: its values can be equal and look different",
        at: definition.place(of: "group_by \(name)"),
        hint: "make one of it with `compute` that has one form for each value: cast(… as …)")
    default: return column
    }
  }

  private static func column(
    _ name: String, _ key: String, _ place: String, _ schema: TableSchema
  ) throws(Failure) -> Int {
    if let column = schema.column(named: name) { return column }
    let names = schema.columns.map(\.name)
    throw Failure(
      .configuration,
      "`\(key)` names a column \(NearestName.quoted(name)) that \"\(schema.name)\" does not have"
        + NearestName.suggestion(for: name, in: names), at: place, hint: NearestName.list("columns", names))
  }

  private static let moment = ColumnType.timestamp(fraction: 6)

  private static func resultSchema(
    _ definition: WindowDefinition, _ schema: TableSchema, _ groups: [Int], _ measures: [Measure]
  ) -> TableSchema {
    var columns = [
      ColumnSchema(name: "window_start", type: moment, isNullable: false),
      ColumnSchema(name: "window_end", type: moment, isNullable: false),
    ]
    for group in groups {
      var column = schema.columns[group].holdingValues
      (column.isNullable, column.defaultValue, column.isAutoIncrement) = (false, nil, false)
      columns.append(column)
    }
    columns += measures.map(\.result)
    var key = [0] + (0..<groups.count).map { $0 + 2 }
    // Windows that grow have their beginning in common.
    if case .cumulative = definition.kind { key.insert(1, at: 1) }
    columns.append(ColumnSchema(name: "pane_timing", type: .text(length: 8), isNullable: false))
    if definition.accumulation != .accumulating { key.append(columns.count) }
    columns.append(ColumnSchema(name: "pane_index", type: .integer(bits: 32, unsigned: false), isNullable: false))
    columns.append(ColumnSchema(name: "is_last", type: .boolean, isNullable: false))
    if definition.accumulation == .retracting {
      key.append(columns.count)
      columns.append(ColumnSchema(name: "pane_sign", type: .integer(bits: 8, unsigned: false), isNullable: false))
    }
    return TableSchema(name: definition.table, columns: columns, key: key)
  }

  private static func lateSchema(_ name: TableName, _ schema: TableSchema, _ chosen: [Int]) -> TableSchema {
    let own = [
      ColumnSchema(name: "late_number", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "late_window_end", type: moment, isNullable: false),
      ColumnSchema(name: "late_watermark", type: moment, isNullable: false),
      ColumnSchema(name: "late_sign", type: .integer(bits: 8, unsigned: false), isNullable: false),
    ]
    let columns = chosen.map { index in
      var column = schema.columns[index].holdingValues
      (column.isNullable, column.defaultValue, column.isAutoIncrement) = (true, nil, false)
      return column
    }
    return TableSchema(name: name, columns: own + columns, key: [0])
  }

  private func checkNames() throws(Failure) {
    for table in [result, lateTable].compactMap(\.self) {
      var seen: Set<String> = []
      for column in table.columns where !seen.insert(column.name.lowercased()).inserted {
        throw Failure(
          .configuration,
          "the table \"\(table.name)\" of window \"\(definition.name)\" has two columns \"\(column.name)\"",
          at: definition.place, hint: "name the aggregate differently")
      }
    }
  }

  /// The results go on in the tables that sinks know already.
  func keepTables(of other: WindowPlan) {
    (result, lateTable, quarantine) = (other.result, other.lateTable, other.quarantine)
  }
}
