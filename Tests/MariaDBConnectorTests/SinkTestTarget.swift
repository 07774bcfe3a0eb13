import Change
import ConnectorConformance
import Flow
import Foundation
import Logging
import MariaDBClient
import Pipeline
import Synchronization
import TestServers

@testable import MariaDBConnector

/// Databases of one test at a shared private server, and sinks that write to them.
final class SinkTestTarget {
  static let server = Result { try MariaDBServer() }
  private static let number = Atomic<Int>(0)

  let server: MariaDBServer
  /// The target's database for the source's `shop`.
  let database: String
  /// The database of the sink's own tables.
  var state: String { database + "_state" }
  let client: MariaDBConnection
  private(set) var sequence: UInt64 = 0
  private let thread: DedicatedThread

  init(_ server: MariaDBServer? = nil) throws {
    self.server = try server ?? Self.server.get()
    database = "sink\(Self.number.add(1, ordering: .relaxed).newValue)"
    client = try self.server.client()
    try client.execute("CREATE DATABASE \(database)")
    try client.execute("USE \(database)")
    thread = DedicatedThread(name: "sink")
    thread.stop()
  }

  func settings(_ change: (inout MariaDBSinkSettings) -> Void = { _ in }) throws -> MariaDBSinkSettings {
    var settings = MariaDBSinkSettings(url: try MariaDBURL(server.url()))
    settings.stateDatabase = state
    settings.names = try TargetNames("\(database).{table}")
    settings.keepsExistingRows = true
    change(&settings)
    return settings
  }

  func sink(
    policy: SchemaChangePolicy = .evolve, badRows: BadRowPolicy = .stop, memory: Int = 64 << 20,
    merged: MergedTables = MergedTables(), _ change: (inout MariaDBSinkSettings) -> Void = { _ in }
  ) throws -> MariaDBSink {
    var context = ConnectorContext(
      pipeline: "shop", name: "copy", stateDirectory: "/nonexistent", memoryLimit: memory, schemaChangePolicy: policy,
      badRowPolicy: badRows, thread: thread, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      merged: merged)
    // A pipeline asks the source's arithmetic; positions that are none of MariaDB's say nothing.
    context.isInsideSnapshot = { position in
      do throws(Failure) { return try MariaDBPosition(position).snapshot != nil } catch { return nil }
    }
    return MariaDBSink(settings: try settings(change), context: context)
  }

  func checkpoint(_ number: Int) -> Checkpoint {
    Checkpoint(
      position: Position(text: "0-1-\(number)", token: #"{"n":\#(number)}"#),
      watermark: EventTime(seconds: UInt32(number)))
  }

  /// One batch with one transaction.
  func batch(_ fill: (BatchBuilder) -> Void) -> Batch {
    let builder = BatchBuilder()
    sequence += 1
    builder.begin(
      commitTime: EventTime(seconds: UInt32(sequence)), mark: LogMark(sequence: sequence), identifier: "0-1-\(sequence)"
    )
    fill(builder)
    builder.end(mark: LogMark(sequence: sequence))
    return builder.take(position: Position(text: "0-1-\(sequence)", token: "{}"))
  }

  /// The rows of a query, their columns with `|` between them.
  func rows(_ sql: String) throws -> [String] {
    try client.query(sql).map { $0.map { $0 ?? "NULL" }.joined(separator: "|") }
  }

  /// The position that the target has, by its number.
  var position: String? {
    get throws { try client.query("SELECT position FROM \(state)._freshet_checkpoint").first?.first ?? nil }
  }
}

/// `shop.items`: a key, a text and a number.
func itemsSchema(_ name: String = "items", key: [Int] = [0]) -> TableSchema {
  TableSchema(
    name: TableName(namespace: "shop", table: name),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: key.isEmpty),
      ColumnSchema(name: "name", type: .text(length: 40)),
      ColumnSchema(name: "amount", type: .integer(bits: 32, unsigned: false)),
    ], key: key)
}
