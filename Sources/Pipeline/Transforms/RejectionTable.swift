import Change

/// Makes rows of what transforms have set aside: of the table that holds them for each table of the target.
///
/// They flow on like any other rows, so that every sink stores them in the transaction, and with the checkpoint, of the
/// change that they stand for.
struct RejectionTable {
  /// What the name of a table is followed by.
  static let suffix = "_freshet_quarantine"

  private static let columns = [
    ColumnSchema(name: "position", type: .text(length: 255), isNullable: false),
    ColumnSchema(name: "origin", type: .text(length: 255), isNullable: false),
    ColumnSchema(name: "operation", type: .text(length: 8), isNullable: false),
    ColumnSchema(name: "row_key", type: .text(length: 0)),
    ColumnSchema(name: "code", type: .text(length: 32), isNullable: false),
    ColumnSchema(name: "reason", type: .text(length: 0), isNullable: false),
    ColumnSchema(name: "commit_time", type: .timestampZoned(fraction: 6), isNullable: false),
  ]

  private var schemas: [TableName: TableSchema] = [:]

  /// Appends what was set aside of the draft's transactions to their ends.
  mutating func append(to draft: BatchDraft) {
    let rejected = draft.rejected
    draft.rejected.removeAll()
    var old: [RowChange] = []
    swap(&old, &draft.changes)
    draft.changes.reserveCapacity(old.count + rejected.count)
    for number in draft.transactions.indices {
      let part = draft.transactions[number]
      let first = draft.changes.count
      draft.changes.append(contentsOf: old[part.range])
      for (ordinal, entry) in rejected.enumerated() where entry.part == number {
        draft.changes.append(change(entry, ordinal, part, draft))
      }
      draft.transactions[number].first = Int32(first)
      draft.transactions[number].count = Int32(draft.changes.count - first)
    }
  }

  private mutating func change(
    _ entry: RejectedChange, _ ordinal: Int, _ part: TransactionPart, _ draft: BatchDraft
  ) -> RowChange {
    let row = UInt32(draft.cells.count)
    let texts = [
      position(of: entry, ordinal, part, draft), entry.origin.description, "\(entry.operation)", entry.key,
      entry.failure.code.rawValue,
      (entry.failure.place.isEmpty ? "" : entry.failure.place + ": ") + entry.failure.message,
    ]
    for text in texts {
      guard let text else {
        draft.cells.append(.null)
        continue
      }
      let offset = draft.arena.count
      draft.arena.append(contentsOf: text.utf8)
      draft.cells.append(.slice(.text, offset: offset, length: draft.arena.count - offset))
    }
    draft.cells.append(.timestampZoned(microseconds: part.commitTime.microseconds))
    return RowChange(
      operation: part.isSnapshot ? .read : .insert, schema: index(for: entry, draft), after: row, time: entry.time,
      logOffset: entry.logOffset, row: entry.row)
  }

  /// What no other row of the source has: its place in the log, or, in a snapshot, its key.
  private func position(
    of entry: RejectedChange, _ ordinal: Int, _ part: TransactionPart, _ draft: BatchDraft
  ) -> String {
    let transaction = String(decoding: draft.arena[part.identifier.range], as: UTF8.self)
    guard part.isSnapshot else {
      let start = "file \(part.mark.file) offset \(entry.logOffset) row \(entry.row)"
      return transaction.isEmpty ? start : "\(transaction.prefix(120)) \(start)"
    }
    let mark = entry.key.map(RejectionTable.checksum) ?? "\(part.mark.endOffset) \(part.mark.sequence) \(ordinal)"
    return "snapshot \(mark)"
  }

  /// FNV-1a of 64 bits: a key may be longer than a position.
  private static func checksum(_ text: String) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return String(hash, radix: 16)
  }

  /// The draft's index of the schema of the table that holds it.
  private mutating func index(for entry: RejectedChange, _ draft: BatchDraft) -> UInt16 {
    let name = TableName(namespace: entry.table.namespace, table: entry.table.table + RejectionTable.suffix)
    let schema = schemas[name] ?? TableSchema(name: name, columns: RejectionTable.columns, key: [0])
    schemas[name] = schema
    for index in draft.accounts.quarantines
    where draft.schemas[Int(index)] === schema && draft.accounts.origins[Int(index)] == entry.origin { return index }
    let index = draft.add(schema, origin: entry.origin)
    draft.accounts.quarantines.append(index)
    return index
  }
}
