import Change
import Glibc
import Pipeline
import SQLRendering
import SQLiteDatabase

/// A checked `sqlite` sink.
struct SQLiteSinkDefinition: SinkDefinition {
  let settings: SQLiteSettings

  func makeSink(_ context: ConnectorContext) throws -> any Sink { SQLiteSink(settings: settings, context: context) }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    var plan = SinkPlan(target: "SQLite \(SQLiteConnection.libraryVersion), \(settings.path)")
    try warnAboutNames(tables, &plan)
    let tables = reshaped(tables, &plan)
    // InnoDB's row log does not hold what its foreign keys do by themselves, nor that they are there.
    if !tables.isEmpty {
      plan.warnings.append(
        "ON DELETE/UPDATE CASCADE and SET NULL of the source are not in its log: where it has them, create the tables here "
          + "with the same foreign keys first, and the mirror carries them out")
    }
    guard access(settings.path, F_OK) == 0 else {
      for schema in tables { plan.statements.append(try createStatement(schema)) }
      for schema in tables { warnAboutTypes(schema, &plan) }
      return plan
    }
    do {
      let connection = try SQLiteConnection(
        path: settings.path, mode: .readOnly, busyTimeoutMilliseconds: settings.busyTimeoutMilliseconds)
      plan.checkpoint = try CheckpointTable(connection: connection, pipeline: context.pipeline, sink: context.name)
        .read()
      for schema in tables { try add(schema, connection, &plan) }
      if settings.foreignKeys, try connection.hasCascades() {
        plan.warnings.append(
          "the target declares foreign keys with actions: every change is applied by itself, in log order, which is slower"
        )
      }
    } catch let failure as SQLiteFailure {
      throw failure.failure(at: settings.path)
    }
    return plan
  }

  private func add(_ schema: TableSchema, _ connection: SQLiteConnection, _ plan: inout SinkPlan) throws {
    warnAboutTypes(schema, &plan)
    let target = settings.targetName(of: schema.name)
    guard let shape = try TargetShape(connection, table: target) else {
      plan.statements.append(try createStatement(schema))
      return
    }
    if plan.checkpoint == nil, !settings.keepsExistingRows,
      try connection.hasRows(in: SQLDialect.sqlite.quoted(target))
    {
      plan.warnings.append(
        "\"\(target)\" holds rows that this sink has not written, and the run would stop: see `existing_rows`")
    }
    do throws(Failure) {
      _ = try ShapeCheck(
        schema: schema, shape: shape, target: target, unsigned64: settings.unsigned64, allowsMissing: false
      ).fit()
    } catch {
      plan.warnings.append("\(error)")
    }
  }

  /// The tables that the mode makes; one that it cannot keep becomes a warning.
  private func reshaped(_ tables: [TableSchema], _ plan: inout SinkPlan) -> [TableSchema] {
    var reshaped: [TableSchema] = []
    for schema in tables {
      do throws(Failure) {
        reshaped.append(try settings.mode.reshape(schema))
      } catch {
        plan.warnings.append("\(error), and the run would stop")
      }
    }
    return reshaped
  }

  private func createStatement(_ schema: TableSchema) throws(Failure) -> String {
    try TableDefinition(schema: schema, unsigned64: settings.unsigned64)
      .createStatement(table: settings.targetName(of: schema.name))
  }

  private func warnAboutNames(_ tables: [TableSchema], _ plan: inout SinkPlan) throws {
    var owners: [String: TableName] = [:]
    for schema in tables {
      let target = settings.targetName(of: schema.name)
      if let other = owners.updateValue(schema.name, forKey: target.lowercased()) {
        plan.warnings.append(
          "\"\(other)\" and \"\(schema.name)\" would both be written to \"\(target)\", and the run would stop: set `table_name`"
        )
      }
    }
  }

  private func warnAboutTypes(_ schema: TableSchema, _ plan: inout SinkPlan) {
    if schema.key.isEmpty, settings.mode.kind != .append {
      plan.warnings.append(
        "\"\(schema.name)\" has no key: each update and delete searches the whole table for one row with equal values")
    }
    for column in schema.columns where column.type == .integer(bits: 64, unsigned: true) && settings.unsigned64 == .text
    {
      plan.warnings.append(
        "\"\(schema.name)\": \"\(column.name)\" is unsigned with 64 bits and stored as text; `unsigned64: integer` stores an integer and refuses values above 9223372036854775807"
      )
    }
  }
}
