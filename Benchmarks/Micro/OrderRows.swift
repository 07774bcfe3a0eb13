import Change

/// Rows of the stage benchmarks, made in memory: BIGINT id, one of 4 statuses, a key, DECIMAL(12,2), and an event time over
/// 60 minutes that is out of order by up to 5 s.
struct OrderRows {
  static let schema = TableSchema(
    name: TableName(namespace: "shop", table: "orders"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "status", type: .text(length: 16), isNullable: false),
      ColumnSchema(name: "customer", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(
        name: "amount", type: .decimal(precision: 12, scale: 2, unsigned: false), isNullable: false),
      ColumnSchema(name: "ordered", type: .timestamp(fraction: 6), isNullable: false),
    ], key: [0])

  /// `count` inserted rows in transactions of 100.
  static func batches(_ count: Int) -> [Batch] {
    let builder = BatchBuilder()
    var batches: [Batch] = []
    let position = Position(text: "0-1-1", token: "{}")
    for transaction in 0..<(count / 100) {
      append(transaction, of: count, to: builder)
      if builder.isFull { batches.append(builder.take(position: position)) }
    }
    if !builder.isEmpty { batches.append(builder.take(position: position)) }
    return batches
  }

  private static func append(_ transaction: Int, of count: Int, to builder: BatchBuilder) {
    let statuses = ["new", "paid", "sent", "draft"]
    let start: Int64 = 1_767_225_600_000_000
    let mark = LogMark(sequence: UInt64(transaction), file: 1, endOffset: UInt64(transaction) * 8_000 + 4, server: 1)
    builder.begin(
      commitTime: EventTime(microseconds: start + Int64(transaction)), mark: mark, identifier: "0-1-\(transaction)")
    let schema = builder.index(of: OrderRows.schema)
    for row in (transaction * 100)..<(transaction * 100 + 100) {
      let status = builder.text(statuses[row % 4])
      let first = UInt32(builder.cells.count)
      let number = Int64(row)
      let jitter = (number &* 2_654_435_761) % 5_000_000
      let time = start + number * 3_600_000_000 / Int64(count) - jitter
      builder.cells.append(.int(number))
      builder.cells.append(status)
      builder.cells.append(.int((number &* 48_271) % 10_000))
      builder.cells.append(.decimal64(unscaled: number % 99_999 + 25, scale: 2))
      builder.cells.append(.timestamp(microseconds: time))
      builder.append(
        RowChange(
          operation: .insert, schema: schema, after: first, time: EventTime(microseconds: time),
          logOffset: UInt64(row) * 80 + 4))
    }
    builder.end(mark: mark)
  }
}
