internal import Change
internal import Logging
internal import MariaDBClient
internal import Pipeline
internal import SQLRendering

/// Everything about shapes at the target: makes databases and tables, checks those that are there, carries out changes.
///
/// *Thread*: its sink's; every call may block. Its connection is its own, because a definition commits whatever the
/// connection has open. *Fencing*: every definition runs under a lock that is named for the sink, and after a look at the
/// epoch under that lock: a writer that was paused finds the lock taken or the epoch raised.
final class TargetTables {
  let connection: MariaDBConnection
  let settings: MariaDBSinkSettings
  let context: ConnectorContext
  let epoch: Int64
  let server: TargetServer
  /// Gets the connections that are made here, for as long as they are in use.
  let live: LiveConnections
  private var tables: [TableName: TargetTable] = [:]
  var claims: [TableName: TableName] = [:]
  var isPrepared = false
  /// Whether there was no checkpoint when this sink began, and its first load goes on.
  var startsAnew = false
  /// Tables that have lost all their rows, in a mode that keeps what was, and whose rows do not say so yet.
  var emptyings: [Emptying] = []
  /// Whether the sink's lock is held.
  var isGuarding = false
  /// The checkpoint under which schema changes were last counted, and how many came since.
  var countedToken: String?
  var changesSinceToken = 0

  struct Emptying {
    var target: TableName
    var moment: TableMoment
  }

  /// - Parameter epoch: what this writer claimed in the checkpoint table.
  init(
    connection: MariaDBConnection, settings: MariaDBSinkSettings, context: ConnectorContext, epoch: Int64,
    live: LiveConnections = LiveConnections()
  ) throws(Failure) {
    self.connection = connection
    self.settings = settings
    self.context = context
    self.epoch = epoch
    self.live = live
    server = try TargetServer(connection)
  }

  /// Whether expressions of the source mean the same at the target.
  var sharesDialect: Bool {
    context.sources.map(\.content.kind).allSatisfy { $0.isEmpty || $0 == server.kind }
  }

  /// The target's table for rows of this schema; made when it is missing, checked when it is there.
  ///
  /// May be called while the writer's transaction is open: nothing here waits for its rows.
  /// - Throws: `.targetShape` when the target's table cannot hold the source's rows exactly; the hint says what mends it.
  func table(for schema: TableSchema) throws(Failure) -> TargetTable {
    if let known = tables[schema.name], known.schema === schema || known.schema.hasSameShape(as: schema) {
      return known
    }
    do throws(Failure) {
      let table = try resolve(schema)
      tables[schema.name] = table
      return table
    } catch {
      throw error.at("table \"\(schema.name)\"")
    }
  }

  /// Makes the table anew at its next use.
  func forget(_ name: TableName) { tables[name] = nil }

  func forgetAll() { tables = [:] }

  private func resolve(_ schema: TableSchema) throws(Failure) -> TargetTable {
    try prepare()
    let target = try claim(schema.name)
    var shape = try TargetShape(connection, target)
    let isNew = shape == nil
    if isNew {
      try create(schema, target, withIndexes: settings.indexes == .withTable)
      shape = try TargetShape(connection, target)
    } else if startsAnew {
      try renewWaitingIndexes(schema, target)
    }
    guard var shape else { throw Failure(.internal, "the table just created is not there") }
    let fit: TargetShapeCheck.Fit
    do throws(Failure) {
      fit = try check(schema, target, shape)
    } catch {
      guard !isNew, let again = try remade(schema, target) else { throw error }
      shape = again
      fit = try check(schema, target, shape)
    }
    if !fit.leftOut.isEmpty {
      let names = fit.leftOut.map { schema.columns[$0].name }.joined(separator: ", ")
      warn("columns are left out: the target does not have them", schema.name, ["columns": "\(names)"])
    }
    return try TargetTable(
      schema: schema, name: target, shape: shape, fit: fit, isReferenced: try server.isReferenced(target), isNew: isNew)
  }

  private func check(
    _ schema: TableSchema, _ target: TableName, _ shape: TargetShape
  ) throws(Failure) -> TargetShapeCheck.Fit {
    let policy = context.schemaChangePolicy
    return try TargetShapeCheck(
      schema: schema, shape: shape, target: target, server: server, sharesDialect: sharesDialect,
      allowsMissing: policy == .ignore || policy == .tryEvolve
    ).fit()
  }

  /// Makes a table anew that this sink made and that has no rows yet: the source changed it after a snapshot that was
  /// interrupted before its first row, so that the log's change of it is not for this sink. Nil for any other table.
  private func remade(_ schema: TableSchema, _ target: TableName) throws(Failure) -> TargetShape? {
    guard try isMade(target), try !connection.hasRows(in: TargetText.name(target)) else { return nil }
    try guarded { () throws(Failure) in
      try connection.execute("DROP TABLE \(TargetText.name(target))")
      try create(schema, target, withIndexes: settings.indexes == .withTable)
    }
    return try TargetShape(connection, target)
  }

  /// Makes the database and the table.
  func create(_ schema: TableSchema, _ target: TableName, withIndexes: Bool) throws(Failure) {
    let definition = TargetTableDefinition(
      schema: schema, server: server, sharesDialect: sharesDialect, includesIndexes: withIndexes)
    var remarks: [ColumnDefinition.Remark] = []
    let statement = try definition.createStatement(target, &remarks)
    guard settings.createsTables else {
      throw Failure(
        .targetShape, "the target has no table \"\(target)\", and `create_tables` is false", hint: statement)
    }
    for remark in Set(remarks) { warn(remark.text, schema.name) }
    try guarded { () throws(Failure) in
      if settings.indexes == .afterLoad, !withIndexes { try rememberIndexes(definition, target) }
      try rememberMade(target)
      try connection.execute("CREATE DATABASE IF NOT EXISTS \(TargetText.name(target.namespace))")
      do throws(Failure) {
        try connection.execute(statement)
      } catch {
        throw explained(error, statement)
      }
    }
  }

  /// A refused definition with its text, which holds names and types and no values.
  func explained(_ failure: Failure, _ statement: String) -> Failure {
    guard failure.code == .internal || failure.code == .targetShape else { return failure }
    return Failure(
      .targetShape, "the target refuses a definition", at: failure.place, hint: statement, cause: failure.cause)
  }

  func warn(_ message: String, _ table: TableName, _ more: Logger.Metadata = [:]) {
    let metadata: Logger.Metadata = ["sink": "\(context.name)", "table": "\(table)"]
    context.logger.warning("\(message)", metadata: metadata.merging(more) { $1 })
  }
}
