internal import Change
internal import MariaDBClient
internal import Pipeline
internal import SQLRendering

/// Tells what a run would do at the target, and what of it would stop it. Changes nothing.
struct TargetPlan {
  let server: TargetServer
  let settings: MariaDBSinkSettings
  let context: ConnectorContext
  private var plan: SinkPlan

  init(server: TargetServer, settings: MariaDBSinkSettings, context: ConnectorContext) {
    self.server = server
    self.settings = settings
    self.context = context
    plan = SinkPlan(target: server.description)
  }

  private var connection: MariaDBConnection { server.connection }
  private var sharesDialect: Bool {
    context.sources.map(\.content.kind).allSatisfy { $0.isEmpty || $0 == server.kind }
  }

  mutating func make(for tables: [TableSchema]) throws(Failure) -> SinkPlan {
    plan.checkpoint = try checkpoint()
    try refuseLoop(tables)
    warnAboutNames(tables)
    let tables = reshaped(tables)
    if !tables.isEmpty {
      plan.warnings.append(
        "foreign keys and triggers of the source are not made here; what ON DELETE/UPDATE CASCADE and SET NULL do is not in "
          + "its log: where it has them, create the tables here with the same foreign keys first, and the mirror carries them out"
      )
    }
    var databases: Set<String> = []
    for schema in tables { try add(schema, &databases) }
    return plan
  }

  private func checkpoint() throws(Failure) -> Position? {
    let table = "\(try TargetText.name(settings.stateDatabase)).`_freshet_checkpoint`"
    let rows: [[String?]]
    do throws(Failure) {
      rows = try connection.query(
        "SELECT `position`, `token` FROM \(table) WHERE `pipeline` = \(TargetText.literal(context.pipeline)) "
          + "AND `sink` = \(TargetText.literal(context.name))")
    } catch {
      // 1146 no such table, 1049 no such database.
      guard error.cause.hasPrefix("1146 ") || error.cause.hasPrefix("1049 ") else { throw error }
      return nil
    }
    guard let row = rows.first, let text = row[0], let token = row[1] else { return nil }
    return Position(text: text, token: token)
  }

  private func refuseLoop(_ tables: [TableSchema]) throws(Failure) {
    let origins = context.sources.map(\.content.server).filter { !$0.isEmpty }
    guard !origins.isEmpty, origins.contains(try TargetServer.identity(of: connection)) else { return }
    for schema in tables where server.folded(settings.names.target(of: schema.name)) == server.folded(schema.name) {
      throw TargetTables.loop(schema.name, at: connection.place)
    }
  }

  /// The tables that the mode makes; one that it cannot keep becomes a warning.
  private mutating func reshaped(_ tables: [TableSchema]) -> [TableSchema] {
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

  private mutating func warnAboutNames(_ tables: [TableSchema]) {
    var owners: [TableName: TableName] = [:]
    for schema in tables {
      let target = settings.names.target(of: schema.name)
      if let other = owners.updateValue(schema.name, forKey: server.folded(target)) {
        plan.warnings.append(
          "\"\(other)\" and \"\(schema.name)\" would both be written to \"\(target)\", and the run would stop: set `table_name`"
        )
      }
    }
  }

  private mutating func add(_ schema: TableSchema, _ databases: inout Set<String>) throws(Failure) {
    if schema.key.isEmpty, settings.mode.kind != .append {
      plan.warnings.append(
        "\"\(schema.name)\" has no key: each update and delete searches the whole table for one row with equal values")
    }
    let target = settings.names.target(of: schema.name)
    do throws(Failure) {
      guard let shape = try TargetShape(connection, target) else {
        return try addCreation(of: schema, target, &databases)
      }
      if plan.checkpoint == nil, !settings.keepsExistingRows, try connection.hasRows(in: TargetText.name(target)) {
        plan.warnings.append(
          "\"\(target)\" holds rows that this sink has not written, and the run would stop: see `existing_rows`")
      }
      if shape.hasTriggers {
        plan.warnings.append(
          "\"\(target)\" has triggers: they run for the mirror's changes, too, and for upserts not as they did at the source"
        )
      }
      let isReferenced = try server.isReferenced(target)
      if isReferenced || shape.hasForeignKeys {
        plan.warnings.append("\"\(target)\" has foreign keys: its changes are applied in log order, which is slower")
      }
      _ = try TargetShapeCheck(
        schema: schema, shape: shape, target: target, server: server, sharesDialect: sharesDialect, allowsMissing: false
      ).fit()
    } catch {
      guard error.code == .targetShape else { throw error }
      plan.warnings.append("\(error)")
    }
  }

  private mutating func addCreation(
    of schema: TableSchema, _ target: TableName, _ databases: inout Set<String>
  ) throws(Failure) {
    if databases.insert(target.namespace).inserted {
      let known = try connection.query(
        "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = \(TargetText.literal(target.namespace))")
      if known.isEmpty { plan.statements.append("CREATE DATABASE \(try TargetText.name(target.namespace))") }
    }
    let definition = TargetTableDefinition(
      schema: schema, server: server, sharesDialect: sharesDialect, includesIndexes: settings.indexes == .withTable)
    var remarks: [ColumnDefinition.Remark] = []
    plan.statements.append(try definition.createStatement(target, &remarks))
    plan.warnings += Set(remarks).map { "\"\(schema.name)\": \($0.text)" }.sorted()
    guard settings.indexes == .afterLoad else { return }
    let later = definition.laterIndexes
    guard !later.isEmpty else { return }
    var parts: [String] = []
    for index in later { parts.append("ADD \(try definition.indexDefinition(index))") }
    plan.statements.append("ALTER TABLE \(try TargetText.name(target)) \(parts.joined(separator: ", "))")
  }
}
