import Change
import Flow
import Foundation
import Logging
import MariaDBClient
import Pipeline
import TestServers

@testable import MariaDBConnector

/// A server that is source and target at once: `shop` is copied to `copy`, so that both can be compared statement by
/// statement.
final class TargetHarness {
  let server: MariaDBServer
  let client: MariaDBConnection
  let thread = DedicatedThread(name: "target-test")
  let description = SourceDescription()
  let directory = NSTemporaryDirectory() + "freshet-target-\(UUID().uuidString)"
  var settings: MariaDBSinkSettings
  private var checkpoint: Position?

  init(options: [String: String?] = [:], template: String = "copy.{table}") throws {
    server = try MariaDBServer(options: options)
    client = try server.client()
    settings = MariaDBSinkSettings(url: try MariaDBURL(server.url()))
    settings.names = try TargetNames(template)
    description.set(kind: "mariadb", logFileBase: "binlog")
    try run(
      "CREATE DATABASE shop", "CREATE DATABASE freshet",
      """
      CREATE TABLE freshet._freshet_checkpoint (pipeline VARCHAR(255), sink VARCHAR(255), epoch BIGINT UNSIGNED,
        position LONGTEXT, token LONGTEXT, PRIMARY KEY (pipeline, sink)) CHARSET utf8mb4 COLLATE utf8mb4_bin
      """,
      "INSERT INTO freshet._freshet_checkpoint VALUES ('test', 'copy', 1, 'start', 'start')")
  }

  deinit { thread.stop() }

  func run(_ statements: String...) throws { for statement in statements { try client.execute(statement) } }

  /// What the writer stores with its data: the changes before are not seen again.
  func advance(to token: String) throws {
    try run("UPDATE freshet._freshet_checkpoint SET token = '\(token)'")
  }

  func context(_ policy: SchemaChangePolicy) -> ConnectorContext {
    ConnectorContext(
      pipeline: "test", name: "copy", stateDirectory: directory, memoryLimit: 64 << 20, schemaChangePolicy: policy,
      badRowPolicy: .stop, thread: thread, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      source: description)
  }

  func tables(_ policy: SchemaChangePolicy = .evolve, epoch: Int64 = 1) throws -> TargetTables {
    try TargetTables(
      connection: try settings.connect(.definitions), settings: settings, context: context(policy), epoch: epoch)
  }

  /// The schema that a snapshot reads.
  func schema(_ table: String) throws -> TableSchema {
    let name = TableName(namespace: "shop", table: table)
    guard let entry = try CatalogReader(connection: client).table(name) else {
      throw Failure(.internal, "no table \(table)")
    }
    return entry.hints.schema(named: name)
  }

  /// `SHOW CREATE TABLE` without the number that comes next and without what is not replicated.
  func definition(_ database: String, _ table: String) throws -> String {
    (try client.definition(of: TableName(namespace: database, table: table)) ?? "missing")
      .replacing(" ON UPDATE current_timestamp()", with: "").replacing(#/ COMMENT='.*'/#, with: "")
  }

  func rows(_ query: String) throws -> [String] {
    try client.query(query).map { $0.map { $0 ?? "NULL" }.joined(separator: "|") }
  }

  // MARK: Changes out of the log

  /// Reads the log on from where the last call ended; the first one takes a snapshot.
  func read() async throws -> [Batch] {
    var options = MariaDBSourceOptions(url: try MariaDBURL(server.url()))
    options.tables = ["shop.*", "depot.*"]
    options.snapshotMode = .initial
    let run = LiveRun(options, from: [checkpoint], until: .now, directory: directory)
    try await run.finished()
    checkpoint = run.output.batches.last?.position ?? checkpoint
    return run.output.batches
  }

  /// The schema changes that statements at the source have made.
  func changes(_ statements: [String]) async throws -> [SchemaChange] {
    for statement in statements { try client.execute(statement) }
    return try await read().flatMap { batch in
      batch.changes.filter { $0.operation == .schema }.map { batch.schemaChanges[Int($0.row)] }
    }
  }

  /// Makes the copy of a table as the sink does, with its rows.
  func copy(_ tables: TargetTables, _ names: String...) throws {
    for name in names {
      let table = try tables.table(for: schema(name))
      let columns = table.columns.map(\.quotedName).joined(separator: ", ")
      try run("INSERT INTO \(table.quotedName) (\(columns)) SELECT \(columns) FROM shop.`\(name)`")
    }
  }
}
