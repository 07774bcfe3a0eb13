package import Change
import Pipeline

/// Makes records whose parts are columns as they are: the key's column is the key, another one the value, others are headers.
/// What an application has written into an outbox leaves it as it was.
///
/// Text, JSON and bytes are written byte for byte, other values as the text that `csv` has for them, NULL as no value or
/// no header. A deletion is a record without a value under its key, and so is the old key of an update that changes it.
/// Other tables' records are another encoder's; changes of these tables' schemas have none.
package final class RawRecordEncoder: RecordEncoder {
  package var lossyValues: UInt64 { others.lossyValues }
  private let options: RawOptions
  private let others: any RecordEncoder
  private let context: EncodingContext
  private var plans = PlanCache<RawPlan>()

  /// - Parameter others: makes the records of all other tables.
  package init(_ options: RawOptions, others: any RecordEncoder, context: EncodingContext) {
    self.options = options
    self.others = others
    self.context = context
  }

  package func start(_ batch: Batch, processingTime: Int64) {
    others.start(batch, processingTime: processingTime)
    plans.start(batch) { RawPlan($0, options, context) }
  }

  package func encodeBegin(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records: inout [EncodedRecord]
  ) { others.encodeBegin(of: part, in: batch, into: &writer, records: &records) }

  package func encodeEnd(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records: inout [EncodedRecord]
  ) { others.encodeEnd(of: part, in: batch, into: &writer, records: &records) }

  package func takeBack(_ records: ArraySlice<EncodedRecord>, in batch: Batch) {
    guard let index = records.first?.change, isRaw(batch.changes[index], batch) else {
      return others.takeBack(records, in: batch)
    }
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter,
    records: inout [EncodedRecord]
  ) throws(UnencodableChange) {
    let (arenaBytes, allCells) = (batch.arena, batch.cells)
    let row = DebeziumRow(cells: allCells.span, arena: arenaBytes.span.bytes, part: part)
    var index = changes.lowerBound
    while index < changes.upperBound {
      let first = index
      while index < changes.upperBound, !isRaw(batch.changes[index], batch) { index += 1 }
      if first < index {
        try others.encode(first..<index, of: part, in: batch, into: &writer, records: &records)
        continue
      }
      try encode(index, row, batch, into: &writer, &records)
      index += 1
    }
  }

  private func isRaw(_ change: RowChange, _ batch: Batch) -> Bool {
    guard change.operation == .schema else { return plans.current[Int(change.schema)].isRaw }
    let schemaChange = batch.schemaChanges[Int(change.row)]
    return options.tables.includes(schemaChange.after?.name ?? schemaChange.table)
  }

  private func encode(
    _ index: Int, _ row: borrowing DebeziumRow, _ batch: Batch, into writer: inout ByteWriter,
    _ records: inout [EncodedRecord]
  ) throws(UnencodableChange) {
    let change = batch.changes[index]
    guard change.operation != .schema else { return }
    let plan = plans.current[Int(change.schema)]
    if let problem = plan.problem { throw UnencodableChange(index: index, failure: problem) }
    let (mark, known) = (writer.count, records.count)
    do throws(BadValue) {
      try encode(index, change, plan, row, into: &writer, &records)
    } catch {
      writer.removeAll(from: mark)
      records.removeLast(records.count - known)
      throw UnencodableChange(index: index, failure: error.failure(in: plan.schema))
    }
  }

  private func encode(
    _ index: Int, _ change: RowChange, _ plan: RawPlan, _ row: borrowing DebeziumRow, into writer: inout ByteWriter,
    _ records: inout [EncodedRecord]
  ) throws(BadValue) {
    let main = Int(change.hasAfter ? change.after : change.before)
    let other = change.hasBefore ? Int(change.before) : main
    let images = RowImages(first: main, other: other)
    if change.operation == .update, change.hasBefore, row.hasChangedKey(plan.key, other, main) {
      records.append(try record(index, plan, row, RowImages(first: other, other: main), hasValue: false, to: &writer))
    }
    let isDeletion = change.operation == .delete
    if isDeletion, plan.key.count == 0 {
      throw BadValue(column: plan.value, reason: "a deletion in a table without a key is no message")
    }
    records.append(try record(index, plan, row, images, hasValue: !isDeletion, to: &writer))
  }

  private func record(
    _ index: Int, _ plan: RawPlan, _ row: borrowing DebeziumRow, _ images: RowImages, hasValue: Bool,
    to writer: inout ByteWriter
  ) throws(BadValue) -> EncodedRecord {
    var record = EncodedRecord(topic: 0..<0)
    record.change = index
    (record.row, record.otherRow) = (images.first, images.other)
    if let form = plan.keyForm {
      let column = plan.key[0]
      let cell = images.cell(column, row.cells)
      guard cell.hasValue else { throw BadValue(column: column, reason: "the key has no value here") }
      record.key = RawRecordEncoder.append(cell, form, row.arena, to: &writer)
    }
    if hasValue, let form = plan.valueForm {
      let cell = images.cell(plan.value, row.cells)
      guard cell.isKnown else { throw BadValue(column: plan.value, reason: "the log does not hold this column") }
      if cell.hasValue { record.value = RawRecordEncoder.append(cell, form, row.arena, to: &writer) }
    }
    let start = writer.count
    for header in plan.headers {
      let cell = images.cell(header.column, row.cells)
      if cell.hasValue { append(header, cell, row.arena, to: &writer) }
    }
    if writer.count > start { record.headers = start..<writer.count }
    if let column = plan.timestamp { record.timestamp = RawRecordEncoder.milliseconds(images.cell(column, row.cells)) }
    return record
  }

  private static func append(
    _ cell: Cell, _ form: CellForm, _ arena: RawSpan, to writer: inout ByteWriter
  ) -> Range<Int> {
    let start = writer.count
    if cell.isSlice {
      writer.append(arena.extracting(cell.range))
    } else {
      CellText.iso.append(cell, as: form, arena: arena, to: &writer)
    }
    return start..<writer.count
  }

  private func append(_ header: RawPlan.Header, _ cell: Cell, _ arena: RawSpan, to writer: inout ByteWriter) {
    let start = EncodedHeader.begin(header.name, &writer)
    let value = RawRecordEncoder.append(cell, header.form, arena, to: &writer)
    EncodedHeader.end(start, valueLength: value.count, &writer)
  }

  /// The time of a cell; 0: it has none that a record can carry.
  private static func milliseconds(_ cell: Cell) -> Int64 {
    switch cell.tag {
    case .timestamp, .timestampZoned: max(0, cell.int.flooredDivision(by: 1000).quotient)
    default: 0
    }
  }
}
