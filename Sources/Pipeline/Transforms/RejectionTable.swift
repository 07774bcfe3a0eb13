import Change
import Flow

/// Makes rows of what was set aside: of the table that holds them for each table of the target.
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

  /// The table that holds what was set aside of another.
  static func schema(beside table: TableName) -> TableSchema {
    TableSchema(
      name: TableName(namespace: table.namespace, table: table.table + suffix), columns: columns, key: [0, 1])
  }

  private var schemas: [TableName: TableSchema] = [:]
  /// Tells the rows that have no place and no key from those of every other run.
  private let run = WallClock.microseconds()
  private var unnamed: UInt64 = 0

  /// Tables of the source with names as these tables have.
  private var others: Set<TableName> = []

  /// Notes the tables of a batch, and what is set aside of them.
  /// - Throws: `.configuration` when a table of the source has the name of one that tells what was set aside.
  mutating func claimNames(_ draft: BatchDraft) throws(Failure) {
    try claimNames(draft.schemas)
    guard !others.isEmpty else { return }
    for entry in draft.rejected {
      let name = TableName(namespace: entry.table.namespace, table: entry.table.table + RejectionTable.suffix)
      if others.contains(name) { throw RejectionTable.clash(name) }
    }
  }

  /// Notes the tables of a batch.
  mutating func claimNames(_ tables: [TableSchema]) throws(Failure) {
    for schema in tables where schema.name.table.hasSuffix(RejectionTable.suffix) {
      others.insert(schema.name)
      if schemas.values.contains(where: { $0.name == schema.name }) { throw RejectionTable.clash(schema.name) }
    }
  }

  private static func clash(_ name: TableName) -> Failure {
    Failure(
      .configuration, "rows that were set aside go to a table that has the name of one of the source",
      at: "table \"\(name)\"", hint: "give the source's table another name with `route`")
  }

  /// Appends what was set aside of the draft's transactions to their ends.
  mutating func append(to draft: BatchDraft) {
    var rejected = draft.rejected[...]
    // Each verb has gone through the batch once: in the order of the parts, and within each in that of the verbs.
    rejected = ArraySlice(
      rejected.enumerated().sorted { ($0.element.part, $0.offset) < ($1.element.part, $1.offset) }.map(\.element))
    draft.rejected.removeAll()
    var old: [RowChange] = []
    swap(&old, &draft.changes)
    draft.changes.reserveCapacity(old.count + rejected.count)
    for number in draft.transactions.indices {
      let part = draft.transactions[number]
      let first = draft.changes.count
      draft.changes.append(contentsOf: old[part.range])
      while let entry = rejected.first, entry.part == number {
        draft.changes.append(change(entry, part, draft))
        rejected.removeFirst()
      }
      draft.transactions[number].first = Int32(first)
      draft.transactions[number].count = Int32(draft.changes.count - first)
    }
  }

  private mutating func change(
    _ entry: RejectedChange, _ part: TransactionPart, _ draft: BatchDraft
  ) -> RowChange {
    let row = UInt32(draft.cells.count)
    let texts = [
      position(of: entry, part, draft), entry.origin.description, "\(entry.operation)", entry.key,
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
    draft.cells.append(.timestampZoned(microseconds: (entry.committed ?? part.commitTime).microseconds))
    return RowChange(
      operation: part.isSnapshot ? .read : .insert, schema: index(for: entry, draft), after: row, time: entry.time,
      logOffset: entry.logOffset, row: entry.row)
  }

  /// What no other row of the same table of the source has: its place in the log, or, in a snapshot, its key. Without
  /// either it is a number: when a crash has the row read again, it is there twice rather than not at all.
  private mutating func position(
    of entry: RejectedChange, _ part: TransactionPart, _ draft: BatchDraft
  ) -> String {
    let transaction = String(decoding: draft.arena[part.identifier.range], as: UTF8.self)
    guard part.isSnapshot else { return RejectionTable.place(of: entry.logOffset, entry.row, part, transaction) }
    let source = RejectionTable.source(part)
    guard let key = entry.key else {
      unnamed += 1
      return "\(source)snapshot \(run)-\(unnamed)"
    }
    return "\(source)snapshot \(RejectionTable.checksum(key))"
  }

  private static func source(_ part: TransactionPart) -> String { part.source == 0 ? "" : "source \(part.source) " }

  /// Where in the log a change is.
  static func place(of offset: UInt64, _ row: UInt32, _ part: TransactionPart, _ transaction: String) -> String {
    let start = "\(source(part))file \(part.mark.file) offset \(offset) row \(row)"
    return transaction.isEmpty ? start : "\(transaction.prefix(120)) \(start)"
  }

  /// FNV-1a of 64 bits: a key may be longer than a position.
  private static func checksum(_ text: String) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return String(hash, radix: 16)
  }

  /// The draft's index of the schema of the table that holds it.
  private mutating func index(for entry: RejectedChange, _ draft: BatchDraft) -> UInt16 {
    let schema = schemas[entry.table] ?? RejectionTable.schema(beside: entry.table)
    schemas[entry.table] = schema
    for index in draft.accounts.quarantines
    where draft.schemas[Int(index)] === schema && draft.accounts.origins[Int(index)] == entry.origin { return index }
    let index = draft.add(schema, origin: entry.origin)
    draft.accounts.quarantines.append(index)
    return index
  }
}
