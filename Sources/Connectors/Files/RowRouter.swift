import Change
import Flow
import Formats
import Pipeline

/// Renders each change into the segment of its table and date, and counts what became of it.
///
/// Runs of changes of one table are rendered in one call; a segment is looked up once a batch, table and date.
/// *Thread*: the sink's.
final class RowRouter {
  /// Changes rendered before the segment's size is looked at again.
  private static let runLimit = 64

  private let settings: FilesSettings
  private let badRows: BadRowPolicy
  private let encoder: any ChangeEncoder
  /// Writes what the chosen format has no line for: schema changes beside csv, and quarantined rows.
  private let plain: JSONChangeEncoder
  private let hasHeaders: Bool
  /// The encoder may leave changes out, so each is rendered alone and looked at.
  private let leavesOut: Bool

  private var date: DateFolder
  private var slots: [Segment?] = []
  private var touched: [Segment] = []
  private var outcomes: [TableName: Outcome] = [:]
  private var delivered: [UInt64] = []
  private var plainBatch: ObjectIdentifier?
  private var scratch = ByteWriter()

  init(_ settings: FilesSettings, badRows: BadRowPolicy) throws(Failure) {
    self.settings = settings
    self.badRows = badRows
    encoder = try settings.makeEncoder()
    plain = JSONChangeEncoder(context: settings.encoding)
    date = DateFolder(settings.date)
    switch settings.format {
    case .json, .canal, .maxwell: (hasHeaders, leavesOut) = (false, false)
    case .debezium(let options):
      hasHeaders = false
      leavesOut = !options.skippedOperations.isDisjoint(with: ["c", "u", "d"])
    case .csv: (hasHeaders, leavesOut) = (true, false)
    }
  }

  /// What became of the changes since the last call.
  func takeOutcomes() -> [TableName: Outcome] {
    defer { outcomes.removeAll(keepingCapacity: true) }
    return outcomes
  }

  func write(_ batch: Batch, parts: Range<Int>, to writer: SegmentWriter) throws(Failure) {
    plainBatch = nil
    encoder.start(batch, processingTime: WallClock.microseconds() * 1000)
    slots = [Segment?](repeating: nil, count: batch.schemas.count)
    delivered = [UInt64](repeating: 0, count: batch.schemas.count)
    for index in parts {
      let part = batch.transactions[index]
      if date.move(to: part.commitTime) { forgetSlots() }
      if part.begins { try announce(part, index, batch, writer, isEnd: false) }
      try write(part, index, batch, writer)
      if part.ends { try announce(part, index, batch, writer, isEnd: true) }
    }
    for (schema, count) in zip(batch.schemas, delivered) where count > 0 {
      outcomes[schema.name, default: Outcome()].delivered += count
    }
    noteLastPlaces(batch)
  }

  private func forgetSlots() {
    for index in slots.indices { slots[index] = nil }
  }

  private func write(_ part: TransactionPart, _ partIndex: Int, _ batch: Batch, _ writer: SegmentWriter) throws(Failure)
  {
    var index = part.range.lowerBound
    let end = part.range.upperBound
    let limit = leavesOut ? 1 : RowRouter.runLimit
    while index < end {
      let change = batch.changes[index]
      if change.operation == .schema {
        try writeSchemaChange(index, part, partIndex, batch, writer)
        index += 1
        continue
      }
      var runEnd = index + 1
      while runEnd < end, runEnd - index < limit, batch.changes[runEnd].schema == change.schema,
        batch.changes[runEnd].operation != .schema
      {
        runEnd += 1
      }
      index = try write(index..<runEnd, part, partIndex, batch, writer)
    }
  }

  /// Renders a run of one table; returns the index behind what was dealt with.
  private func write(
    _ run: Range<Int>, _ part: TransactionPart, _ partIndex: Int, _ batch: Batch, _ writer: SegmentWriter
  ) throws(Failure) -> Int {
    let slot = Int(batch.changes[run.lowerBound].schema)
    let segment: Segment
    // To make place for another table's segment the writer may have closed this one.
    if let known = slots[slot], !known.isRolled {
      segment = known
    } else {
      segment = try begin(batch.schemas[slot], slot, writer)
    }
    let count = segment.lines.count
    var end = run.upperBound
    var bad: UnencodableChange?
    do throws(UnencodableChange) {
      try encoder.encode(run, of: part, in: batch, into: &segment.lines)
    } catch {
      bad = error
      end = error.index
    }
    if end > run.lowerBound {
      if leavesOut, segment.lines.count == count {
        outcomes[batch.schemas[slot].name, default: Outcome()].filtered += UInt64(end - run.lowerBound)
      } else {
        note(segment, partIndex, run.lowerBound, end - 1, batch)
        delivered[slot] += UInt64(end - run.lowerBound)
        if try writer.appended(to: segment, from: count, changes: end - run.lowerBound) { forgetSlots() }
      }
    }
    guard let bad else { return end }
    try quarantine(bad, part, partIndex, batch, writer)
    return end + 1
  }

  private func begin(_ schema: TableSchema, _ slot: Int, _ writer: SegmentWriter) throws(Failure) -> Segment {
    let content: SegmentKey.Content = settings.layout == .stream ? .stream : .table(schema.name)
    var header: [UInt8] = []
    if hasHeaders {
      scratch.removeAll()
      encoder.encodeHeader(of: schema, into: &scratch)
      header = Array(scratch.text().utf8)
    }
    let segment = try writer.segment(
      SegmentKey(content: content, date: date.text), format: settings.formatName,
      fileExtension: encoder.fileExtension, quote: settings.quote, header: header)
    slots[slot] = segment
    return segment
  }

  private func writeSchemaChange(
    _ index: Int, _ part: TransactionPart, _ partIndex: Int, _ batch: Batch, _ writer: SegmentWriter
  ) throws(Failure) {
    let table = batch.schemaChanges[Int(batch.changes[index].row)].table
    scratch.removeAll()
    try render(index, part, batch, with: hasHeaders ? plainEncoder(batch) : encoder)
    guard !scratch.isEmpty else {
      outcomes[table, default: Outcome()].filtered += 1
      return
    }
    let content: SegmentKey.Content = hasHeaders ? .schemas : settings.layout == .stream ? .stream : .table(table)
    try appendScratch(to: content, isPlain: hasHeaders, partIndex, index, batch, writer)
    outcomes[table, default: Outcome()].delivered += 1
  }

  private func render(
    _ index: Int, _ part: TransactionPart, _ batch: Batch, with encoder: any ChangeEncoder
  ) throws(Failure) {
    do throws(UnencodableChange) {
      try encoder.encode(index..<index + 1, of: part, in: batch, into: &scratch)
    } catch {
      throw error.failure
    }
  }

  /// Appends what `scratch` holds to a segment as the line of one change; -1 for a line that is no change.
  private func appendScratch(
    to content: SegmentKey.Content, isPlain: Bool, _ partIndex: Int, _ index: Int, _ batch: Batch,
    _ writer: SegmentWriter
  ) throws(Failure) {
    let segment = try writer.segment(
      SegmentKey(content: content, date: date.text), format: isPlain ? "json" : settings.formatName,
      fileExtension: isPlain ? plain.fileExtension : encoder.fileExtension, quote: isPlain ? nil : settings.quote)
    let count = segment.lines.count
    segment.lines.append(scratch)
    if index >= 0 { note(segment, partIndex, index, index, batch) }
    if try writer.appended(to: segment, from: count, changes: index >= 0 ? 1 : 0) { forgetSlots() }
  }

  private func plainEncoder(_ batch: Batch) -> JSONChangeEncoder {
    if plainBatch != ObjectIdentifier(batch) {
      plain.start(batch, processingTime: 0)
      plainBatch = ObjectIdentifier(batch)
    }
    return plain
  }

  /// Writes what the format has for a transaction's begin or end, and lets the encoder count by transactions.
  private func announce(
    _ part: TransactionPart, _ partIndex: Int, _ batch: Batch, _ writer: SegmentWriter, isEnd: Bool
  ) throws(Failure) {
    scratch.removeAll()
    if isEnd {
      encoder.encodeEnd(of: part, in: batch, into: &scratch)
    } else {
      encoder.encodeBegin(of: part, in: batch, into: &scratch)
    }
    if scratch.isEmpty { return }
    let content: SegmentKey.Content = settings.layout == .stream ? .stream : .transactions
    try appendScratch(to: content, isPlain: false, partIndex, -1, batch, writer)
  }

  /// Sets a row aside that the format cannot carry, whole and exact as `json` has it, with the reason; or stops.
  private func quarantine(
    _ bad: UnencodableChange, _ part: TransactionPart, _ partIndex: Int, _ batch: Batch, _ writer: SegmentWriter
  ) throws(Failure) {
    guard badRows == .quarantine else { throw bad.failure }
    scratch.removeAll()
    scratch.append("{\"code\":")
    scratch.append(jsonString: bad.failure.code.rawValue)
    scratch.append(",\"reason\":")
    scratch.append(jsonString: bad.failure.message)
    scratch.append(",\"change\":")
    try render(bad.index, part, batch, with: plainEncoder(batch))
    // The change is a line of its own; its line break gives way to the end of the object around it.
    scratch.removeAll(from: scratch.count - 1)
    scratch.append("}\n")
    try appendScratch(to: .quarantine, isPlain: true, partIndex, bad.index, batch, writer)
    let name = batch.schemas[Int(batch.changes[bad.index].schema)].name
    outcomes[name, default: Outcome()].quarantined += 1
  }

  private func note(_ segment: Segment, _ part: Int, _ first: Int, _ last: Int, _ batch: Batch) {
    if segment.first == nil { segment.first = place(part, first, batch) }
    if segment.lastChange == nil { touched.append(segment) }
    segment.lastChange = (part, last)
  }

  /// Turns the last indexes of each segment into places, once a call and not once a change.
  private func noteLastPlaces(_ batch: Batch) {
    for segment in touched {
      if let (part, change) = segment.lastChange { segment.last = place(part, change, batch) }
      segment.lastChange = nil
    }
    touched.removeAll(keepingCapacity: true)
  }

  private func place(_ partIndex: Int, _ index: Int, _ batch: Batch) -> ChangePlace {
    let part = batch.transactions[partIndex]
    let change = batch.changes[index]
    return ChangePlace(
      transaction: batch.identifier(of: part), file: part.mark.file, offset: change.logOffset, row: change.row,
      commitTime: part.commitTime)
  }
}
