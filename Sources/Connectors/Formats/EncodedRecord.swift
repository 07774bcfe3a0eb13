package import Change

/// Where the parts of one record lie in the writer that they were encoded into.
package struct EncodedRecord: Hashable, Sendable {
  /// What a record is about, and so where it goes.
  package enum Kind: Hashable, Sendable {
    /// A table's row, or its truncation.
    case row
    case schema
    /// The beginning or end of a transaction.
    case transaction
  }

  package var kind = Kind.row
  /// Index into the batch's `changes`; nil: the record belongs to none.
  package var change: Int?
  /// First cell of the row whose key the record has, and of the row for columns that the first does not hold; -1: no row.
  package var row = -1
  package var otherRow = -1
  /// The topic's name as the format has it; empty: the format has none.
  package var topic: Range<Int>
  /// nil: the record has no key.
  package var key: Range<Int>?
  /// nil: a tombstone.
  package var value: Range<Int>?
  /// The name of the record's header, and its value; nil: it has none.
  package var headerName: Range<Int>?
  package var headerValue: Range<Int>?
  /// Where further headers lie, for `EncodedHeader.next`; nil: there are none.
  package var headers: Range<Int>?
  /// Milliseconds since 1970; 0: when it is sent.
  package var timestamp: Int64 = 0

  package init(topic: Range<Int>) { self.topic = topic }
}

/// Renders changes as records with keys and headers, for a target that takes messages and not lines.
///
/// The parts of all records are appended to one writer that the caller owns and reuses; a list says where they lie.
/// One encoder serves one sink, and every change passes once and in log order, as with `ChangeEncoder`.
/// *Thread*: one at a time. *Memory*: nothing is allocated per row.
package protocol RecordEncoder: AnyObject {
  /// How many values so far were written with less than the source had, because the chosen options say so.
  var lossyValues: UInt64 { get }

  /// Announces the batch that the following calls are about.
  /// - Parameter processingTime: now, in nanoseconds since 1970; read once a batch.
  func start(_ batch: Batch, processingTime: Int64)

  /// Appends what the format has for the beginning of a transaction, if `part` begins one.
  func encodeBegin(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records: inout [EncodedRecord])

  /// Appends the records of `changes`, which lie within `part`. When it throws, the records of the changes before the one
  /// that cannot be carried are there, and of itself there is none.
  func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter,
    records: inout [EncodedRecord]
  ) throws(UnencodableChange)

  /// Takes back what records of a change that were encoded count for in the open transaction, because they are not sent.
  func takeBack(_ records: ArraySlice<EncodedRecord>, in batch: Batch)

  /// Appends what the format has for the end of a transaction, if `part` ends one.
  func encodeEnd(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records: inout [EncodedRecord])
}

extension RecordEncoder {
  package func takeBack(_ records: ArraySlice<EncodedRecord>, in batch: Batch) {}

  /// Appends all records of a transaction part, those of its beginning and end included.
  package func encodeRecords(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records: inout [EncodedRecord]
  ) throws(UnencodableChange) {
    encodeBegin(of: part, in: batch, into: &writer, records: &records)
    try encode(part.range, of: part, in: batch, into: &writer, records: &records)
    encodeEnd(of: part, in: batch, into: &writer, records: &records)
  }
}
