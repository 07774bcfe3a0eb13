import Change
import Foundation
import MariaDBConnector

/// Everything that a log decodes to, in plain values that tests compare.
struct DecodedLog {
  struct Row: Hashable {
    var operation: Change.Operation
    var table: String
    var before: [String: String]
    var after: [String: String]
    var logOffset: UInt64
    var row: UInt32
    var identifier: String
    var time: Int64
    var columns: [String]
  }

  var rows: [Row] = []
  var transactions: [TransactionPart] = []
  var identifiers: [String] = []
  var schemas: [String: TableSchema] = [:]
  var schemaChanges: [SchemaChange] = []
  var position = BinlogPosition(file: "")
  var prepared: [PreparedTransaction] = []
  var mostPrepared = 0
  var endsInsideEvent = false

  /// Decodes a file from its first event to its last.
  static func read(
    _ path: String, provider: (any SchemaProvider)? = nil, byteLimit: Int = 512 << 10,
    options: BinlogDecoder.Options = unnamed
  ) throws -> DecodedLog {
    let file = try BinlogFile(path: path)
    var log = DecodedLog()
    let decoder = BinlogDecoder(position: BinlogPosition(file: file.name), provider: provider, options: options)
    let builder = BatchBuilder(byteLimit: byteLimit)
    while let action = try file.next({ event throws(Failure) in try decoder.decode(event, from: .file, into: builder) })
    {
      try log.follow(action, decoder, builder)
    }
    try decoder.finish(into: builder)
    log.add(builder.take(position: Position(text: "", token: "")))
    log.position = decoder.position
    log.prepared = decoder.preparedTransactions
    log.endsInsideEvent = file.endsInsideEvent
    return log
  }

  static var unnamed: BinlogDecoder.Options {
    var options = BinlogDecoder.Options()
    options.allowsUnnamedColumns = true
    return options
  }

  mutating func follow(
    _ first: BinlogDecoder.Action, _ decoder: BinlogDecoder, _ builder: BatchBuilder
  ) throws {
    var action = first
    while action == .more {
      add(builder.take(position: Position(text: "", token: "")))
      action = try decoder.continueDecoding(into: builder)
    }
    mostPrepared = max(mostPrepared, decoder.preparedTransactions.count)
    if builder.isFull { add(builder.take(position: Position(text: "", token: ""))) }
  }

  mutating func add(_ batch: Batch) {
    for part in batch.transactions {
      transactions.append(part)
      identifiers.append(batch.identifier(of: part))
      for change in batch.changes[part.range] where change.operation != .schema {
        let schema = batch.schemas[Int(change.schema)]
        schemas[schema.name.description] = schema
        rows.append(
          Row(
            operation: change.operation, table: schema.name.description,
            before: change.hasBefore ? Self.values(batch, schema, Int(change.before)) : [:],
            after: change.hasAfter ? Self.values(batch, schema, Int(change.after)) : [:], logOffset: change.logOffset,
            row: change.row, identifier: batch.identifier(of: part), time: change.time.microseconds,
            columns: schema.columns.map(\.name)))
      }
    }
    schemaChanges += batch.schemaChanges
  }

  private static func values(_ batch: Batch, _ schema: TableSchema, _ first: Int) -> [String: String] {
    var values: [String: String] = [:]
    for (index, column) in schema.columns.enumerated() {
      let cell = batch.cells[first + index]
      if cell.tag != .absent { values[column.name] = text(cell, batch) }
    }
    return values
  }

  static func text(_ cell: Cell, _ batch: Batch) -> String {
    switch cell.tag {
    case .absent: return "<absent>"
    case .null: return "NULL"
    case .unavailable: return "<unavailable>"
    case .boolean, .uint, .bits: return "\(cell.payload)"
    case .int, .time, .timestamp, .timestampZoned, .date: return "\(cell.int)"
    case .float32: return "\(cell.float32)"
    case .float64: return "\(cell.float64)"
    case .decimal64: return decimal(cell.int, Int(cell.scale))
    case .decimal, .text, .json: return batch.text(of: cell)
    case .bytes: return Data(batch.bytes(of: cell)).base64EncodedString()
    case .civil:
      let civil = cell.civil
      return "civil \(civil.year)-\(civil.month)-\(civil.day) \(civil.hour):\(civil.minute):\(civil.second)"
    }
  }

  private static func decimal(_ value: Int64, _ scale: Int) -> String {
    guard scale > 0 else { return "\(value)" }
    var digits = String(value.magnitude)
    while digits.count <= scale { digits = "0" + digits }
    let point = digits.index(digits.endIndex, offsetBy: -scale)
    return (value < 0 ? "-" : "") + digits[..<point] + "." + digits[point...]
  }
}

/// Logs that other servers wrote.
enum Fixtures {
  static let directory: String = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return package.deletingLastPathComponent().appendingPathComponent("shared/fixtures").path
  }()
  static var arePresent: Bool { FileManager.default.fileExists(atPath: directory + "/binlog") }
  static func binlog(_ name: String) -> String { directory + "/binlog/" + name }
  static var debezium: String { directory + "/debezium/mariadb/binlog.000001" }
}
