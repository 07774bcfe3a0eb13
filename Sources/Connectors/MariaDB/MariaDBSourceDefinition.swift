internal import Change
internal import MariaDBClient
package import Pipeline

/// A checked `source:` block of type `mariadb` or `mysql`.
package struct MariaDBSourceDefinition: SourceDefinition {
  package let options: MariaDBSourceOptions

  package init(options: MariaDBSourceOptions) { self.options = options }

  package func makeSource(_ context: ConnectorContext) throws -> any Source {
    MariaDBSource(options: options, context: context)
  }

  package func plan(_ context: ConnectorContext) async throws -> SourcePlan {
    guard let url = options.url else {
      return SourcePlan(
        server: "\(options.files.count) log files", tables: [], start: options.files.first ?? "",
        end: options.files.last ?? "", warnings: [])
    }
    let server = try LogServer(url, options)
    try server.facts.check(at: server.connection.place)
    context.source.set(
      kind: server.facts.kind, logFileBase: server.facts.logFileBase,
      server: try TargetServer.identity(of: server.connection))
    if let name = options.heartbeatTable {
      try HeartbeatTable(name: name, interval: options.heartbeat).check(server.connection)
    }
    let wanted = WantedTables(options: options, filter: TableFilter(options.tables))
    let entries = try CatalogReader(connection: server.connection).tables { wanted.includes($0) }
    let tables = entries.sorted { $0.key < $1.key }.map { name, entry in
      PlannedTable(schema: entry.hints.schema(named: name), rows: entry.rows)
    }
    return SourcePlan(
      server: server.facts.description, tables: tables, start: try start(server), end: try server.end().description,
      warnings: server.facts.warnings + warnings(tables))
  }

  private func start(_ server: LogServer) throws(Failure) -> String {
    if let start = options.start {
      let point = try server.startPoint(start)
      switch point.stream {
      case .gtids(let set): return set.isEmpty ? "the log's beginning" : set.description
      case .place(let place): return place.description
      }
    }
    let end = try server.end()
    return options.snapshotMode == .never ? end.description : "a snapshot at \(end)"
  }

  private func warnings(_ tables: [PlannedTable]) -> [String] {
    var warnings: [String] = []
    if tables.isEmpty { warnings.append("no table matches `tables`, or the user may see none: GRANT SELECT on them") }
    for table in tables where options.snapshotMode != .never {
      let schema = table.schema
      if schema.key.isEmpty {
        warnings.append(
          "table \"\(schema.name)\" has no key: its snapshot is one transaction, and updates find rows by all values")
      } else if KeyColumn.columns(of: schema) == nil {
        warnings.append(
          "the key of table \"\(schema.name)\" cannot be cut into chunks: its snapshot is one transaction")
      }
    }
    return warnings
  }
}
