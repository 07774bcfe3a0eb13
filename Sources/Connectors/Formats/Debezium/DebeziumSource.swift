import Change

/// Writes the block `source`, of which most stays the same from one row to the next and is kept ready as bytes.
struct DebeziumSource: ~Copyable {
  private let context: EncodingContext
  /// `,"source":{"version":…,"connector":…,"name":…,"ts_ms":`.
  private var opening = ByteWriter(capacity: 128)
  private var openingSource: UInt16?
  private var place: LogPlace
  private let snapshotOff: StaticString
  /// From `,"source"` to the table's name, for the rows of one table at one time.
  private var head = ByteWriter(capacity: 512)
  private var headPlan: DebeziumPlan?
  private var headTime = EventTime.distantPast
  private var headIsSnapshot = false
  /// `,"server_id":…,"gtid":…,"file":…,"pos":`, for the rows of one transaction.
  private var middle = ByteWriter(capacity: 256)
  private var middlePart: (identifier: Range32, file: UInt32, server: UInt32, source: UInt16, isSnapshot: Bool)?

  init(context: EncodingContext, replacesNull: Bool) {
    self.context = context
    place = LogPlace(context)
    snapshotOff = replacesNull ? "\"false\"" : "null"
  }

  /// Makes the part of the block ready that stays the same for a source.
  private mutating func open(_ source: UInt16) {
    openingSource = source
    headPlan = nil
    opening.removeAll()
    opening.append("\"source\":{\"version\":")
    opening.append(jsonString: DebeziumChangeEncoder.version)
    opening.append(",\"connector\":")
    opening.append(jsonString: context.connector(of: source))
    opening.append(",\"name\":")
    opening.append(jsonString: context.name)
    opening.append(",\"ts_ms\":")
  }

  /// Forgets what belonged to another batch's memory.
  mutating func startBatch() { middlePart = nil }

  /// Makes the transaction's part of the block ready.
  mutating func prepare(_ part: TransactionPart, _ arena: RawSpan) {
    if let known = middlePart, known.identifier == part.identifier, known.file == part.mark.file,
      known.server == part.mark.server, known.source == part.source, known.isSnapshot == part.isSnapshot
    {
      return
    }
    middlePart = (part.identifier, part.mark.file, part.mark.server, part.source, part.isSnapshot)
    if openingSource != part.source { open(part.source) }
    place.prepare(part)
    middle.removeAll()
    middle.append(",\"server_id\":")
    middle.append(unsigned: part.isSnapshot ? 0 : UInt64(part.mark.server))
    middle.append(",\"gtid\":")
    if part.isSnapshot || part.identifier.length == 0 {
      middle.append("null")
    } else {
      middle.append(jsonString: arena.extracting(part.identifier.range))
    }
    middle.append(",\"file\":")
    middle.append(place.quotedName)
    middle.append(",\"pos\":")
  }

  /// Appends `,"source":{…}` of one row.
  @inline(__always)
  mutating func append(
    _ plan: DebeziumPlan, _ change: RowChange, _ part: TransactionPart, row: UInt32, to writer: inout ByteWriter
  ) {
    if headPlan !== plan || headTime != change.time || headIsSnapshot != part.isSnapshot {
      headPlan = plan
      headTime = change.time
      headIsSnapshot = part.isSnapshot
      head.removeAll()
      head.append(UInt8(ascii: ","))
      Self.appendHead(
        opening, time: change.time, snapshot: part.isSnapshot ? "\"true\"" : snapshotOff, database: plan.database,
        to: &head)
      head.append(plan.table)
    }
    writer.append(head)
    appendPlace(change, part, row: row, to: &writer)
  }

  /// Appends the block for an event that is about no row. `table` is a JSON string or `null`.
  mutating func append(
    database: borrowing ByteWriter, table: borrowing ByteWriter, _ change: RowChange, _ part: TransactionPart,
    to writer: inout ByteWriter
  ) {
    Self.appendHead(
      opening, time: change.time, snapshot: part.isSnapshot ? "\"true\"" : snapshotOff, database: database, to: &writer)
    writer.append(table)
    appendPlace(change, part, row: 0, to: &writer)
  }

  private static func appendHead(
    _ opening: borrowing ByteWriter, time: EventTime, snapshot: StaticString, database: borrowing ByteWriter,
    to writer: inout ByteWriter
  ) {
    writer.append(opening)
    writer.append(integer: time.microseconds.flooredDivision(by: 1000).quotient)
    writer.append(",\"snapshot\":")
    writer.append(snapshot)
    writer.append(",\"db\":")
    writer.append(database)
    writer.append(",\"sequence\":null,\"ts_us\":")
    writer.append(integer: time.microseconds)
    writer.append(",\"ts_ns\":")
    writer.append(integer: time.microseconds.multipliedReportingOverflow(by: 1000).partialValue)
    writer.append(",\"table\":")
  }

  @inline(__always)
  private func appendPlace(_ change: RowChange, _ part: TransactionPart, row: UInt32, to writer: inout ByteWriter) {
    writer.append(middle)
    writer.append(unsigned: change.logOffset == 0 ? part.mark.endOffset : change.logOffset)
    writer.append(",\"row\":")
    writer.append(unsigned: UInt64(row))
    writer.append(",\"thread\":null,\"query\":null}")
  }
}
