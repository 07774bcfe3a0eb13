import Change
import ConnectorConformance
import Flow
import Foundation
import Logging
import Pipeline
import SQLiteDatabase

@testable import SQLiteConnector

/// A SQLite file in a directory of its own, and sinks that write to it.
final class SinkHarness {
  let directory: String
  let path: String
  private(set) var sequence: UInt64 = 0

  init() throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    path = directory + "/target.db"
  }

  deinit {
    do {
      try FileManager.default.removeItem(atPath: directory)
    } catch {
      print("left behind: \(directory): \(error)")
    }
  }

  func context(
    policy: SchemaChangePolicy = .evolve, badRows: BadRowPolicy = .stop, memory: Int = 64 << 20, name: String = "copy",
    merged: MergedTables = MergedTables()
  ) -> ConnectorContext {
    ConnectorContext(
      pipeline: "shop", name: name, stateDirectory: directory, memoryLimit: memory, schemaChangePolicy: policy,
      badRowPolicy: badRows, thread: thread, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      merged: merged)
  }

  private lazy var thread: DedicatedThread = {
    let thread = DedicatedThread(name: "sink")
    thread.stop()
    return thread
  }()

  func sink(
    policy: SchemaChangePolicy = .evolve, badRows: BadRowPolicy = .stop, memory: Int = 64 << 20, name: String = "copy",
    merged: MergedTables = MergedTables(), _ change: (inout SQLiteSettings) -> Void = { _ in }
  ) -> SQLiteSink {
    var settings = SQLiteSettings(path: path)
    settings.synchronous = "off"
    change(&settings)
    return SQLiteSink(
      settings: settings, context: context(policy: policy, badRows: badRows, memory: memory, name: name, merged: merged)
    )
  }

  func checkpoint(_ number: Int) -> Checkpoint {
    Checkpoint(
      position: Position(text: "0-1-\(number)", token: #"{"n":\#(number)}"#),
      watermark: EventTime(seconds: UInt32(number)))
  }

  /// One batch with one transaction.
  func batch(isSnapshot: Bool = false, _ fill: (BatchBuilder) -> Void) -> Batch {
    let builder = BatchBuilder()
    sequence += 1
    builder.begin(
      commitTime: EventTime(seconds: UInt32(sequence)), mark: LogMark(sequence: sequence),
      identifier: "0-1-\(sequence)",
      isSnapshot: isSnapshot)
    fill(builder)
    builder.end(mark: LogMark(sequence: sequence))
    return builder.take(position: Position(text: "0-1-\(sequence)", token: "{}"))
  }

  /// The rows of a query, each as SQLite's own `quote()` of its columns with `|` between them.
  func rows(_ sql: String) throws -> [String] {
    let connection = try SQLiteConnection(path: path, mode: [.readWrite])
    let statement = try SQLiteStatement(connection, sql)
    var rows: [String] = []
    while try statement.step() {
      rows.append(
        (0..<statement.columnCount).map { column in
          switch statement.storageClass(column) {
          case .null: "NULL"
          case .blob: statement.withBlob(column) { "x'" + $0.map { String(format: "%02x", $0) }.joined() + "'" }
          case .text: "'\(statement.string(column) ?? "")'"
          case .integer: "\(statement.int64(column))"
          case .real: "\(statement.double(column))"
          }
        }.joined(separator: "|"))
    }
    return rows
  }

  func execute(_ sql: String) throws {
    try SQLiteConnection(path: path).execute(sql)
  }
}

extension BatchBuilder {
  func schemaChange(_ change: SchemaChange) { append(change, time: EventTime(seconds: 1), logOffset: 7) }
}

/// `shop.items`: a key, a text and a number.
func itemsSchema(_ name: String = "items", key: [Int] = [0], version: UInt32 = 1) -> TableSchema {
  TableSchema(
    name: TableName(namespace: "shop", table: name),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "name", type: .text(length: 40)),
      ColumnSchema(name: "amount", type: .integer(bits: 32, unsigned: false)),
    ], key: key, version: version)
}
