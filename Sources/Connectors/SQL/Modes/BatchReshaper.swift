package import Change

/// Where the changes of a reshaped batch come from.
package struct ChangeOrigin: Sendable {
  package let batch: Batch
  /// The index there of the reshaped batch's first change; the others follow in the same order.
  package let firstChange: Int
}

/// Turns batches into what a mode keeps of them: the same changes, one for one and in the same order, with the mode's
/// schemas, operations and columns.
///
/// - `append`: every change is an insert into a table without a key.
/// - `soft_delete`: a delete is an update that sets the mark; everything else clears it.
/// - `history`: the key of a change is the source's with the number of its transaction. Of several changes of a row in one
///   transaction only the last is left, because they have one key; each entry that is left ends the version before it, and
///   one with a row begins the next.
///
/// In a reshaped batch `TransactionPart.mark.sequence` is the transaction's number: it grows by one with each transaction
/// that holds changes, and goes on where the target has stored it.
/// *Memory*: nothing is allocated per row. The arena is the original's; `append` adds its positions to a copy.
package final class BatchReshaper {
  package let mode: TargetMode
  /// The number of the last transaction that held changes.
  package private(set) var sequence: UInt64
  private var isCounted = false
  private var schemas: [ObjectIdentifier: (source: TableSchema, target: TableSchema)] = [:]

  // The batch that is made.
  private var arena: [UInt8] = []
  private var cells: [Cell] = []
  private var changes: [RowChange] = []
  private var targets: [TableSchema?] = []

  /// - Parameter sequence: the number of the last transaction that is at the target.
  package init(mode: TargetMode, sequence: UInt64) {
    precondition(mode.kind != .mirror, "a mirror takes batches as they are")
    self.mode = mode
    self.sequence = sequence
  }

  /// The changes of `parts`, and nothing else, as the mode has them.
  /// - Throws: `.targetShape` for a table that the mode cannot keep; `.serverSetting` where it needs whole rows and the log
  ///   does not hold them.
  package func reshape(_ batch: Batch, parts: Range<Int>) throws(Failure) -> (batch: Batch, origin: ChangeOrigin) {
    begin(batch, parts)
    let firstChange = batch.transactions[parts].first.map { Int($0.first) } ?? 0
    var transactions: [TransactionPart] = []
    transactions.reserveCapacity(parts.count)
    var schemaChanges = batch.schemaChanges
    for number in parts {
      var part = batch.transactions[number]
      count(part)
      let row = RowPlace(batch: batch, part: part, sequence: sequence)
      part.first = Int32(changes.count)
      part.mark = LogMark(sequence: sequence)
      for index in row.part.range {
        let change = batch.changes[index]
        if change.operation == .schema {
          let number = Int(change.row)
          schemaChanges[number] = try reshape(batch.schemaChanges[number])
          changes.append(change)
        } else {
          let schema = try target(of: change.schema, in: batch)
          changes.append(try reshape(change, at: index, row, schema))
        }
      }
      transactions.append(part)
    }
    let reshaped = Batch(
      arena: arena, cells: cells, changes: changes, transactions: transactions,
      schemas: zip(batch.schemas, targets).map { $1 ?? $0 }, schemaChanges: schemaChanges, position: batch.position,
      logBytes: batch.logBytes, readAt: batch.readAt)
    (arena, cells, changes) = ([], [], [])
    return (reshaped, ChangeOrigin(batch: batch, firstChange: firstChange))
  }

  /// The number of a transaction and the place of a row in it: unique, and growing with the log also as text.
  package static func position(sequence: UInt64, row: UInt64, identifier: String) -> String {
    var text: [UInt8] = []
    append(sequence, digits: 16, to: &text)
    text.append(UInt8(ascii: ":"))
    append(row, digits: 10, to: &text)
    let position = String(decoding: text, as: UTF8.self)
    return identifier.isEmpty ? position : "\(position):\(identifier)"
  }

  /// What the changes of one transaction part share.
  private struct RowPlace {
    let batch: Batch
    let part: TransactionPart
    let sequence: UInt64
  }

  private func begin(_ batch: Batch, _ parts: Range<Int>) {
    arena = batch.arena
    let count = batch.transactions[parts].reduce(0) { $0 + Int($1.count) }
    changes.reserveCapacity(count)
    cells.reserveCapacity(batch.cells.count + mode.columns.count * 2 * count)
    targets = [TableSchema?](repeating: nil, count: batch.schemas.count)
    if mode.kind == .append { arena.append(contentsOf: BatchReshaper.letters) }
    // A table that changes its shape without end does not fill the memory.
    if schemas.count > 16_384 { schemas.removeAll() }
  }

  private func count(_ part: TransactionPart) {
    if part.begins { isCounted = false }
    guard part.count > 0, !isCounted else { return }
    sequence += 1
    isCounted = true
  }

  private func target(of index: UInt16, in batch: Batch) throws(Failure) -> TableSchema {
    if let known = targets[Int(index)] { return known }
    let target = try reshape(batch.schemas[Int(index)])
    targets[Int(index)] = target
    return target
  }

  private func reshape(_ schema: TableSchema) throws(Failure) -> TableSchema {
    if let known = schemas[ObjectIdentifier(schema)] { return known.target }
    let target = try mode.reshape(schema)
    schemas[ObjectIdentifier(schema)] = (schema, target)
    return target
  }

  private func reshape(_ change: SchemaChange) throws(Failure) -> SchemaChange {
    var change = change
    if let after = change.after { change.after = try reshape(after) }
    // What the table was before may be what the mode refuses; then nothing of it is at the target.
    if let before = change.before {
      do { change.before = try reshape(before) } catch { change.before = nil }
    }
    return change
  }

  // MARK: Rows

  private func reshape(
    _ change: RowChange, at index: Int, _ place: RowPlace, _ schema: TableSchema
  ) throws(Failure) -> RowChange {
    switch mode.kind {
    case .mirror: return change
    case .append: return try record(change, at: index, place, schema)
    case .softDelete: return mark(change, place, schema)
    case .history: return number(change, place, schema)
    }
  }

  /// Copies a row's cells and returns the index of the first; the mode's columns are to follow.
  @inline(__always)
  private func copy(_ row: UInt32, _ place: RowPlace, _ schema: TableSchema) -> UInt32 {
    let first = UInt32(cells.count)
    let source = Int(row)..<(Int(row) + schema.columns.count - added)
    cells.append(contentsOf: place.batch.cells[source])
    return first
  }

  private lazy var added = mode.columns.count

  private func number(_ change: RowChange, _ place: RowPlace, _ schema: TableSchema) -> RowChange {
    var change = change
    let version = Cell.int(Int64(truncatingIfNeeded: place.sequence))
    let time = Cell.timestampZoned(microseconds: place.part.commitTime.microseconds)
    if change.hasBefore {
      change.before = copy(change.before, place, schema)
      cells.append(version)
      cells.append(time)
      cells.append(.null)
      cells.append(.boolean(false))
    }
    if change.hasAfter {
      change.after = copy(change.after, place, schema)
      cells.append(version)
      cells.append(time)
      cells.append(.null)
      cells.append(.boolean(true))
    }
    return change
  }

  private func mark(_ change: RowChange, _ place: RowPlace, _ schema: TableSchema) -> RowChange {
    var change = change
    let before = change.before
    if change.hasBefore {
      change.before = copy(before, place, schema)
      cells.append(.null)
    }
    if change.operation == .delete {
      change.operation = .update
      change.after = copy(before, place, schema)
      cells.append(.timestampZoned(microseconds: place.part.commitTime.microseconds))
    } else {
      change.after = copy(change.after, place, schema)
      cells.append(.null)
    }
    return change
  }

  /// The letters of `_op`, in one text that the cells point into.
  private static let letters = Array("crudt".utf8)

  private func record(
    _ change: RowChange, at index: Int, _ place: RowPlace, _ schema: TableSchema
  ) throws(Failure) -> RowChange {
    let image = change.hasAfter ? change.after : change.before
    let first = UInt32(cells.count)
    for column in 0..<(schema.columns.count - added) {
      var cell = place.batch.cells[Int(image) + column]
      if cell.tag == .absent || cell.tag == .unavailable, change.hasBefore, change.hasAfter {
        cell = place.batch.cells[Int(change.before) + column]
      }
      guard cell.tag != .absent, cell.tag != .unavailable else { throw partialRow(column, schema) }
      cells.append(cell)
    }
    let letter =
      switch change.operation {
      case .insert: 0
      case .read: 1
      case .update: 2
      default: 3
      }
    cells.append(.slice(.text, offset: place.batch.arena.count + letter, length: 1))
    cells.append(appendPosition(index, place))
    cells.append(.timestampZoned(microseconds: place.part.commitTime.microseconds))
    return RowChange(
      operation: .insert, schema: change.schema, after: first, time: change.time, logOffset: change.logOffset,
      row: change.row)
  }

  private func appendPosition(_ index: Int, _ place: RowPlace) -> Cell {
    let offset = arena.count
    BatchReshaper.append(place.sequence, digits: 16, to: &arena)
    arena.append(UInt8(ascii: ":"))
    BatchReshaper.append(place.part.preceding + UInt64(index - Int(place.part.first)), digits: 10, to: &arena)
    if place.part.identifier.length > 0 {
      arena.append(UInt8(ascii: ":"))
      arena.append(contentsOf: place.batch.arena[place.part.identifier.range])
    }
    return .slice(.text, offset: offset, length: arena.count - offset)
  }

  private static func append(_ value: UInt64, digits: Int, to bytes: inout [UInt8]) {
    var divisor: UInt64 = 1
    for _ in 1..<digits { divisor *= 10 }
    // A number that is longer is written whole.
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
      divisor /= 10
    }
  }

  private func partialRow(_ column: Int, _ schema: TableSchema) -> Failure {
    Failure(
      .serverSetting,
      "`mode: append` keeps whole rows, and a row image does not hold column \"\(schema.columns[column].name)\"",
      at: "table \"\(schema.name)\"", hint: "set binlog_row_image=FULL at the source, or choose another mode")
  }
}
