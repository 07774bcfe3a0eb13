package import Change
import Glibc

/// Makes records of a format of lines: each line is a record's value, and its key is the row's key as a JSON object.
///
/// An update that changes the key goes under the new key; with tombstones, the old key gets one first.
package final class LineRecordEncoder: RecordEncoder {
  package var lossyValues: UInt64 { lines.lossyValues }
  private let lines: any ChangeEncoder
  private let context: EncodingContext
  private let tombstones: Bool
  private let includesSchemaChanges: Bool
  private var keys = PlanCache<JSONKeyPlan>()

  /// - Parameters:
  ///   - tombstones: whether a delete is followed by a record without a value.
  ///   - includesSchemaChanges: whether changes of schemas become records.
  package init(
    _ lines: any ChangeEncoder, context: EncodingContext, tombstones: Bool, includesSchemaChanges: Bool
  ) {
    self.lines = lines
    self.context = context
    self.tombstones = tombstones
    self.includesSchemaChanges = includesSchemaChanges
  }

  package func start(_ batch: Batch, processingTime: Int64) {
    lines.start(batch, processingTime: processingTime)
    keys.start(batch) { JSONKeyPlan($0, key: context.key(of: $0)) }
  }

  package func encodeBegin(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records: inout [EncodedRecord]
  ) {
    let start = writer.count
    lines.encodeBegin(of: part, in: batch, into: &writer)
    listTransactionLines(from: start, writer, &records)
  }

  package func encodeEnd(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records: inout [EncodedRecord]
  ) {
    let start = writer.count
    lines.encodeEnd(of: part, in: batch, into: &writer)
    listTransactionLines(from: start, writer, &records)
  }

  private func listTransactionLines(
    from start: Int, _ writer: borrowing ByteWriter, _ records: inout [EncodedRecord]
  ) {
    var record = EncodedRecord(topic: 0..<0)
    record.kind = .transaction
    list(record, linesFrom: start, to: writer.count, writer, &records)
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter,
    records: inout [EncodedRecord]
  ) throws(UnencodableChange) {
    let (arenaBytes, allCells) = (batch.arena, batch.cells)
    let row = DebeziumRow(cells: allCells.span, arena: arenaBytes.span.bytes, part: part)
    for index in changes {
      let (mark, known) = (writer.count, records.count)
      do throws(UnencodableChange) {
        try encode(index, row, batch, into: &writer, &records)
      } catch {
        writer.removeAll(from: mark)
        records.removeLast(records.count - known)
        throw error
      }
    }
  }

  private func encode(
    _ index: Int, _ row: borrowing DebeziumRow, _ batch: Batch, into writer: inout ByteWriter,
    _ records: inout [EncodedRecord]
  ) throws(UnencodableChange) {
    let change = batch.changes[index]
    var record = EncodedRecord(topic: 0..<0)
    record.change = index
    if change.operation == .schema {
      guard includesSchemaChanges else { return }
      record.kind = .schema
      record.key = appendKey(of: batch.schemaChanges[Int(change.row)], to: &writer)
    } else {
      let plan = keys.current[Int(change.schema)]
      do throws(BadValue) {
        try appendKeys(change, plan, row, of: &record, to: &writer, &records)
      } catch {
        throw UnencodableChange(index: index, failure: error.failure(in: plan.schema))
      }
    }
    let start = writer.count
    try lines.encode(index..<index + 1, of: row.part, in: batch, into: &writer)
    list(record, linesFrom: start, to: writer.count, writer, &records)
    if tombstones, change.operation == .delete, record.key != nil { records.append(record) }
  }

  /// Appends the key of a row, and before it, where a tombstone is due to it, the key that it had.
  private func appendKeys(
    _ change: RowChange, _ plan: JSONKeyPlan, _ row: borrowing DebeziumRow, of record: inout EncodedRecord,
    to writer: inout ByteWriter, _ records: inout [EncodedRecord]
  ) throws(BadValue) {
    let main = Int(change.hasAfter ? change.after : change.before)
    let other = change.hasBefore ? Int(change.before) : main
    if plan.key.count == 0 {
      (record.row, record.otherRow) = (main, other)
      return
    }
    if tombstones, change.operation == .update, change.hasBefore, row.hasChangedKey(plan.key, other, main) {
      let start = writer.count
      try plan.appendKey(other, other: main, cells: row.cells, arena: row.arena, to: &writer)
      record.key = start..<writer.count
      (record.row, record.otherRow) = (other, main)
      records.append(record)
    }
    (record.row, record.otherRow) = (main, other)
    let start = writer.count
    try plan.appendKey(main, other: other, cells: row.cells, arena: row.arena, to: &writer)
    record.key = start..<writer.count
  }

  private func appendKey(of change: SchemaChange, to writer: inout ByteWriter) -> Range<Int> {
    let start = writer.count
    writer.append("{\"schema\":")
    writer.append(jsonString: change.table.namespace)
    writer.append(",\"table\":")
    writer.append(jsonString: change.table.table)
    writer.append("}")
    return start..<writer.count
  }

  /// Lists each line as a record like `model`; a line's break is no part of it.
  private func list(
    _ model: EncodedRecord, linesFrom start: Int, to end: Int, _ writer: borrowing ByteWriter,
    _ records: inout [EncodedRecord]
  ) {
    var record = model
    var begin = start
    while begin < end, let found = memchr(writer.storage + begin, Int32(UInt8(ascii: "\n")), end - begin) {
      let lineEnd = begin + (found - UnsafeMutableRawPointer(writer.storage + begin))
      record.value = begin..<lineEnd
      records.append(record)
      begin = lineEnd + 1
    }
  }
}
