import Change
import Formats

/// A batch of one transaction, built change by change.
struct SampleBatch {
  let builder = BatchBuilder(byteLimit: 1 << 20)
  var time = EventTime(microseconds: 1_795_217_763_000_000)
  private(set) var offset: UInt64 = 4

  init(isSnapshot: Bool = false, identifier: String = "0-101-28") {
    builder.begin(
      commitTime: time, mark: LogMark(sequence: 28, file: 1, server: 101), identifier: identifier,
      isSnapshot: isSnapshot)
  }

  /// Appends a row's cells and returns the index of the first.
  func row(_ cells: [Cell]) -> UInt32 {
    builder.cells.append(contentsOf: cells)
    return UInt32(builder.cells.count - cells.count)
  }

  mutating func insert(_ schema: TableSchema, _ cells: [Cell], operation: Operation = .insert) {
    append(operation, schema, before: RowChange.noCells, after: row(cells))
  }

  mutating func update(_ schema: TableSchema, _ before: [Cell], _ after: [Cell]) {
    append(.update, schema, before: row(before), after: row(after))
  }

  mutating func delete(_ schema: TableSchema, _ cells: [Cell]) {
    append(.delete, schema, before: row(cells), after: RowChange.noCells)
  }

  mutating func append(_ operation: Operation, _ schema: TableSchema, before: UInt32, after: UInt32) {
    offset += 100
    builder.append(
      RowChange(
        operation: operation, schema: builder.index(of: schema), before: before, after: after, time: time,
        logOffset: offset))
  }

  func bytes(_ bytes: [UInt8], _ tag: Cell.Tag = .bytes) -> Cell {
    let offset = builder.arena.count
    builder.arena.append(contentsOf: bytes)
    return .slice(tag, offset: offset, length: bytes.count)
  }

  func text(_ text: String, _ tag: Cell.Tag = .text) -> Cell { builder.text(text, tag: tag) }

  func finish() -> Batch {
    builder.end(mark: LogMark(sequence: 28, file: 1, endOffset: 1000, server: 101))
    return builder.take(position: Position(text: "0-101-28", token: "{}"))
  }
}

let sampleContext = EncodingContext(connector: "mariadb", name: "golden", logFileBase: "binlog")
let sampleNow: Int64 = 1_795_217_948_750_578_348

/// A table with an INT key `id` and the given columns.
func table(_ columns: ColumnSchema..., name: String = "t") -> TableSchema {
  let id = ColumnSchema(name: "id", type: .integer(bits: 32, unsigned: false), isNullable: false)
  return TableSchema(name: TableName(namespace: "golden", table: name), columns: [id] + columns, key: [0])
}

/// The lines that an encoder makes of a batch.
func lines(_ encoder: any ChangeEncoder, _ batch: Batch) throws -> [String] {
  var writer = ByteWriter()
  try encoder.encode(batch, processingTime: sampleNow, into: &writer)
  return writer.text().split(separator: "\n").map(String.init)
}
