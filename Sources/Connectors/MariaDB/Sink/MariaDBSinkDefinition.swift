internal import Change
internal import MariaDBClient
internal import Pipeline

/// A checked sink block of type `mariadb` or `mysql`.
struct MariaDBSinkDefinition: SinkDefinition {
  let settings: MariaDBSinkSettings

  func makeSink(_ context: ConnectorContext) throws -> any Sink {
    MariaDBSink(settings: settings, context: context)
  }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    let connection = try settings.connect(.definitions)
    defer { connection.close() }
    var plan = TargetPlan(server: try TargetServer(connection), settings: settings, context: context)
    return try plan.make(for: tables)
  }
}
