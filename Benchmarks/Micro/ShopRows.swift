import Change

/// The rows of the end-to-end workloads A and B, made in memory: BIGINT key, INT, CHAR(120), CHAR(60), DECIMAL(12,2),
/// DATETIME(6), VARCHAR(16).
struct ShopRows {
  static let columns = [
    ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false, nativeType: "bigint(20)"),
    ColumnSchema(name: "n", type: .integer(bits: 32, unsigned: false), isNullable: false, nativeType: "int(11)"),
    ColumnSchema(name: "a", type: .text(length: 120), isNullable: false, nativeType: "char(120)"),
    ColumnSchema(name: "b", type: .text(length: 60), isNullable: false, nativeType: "char(60)"),
    ColumnSchema(
      name: "amount", type: .decimal(precision: 12, scale: 2, unsigned: false), isNullable: false,
      nativeType: "decimal(12,2)"),
    ColumnSchema(name: "at", type: .timestamp(fraction: 6), isNullable: false, nativeType: "datetime(6)"),
    ColumnSchema(name: "status", type: .text(length: 16), isNullable: false, nativeType: "varchar(16)"),
  ]

  /// 2026-01-01T00:00:00Z.
  static let start: Int64 = 1_767_225_600_000_000

  let schema = TableSchema(name: TableName(namespace: "bench", table: "a"), columns: columns, key: [0])
  let position = Position(text: "0-1-1", token: "{}")
  /// 120 bytes of `a`, 58 of `b`, 4 of `status`.
  private let texts =
    Array(repeating: UInt8(ascii: "k"), count: 120) + Array(repeating: UInt8(ascii: "K"), count: 58)
    + Array("paid".utf8)
  private let identifier = Array("0-1-1234567".utf8)

  /// Appends one transaction of inserts.
  func appendInserts(of rows: Range<Int>, to builder: BatchBuilder) {
    transaction(rows.lowerBound, builder) { schema in
      for row in rows {
        append(.insert, schema, before: RowChange.noCells, after: appendCells(row, to: builder), row, builder)
      }
    }
  }

  /// Appends one transaction of 4 changes: in the long run 40 % inserts, 50 % updates and 10 % deletes.
  func appendMixture(_ number: Int, to builder: BatchBuilder) {
    transaction(number, builder) { schema in
      for row in (number * 4)..<(number * 4 + 4) {
        let cells = appendCells(row, to: builder)
        switch row % 10 {
        case 0..<4: append(.insert, schema, before: RowChange.noCells, after: cells, row, builder)
        case 9: append(.delete, schema, before: cells, after: RowChange.noCells, row, builder)
        default: append(.update, schema, before: cells, after: appendCells(row, to: builder), row, builder)
        }
      }
    }
  }

  @inline(__always)
  private func transaction(_ number: Int, _ builder: BatchBuilder, _ body: (UInt16) -> Void) {
    let offset = identifier.withUnsafeBytes { builder.append($0) }
    let time = EventTime(microseconds: Self.start + Int64(number))
    let mark = LogMark(sequence: UInt64(number), file: 1, endOffset: UInt64(number) * 22_000 + 4, server: 1)
    builder.begin(
      commitTime: time, mark: mark, identifier: Range32(offset: offset, length: identifier.count))
    body(builder.index(of: schema))
    builder.end(mark: mark)
  }

  @inline(__always)
  private func append(
    _ operation: Operation, _ schema: UInt16, before: UInt32, after: UInt32, _ row: Int, _ builder: BatchBuilder
  ) {
    builder.append(
      RowChange(
        operation: operation, schema: schema, before: before, after: after,
        time: EventTime(microseconds: Self.start + Int64(row)), logOffset: UInt64(row) * 217 + 4, row: 0))
  }

  /// Appends a row's bytes, once, and its cells; returns the index of the first.
  @inline(__always)
  private func appendCells(_ row: Int, to builder: BatchBuilder) -> UInt32 {
    let offset = texts.withUnsafeBytes { builder.append($0) }
    let first = UInt32(builder.cells.count)
    let id = Int64(row)
    builder.cells.append(.int(id))
    builder.cells.append(.int(id % 1_000_003))
    builder.cells.append(.slice(.text, offset: offset, length: 120))
    builder.cells.append(.slice(.text, offset: offset + 120, length: 58))
    builder.cells.append(.decimal64(unscaled: (id % 9_999_999) * 100 + 25, scale: 2))
    builder.cells.append(.timestamp(microseconds: Self.start + id * 1_000_000 + id % 1_000_000))
    builder.cells.append(.slice(.text, offset: offset + 178, length: 4))
    return first
  }

  /// `count` rows of workload A in batches.
  func insertBatches(_ count: Int) -> [Batch] {
    batches(count / 100) { appendInserts(of: ($0 * 100)..<($0 * 100 + 100), to: $1) }
  }

  /// `count` changes of workload B in batches.
  func mixtureBatches(_ count: Int) -> [Batch] {
    batches(count / 4) { appendMixture($0, to: $1) }
  }

  private func batches(_ transactions: Int, _ append: (Int, BatchBuilder) -> Void) -> [Batch] {
    let builder = BatchBuilder()
    var batches: [Batch] = []
    for transaction in 0..<transactions {
      append(transaction, builder)
      if builder.isFull { batches.append(builder.take(position: position)) }
    }
    if !builder.isEmpty { batches.append(builder.take(position: position)) }
    return batches
  }
}
