package import Change

/// Transactions that are computed rather than stored: the same for the same numbers, at any time and from any position.
package struct GeneratedWorkload: Sendable {
  package let transactions: Int
  package let rowsPerTransaction: Int
  package let schema: TableSchema

  /// The commit time of the first transaction: 2024-01-01T00:00:00Z. Each next one is a millisecond later.
  private static let firstCommit: Int64 = 1_704_067_200_000_000

  package init(transactions: Int, rowsPerTransaction: Int, columns: Int) {
    self.transactions = transactions
    self.rowsPerTransaction = rowsPerTransaction
    let values = (1...columns).map { number in
      number % 2 == 1
        ? ColumnSchema(name: "number_\(number)", type: .integer(bits: 64, unsigned: false))
        : ColumnSchema(name: "text_\(number)", type: .text(length: 32))
    }
    schema = TableSchema(
      name: TableName(namespace: "memory", table: "rows"),
      columns: [ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false)] + values,
      key: [0])
  }

  func commitTime(of transaction: Int) -> EventTime {
    EventTime(microseconds: GeneratedWorkload.firstCommit + Int64(transaction) * 1000)
  }

  /// Adds one row, as an insert, to the transaction that `builder` has open.
  func append(row: Int, of transaction: Int, to builder: BatchBuilder) {
    let id = transaction * rowsPerTransaction + row
    let first = builder.cells.count
    builder.cells.append(.int(Int64(id)))
    for column in 1..<schema.columns.count {
      let mixed = UInt64(bitPattern: Int64(id)) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(column)
      builder.cells.append(
        column % 2 == 1 ? .int(Int64(mixed >> 16)) : GeneratedWorkload.text(mixed, to: builder))
    }
    builder.append(
      RowChange(
        operation: .insert, schema: builder.index(of: schema), after: UInt32(first), time: commitTime(of: transaction),
        row: UInt32(truncatingIfNeeded: row)))
  }

  /// 16 letters from `a` to `p`, one for each half byte.
  private static func text(_ value: UInt64, to builder: BatchBuilder) -> Cell {
    let offset = builder.arena.count
    for shift in stride(from: 60, through: 0, by: -4) {
      builder.arena.append(UInt8(ascii: "a") + UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15))
    }
    return .slice(.text, offset: offset, length: 16)
  }
}
