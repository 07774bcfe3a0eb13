import Change
import Flow

// A batch of results as bytes: it has no schema changes, and of accounts only which tables tell what was set aside.

extension Batch {
  /// The same batch, whose rows of these tables tell what was set aside.
  func quarantining(_ tables: [UInt16]) -> Batch {
    if tables.isEmpty { return self }
    let draft = BatchDraft()
    draft.begin(self)
    draft.accounts.quarantines = tables
    return draft.finish()
  }

  func encode(to writer: inout StateWriter) {
    writer.append(arena)
    writer.append(cells.count)
    for cell in cells {
      writer.append(cell.payload)
      writer.append(Int(cell.tag.rawValue) | Int(cell.scale) << 8)
    }
    writer.append(schemas.count)
    for schema in schemas { schema.encode(to: &writer) }
    writer.append(changes.count)
    for change in changes {
      writer.append(Int(change.operation.rawValue) | Int(change.schema) << 8)
      writer.append(Int(change.before) | Int(change.after) << 32)
      writer.append(change.time.microseconds)
    }
    writer.append(transactions.count)
    for part in transactions { part.encode(to: &writer) }
    writer.append(position.text)
    writer.append(position.token)
    let quarantines = accounts?.quarantines ?? []
    writer.append(quarantines.count)
    for index in quarantines { writer.append(Int(index)) }
  }

  /// - Parameter known: the schemas that were written, when they are still there.
  static func decode(from reader: inout StateReader, schemas known: [TableSchema]? = nil) throws(Failure) -> Batch {
    let arena = try reader.text()
    var cells: [Cell] = []
    for _ in 0..<(try reader.count(least: 16)) {
      let payload = try reader.unsigned()
      let form = try reader.integer()
      guard let tag = Cell.Tag(rawValue: UInt8(truncatingIfNeeded: form)) else { throw StateReader.damaged() }
      let cell = Cell(tag, payload, scale: UInt8(truncatingIfNeeded: form >> 8))
      guard !cell.isSlice || cell.range.upperBound <= arena.count else { throw StateReader.damaged() }
      cells.append(cell)
    }
    var schemas: [TableSchema] = []
    for _ in 0..<(try reader.count(least: 8)) { schemas.append(try TableSchema.decode(from: &reader)) }
    if let known { schemas = known }
    var changes: [RowChange] = []
    for _ in 0..<(try reader.count(least: 24)) {
      changes.append(try change(from: &reader, schemas, cells.count))
    }
    var transactions: [TransactionPart] = []
    for _ in 0..<(try reader.count(least: 64)) {
      let part = try TransactionPart.decode(from: &reader)
      guard part.first >= 0, part.count >= 0, part.range.upperBound <= changes.count,
        part.identifier.range.upperBound <= arena.count
      else { throw StateReader.damaged() }
      transactions.append(part)
    }
    let position = Position(text: try reader.string(), token: try reader.string())
    var quarantines: [UInt16] = []
    for _ in 0..<(try reader.count(least: 8)) {
      let index = try reader.integer()
      guard (0..<Int64(schemas.count)).contains(index) else { throw StateReader.damaged() }
      quarantines.append(UInt16(index))
    }
    return Batch(
      arena: arena, cells: cells, changes: changes, transactions: transactions, schemas: schemas, schemaChanges: [],
      position: position, logBytes: 0, readAt: MonotonicTime.now()
    ).quarantining(quarantines)
  }

  private static func change(
    from reader: inout StateReader, _ schemas: [TableSchema], _ cellCount: Int
  ) throws(Failure) -> RowChange {
    let form = try reader.integer()
    let images = try reader.unsigned()
    let schema = Int(form >> 8)
    guard let operation = Operation(rawValue: UInt8(truncatingIfNeeded: form)), operation != .schema,
      schemas.indices.contains(schema)
    else { throw StateReader.damaged() }
    let (before, after) = (UInt32(truncatingIfNeeded: images), UInt32(images >> 32))
    for first in [before, after] where first != RowChange.noCells {
      guard Int(first) + schemas[schema].columns.count <= cellCount else { throw StateReader.damaged() }
    }
    return RowChange(
      operation: operation, schema: UInt16(schema), before: before, after: after,
      time: EventTime(microseconds: try reader.integer()))
  }
}

extension TransactionPart {
  fileprivate func encode(to writer: inout StateWriter) {
    writer.append(Int(first))
    writer.append(Int(count))
    writer.append((begins ? 1 : 0) | (ends ? 2 : 0))
    writer.append(preceding)
    writer.append(commitTime.microseconds)
    writer.append(mark.sequence)
    writer.append(Int(identifier.offset))
    writer.append(Int(identifier.length))
  }

  fileprivate static func decode(from reader: inout StateReader) throws(Failure) -> TransactionPart {
    guard let first = Int32(exactly: try reader.integer()), let count = Int32(exactly: try reader.integer()) else {
      throw StateReader.damaged()
    }
    let bounds = try reader.integer()
    let preceding = try reader.unsigned()
    let commitTime = EventTime(microseconds: try reader.integer())
    let mark = WindowPosition.mark(of: try reader.unsigned())
    guard let offset = UInt32(exactly: try reader.integer()), let length = UInt32(exactly: try reader.integer()) else {
      throw StateReader.damaged()
    }
    return TransactionPart(
      first: first, count: count, begins: bounds & 1 != 0, ends: bounds & 2 != 0, isSnapshot: false,
      preceding: preceding, commitTime: commitTime, mark: mark,
      identifier: Range32(offset: Int(offset), length: Int(length)))
  }
}
