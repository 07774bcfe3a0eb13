package import Change

/// One change of a transaction as plain Swift values.
package enum MemoryChange: Sendable {
  case insert(TableSchema, [MemoryValue])
  case update(TableSchema, before: [MemoryValue], after: [MemoryValue])
  case delete(TableSchema, [MemoryValue])
  /// A row as a snapshot found it.
  case read(TableSchema, [MemoryValue])
  case schema(SchemaChange)
}

/// What one commit made visible together.
package struct MemoryTransaction: Sendable {
  package var commitTime: EventTime
  package var changes: [MemoryChange]
  package var isSnapshot: Bool

  package init(at commitTime: EventTime, _ changes: [MemoryChange], isSnapshot: Bool = false) {
    self.commitTime = commitTime
    self.changes = changes
    self.isSnapshot = isSnapshot
  }

  var changesSchema: Bool { changes.contains { if case .schema = $0 { true } else { false } } }
}

extension MemoryChange {
  /// Adds this change to the transaction that `builder` has open.
  package func append(to builder: BatchBuilder, at time: EventTime, offset: UInt64) {
    switch self {
    case .insert(let schema, let row):
      MemoryChange.append(.insert, schema, before: nil, after: row, to: builder, at: time, offset: offset)
    case .update(let schema, let before, let after):
      MemoryChange.append(.update, schema, before: before, after: after, to: builder, at: time, offset: offset)
    case .delete(let schema, let row):
      MemoryChange.append(.delete, schema, before: row, after: nil, to: builder, at: time, offset: offset)
    case .read(let schema, let row):
      MemoryChange.append(.read, schema, before: nil, after: row, to: builder, at: time, offset: 0)
    case .schema(let change):
      builder.append(change, time: time, logOffset: offset)
    }
  }

  private static func append(
    _ operation: Operation, _ schema: TableSchema, before: [MemoryValue]?, after: [MemoryValue]?,
    to builder: BatchBuilder, at time: EventTime, offset: UInt64
  ) {
    let first = append(before, of: schema, to: builder)
    let second = append(after, of: schema, to: builder)
    builder.append(
      RowChange(
        operation: operation, schema: builder.index(of: schema), before: first, after: second, time: time,
        logOffset: offset))
  }

  private static func append(_ row: [MemoryValue]?, of schema: TableSchema, to builder: BatchBuilder) -> UInt32 {
    guard let row else { return RowChange.noCells }
    precondition(row.count == schema.columns.count, "a row has a value for each column")
    let first = UInt32(builder.cells.count)
    for (value, column) in zip(row, schema.columns) {
      let cell = value.cell(in: builder, type: column.type)
      builder.cells.append(cell)
    }
    return first
  }
}
