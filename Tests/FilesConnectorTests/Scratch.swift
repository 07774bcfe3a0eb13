import Change
import FilesConnector
import Formats
import Foundation
import Pipeline

/// A folder that is removed with its owner.
final class ScratchFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-files-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { _ = try? FileManager.default.removeItem(atPath: path) }  // a folder that stays is only a nuisance

  var root: String { path + "/archive" }

  /// Copies the sink's folder as it is now, as a crash would leave it.
  func copy(_ name: String) throws -> String {
    let target = "\(path)/\(name)"
    try FileManager.default.copyItem(atPath: root, toPath: target)
    return target
  }

  /// All files below the sink's folder, sorted.
  func files(_ root: String? = nil) -> [String] {
    let root = root ?? self.root
    var found: [String] = []
    let entries = FileManager.default.enumerator(atPath: root)
    while let entry = entries?.nextObject() as? String {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: "\(root)/\(entry)", isDirectory: &isFolder), !isFolder.boolValue {
        found.append(entry)
      }
    }
    return found.sorted()
  }
}

enum Sample {
  static let encoding = EncodingContext(connector: "mariadb", name: "shop", logFileBase: "binlog")

  static func table(_ name: String, namespace: String = "shop", columns: [String] = ["id", "note"]) -> TableSchema {
    TableSchema(
      name: TableName(namespace: namespace, table: name),
      columns: columns.enumerated().map { index, column in
        ColumnSchema(
          name: column, type: index == 0 ? .integer(bits: 64, unsigned: false) : .text(length: 0),
          isNullable: index > 0)
      }, key: [0])
  }

  static func settings(_ root: String, _ format: FilesSettings.Format = .json) -> FilesSettings {
    FilesSettings(path: root, format: format, encoding: encoding)
  }

  static func checkpoint(_ number: Int) -> Checkpoint {
    Checkpoint(
      position: Position(text: "0-1-\(number)", token: "{\"gtid\":\"0-1-\(number)\"}"),
      watermark: EventTime(microseconds: 1_700_000_000_000_000 + Int64(number)))
  }
}

/// Makes batches of transactions with inserts, numbered on.
final class Workload {
  let builder = BatchBuilder()
  var transaction = 0
  var row: Int64 = 0
  var time = EventTime(microseconds: 1_700_000_000_000_000)

  /// One transaction with one row into each of `tables`; `note` is the text of the second and further columns.
  func insert(into tables: [TableSchema], note: String = "x") {
    transaction += 1
    time.microseconds += 1000
    begin()
    for table in tables { append(table, note) }
    end()
  }

  func begin() {
    builder.begin(commitTime: time, mark: mark, identifier: "0-1-\(transaction)")
  }

  func append(_ table: TableSchema, _ note: String) {
    row += 1
    let schema = builder.index(of: table)
    let text = builder.text(note)
    let first = UInt32(builder.cells.count)
    builder.cells.append(.int(row))
    for _ in table.columns.dropFirst() { builder.cells.append(text) }
    builder.append(
      RowChange(operation: .insert, schema: schema, after: first, time: time, logOffset: UInt64(row) * 100, row: 0))
  }

  func end() { builder.end(mark: mark) }

  func take() -> Batch { builder.take(position: Sample.checkpoint(transaction).position) }

  private var mark: LogMark {
    LogMark(sequence: UInt64(transaction), file: 1, endOffset: UInt64(transaction) * 1000, server: 1)
  }
}

extension FilesSink {
  /// Writes a batch whole and commits it.
  func deliver(_ batch: Batch, _ checkpoint: Checkpoint) async throws -> Receipt {
    try await write(batch, parts: 0..<batch.transactions.count)
    return try await commit(checkpoint)
  }
}

/// The lines that a reader of the manifest gets, from its beginning.
func committedLines(_ root: String) throws -> [String] {
  var lines: [String] = []
  try ManifestReader(root).read { _, line in lines.append(String(decoding: line, as: UTF8.self)) }
  return lines
}

/// The numbers in the column `id` of json lines, sorted.
func committedRows(_ root: String) throws -> [Int64] {
  struct Line: Decodable {
    struct Row: Decodable { var id: Int64 }
    var after: Row
  }
  return try committedLines(root).map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)).after.id }.sorted()
}
