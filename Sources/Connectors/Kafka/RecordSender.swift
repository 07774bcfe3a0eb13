import Change
import Flow
import Formats
import KafkaClient
import Pipeline

/// Encodes changes as records, chooses topic and partition of each, sends them, and counts what became of every change.
///
/// *Thread*: the sink's. *Memory*: one writer for some dozens of records, reused; a table is prepared once a batch. A row
/// that no message can hold is not rendered.
final class RecordSender {
  /// Changes that are encoded before they are sent.
  private static let runLimit = 64
  /// Bytes of values from which on they are sent, so that the writer stays small.
  private static let runBytes = 1 << 20
  /// Bytes that the writer keeps between two runs.
  private static let keptBytes = 4 << 20

  let directory: TopicDirectory
  private let settings: KafkaSettings
  private let context: ConnectorContext
  private let writer: MessageWriter
  private let messageLimit: Int
  private let encoder: any RecordEncoder
  private let encoding: EncodingContext

  // Touched for each message, by one thread: no run-time check is needed.

  private var bytes = ByteWriter(capacity: 256 << 10)
  @exclusivity(unchecked) private var records: [EncodedRecord] = []
  @exclusivity(unchecked) private var slots: [TableRoute?] = []
  @exclusivity(unchecked) private var delivered: [UInt64] = []
  private var outcomes: [TableName: Outcome] = [:]
  private let headers: RecordHeaders?
  private let quarantine: Quarantine

  init(
    _ settings: KafkaSettings, _ context: ConnectorContext, _ writer: MessageWriter, _ directory: TopicDirectory
  ) {
    self.settings = settings
    self.context = context
    self.writer = writer
    self.directory = directory
    messageLimit = settings.messageLimit(memory: context.memoryLimit)
    var encoding = settings.encoding
    encoding.sources = context.sources
    self.encoding = encoding
    encoder = settings.makeEncoder(encoding)
    quarantine = Quarantine(settings, context, encoding)
    headers = settings.headers.isEmpty ? nil : RecordHeaders(settings.headers, encoding)
  }

  /// What became of the changes since the last call.
  func takeOutcomes() -> [TableName: Outcome] {
    defer { outcomes.removeAll(keepingCapacity: true) }
    return outcomes
  }

  func write(_ batch: Batch, parts: Range<Int>) throws {
    try writer.check()
    encoder.start(batch, processingTime: WallClock.microseconds() * 1000)
    slots = [TableRoute?](repeating: nil, count: batch.schemas.count)
    delivered = [UInt64](repeating: 0, count: batch.schemas.count)
    // Out of the object for the time of the call, so that what it holds can be read while the object is used.
    var local = ByteWriter(capacity: 0)
    swap(&local, &bytes)
    defer { swap(&local, &bytes) }
    for part in batch.transactions[parts] { try write(part, batch, &local) }
    for (schema, count) in zip(batch.schemas, delivered) where count > 0 {
      outcomes[schema.name, default: Outcome()].delivered += count
    }
  }

  private func write(_ part: TransactionPart, _ batch: Batch, _ bytes: inout ByteWriter) throws {
    clear(&bytes)
    encoder.encodeBegin(of: part, in: batch, into: &bytes, records: &records)
    try sendApart(bytes, part, batch)
    var index = part.range.lowerBound
    while index < part.range.upperBound {
      let run = run(from: index, to: part.range.upperBound, batch)
      clear(&bytes)
      if run.isEmpty {
        let size = ChangeSize.least(batch.changes[index], batch)
        try setAside(index, tooLarge("at least \(size)", index, batch), part, batch)
        index += 1
        continue
      }
      var bad: UnencodableChange?
      do throws(UnencodableChange) {
        try encoder.encode(run, of: part, in: batch, into: &bytes, records: &records)
      } catch {
        bad = error
      }
      let end = bad?.index ?? run.upperBound
      try send(run.lowerBound..<end, bytes, part, batch)
      writer.poll()
      if let bad { try setAside(bad.index, bad.failure, part, batch) }
      index = bad == nil ? end : end + 1
    }
    clear(&bytes)
    encoder.encodeEnd(of: part, in: batch, into: &bytes, records: &records)
    try sendApart(bytes, part, batch)
  }

  private func clear(_ bytes: inout ByteWriter) {
    bytes.removeAll(keepingAtMost: RecordSender.keptBytes)
    records.removeAll(keepingCapacity: true)
  }

  /// The changes from `start` on that are encoded together; none when the first of them fits no message.
  private func run(from start: Int, to end: Int, _ batch: Batch) -> Range<Int> {
    let end = min(start + RecordSender.runLimit, end)
    // Together they have no more bytes than their batch.
    guard batch.arena.count > min(messageLimit, RecordSender.runBytes) else { return start..<end }
    var sum = 0
    for index in start..<end {
      let size = ChangeSize(batch.changes[index], batch).held
      sum += size
      if size > messageLimit, !settings.skipsRows, ChangeSize.least(batch.changes[index], batch) > messageLimit {
        return start..<index
      }
      if sum > RecordSender.runBytes { return start..<index + 1 }
    }
    return start..<end
  }

  /// Sends the records of some changes, which lie in `bytes`.
  private func send(
    _ changes: Range<Int>, _ bytes: borrowing ByteWriter, _ part: TransactionPart, _ batch: Batch
  ) throws {
    var next = 0
    for index in changes {
      let first = next
      var largest = 0
      while next < records.count, records[next].change == index {
        largest = max(largest, records[next].byteCount)
        next += 1
      }
      let change = batch.changes[index]
      if first == next {
        outcomes[table(of: change, batch), default: Outcome()].filtered += 1
      } else if largest + (headers == nil ? 0 : RecordHeaders.byteLimit) > messageLimit {
        encoder.takeBack(records[first..<next], in: batch)
        try setAside(index, tooLarge("\(largest)", index, batch), part, batch)
      } else if let failure = try misplaced(first..<next, bytes, batch) {
        encoder.takeBack(records[first..<next], in: batch)
        try setAside(index, failure, part, batch)
      } else {
        for position in first..<next { try send(records[position], bytes, part, batch) }
        if change.operation == .schema {
          outcomes[table(of: change, batch), default: Outcome()].delivered += 1
        } else {
          delivered[Int(change.schema)] += 1
        }
      }
    }
  }

  /// Why one of a change's records has no partition, which must be known before any of them is sent; nil: each has one.
  private func misplaced(
    _ positions: Range<Int>, _ bytes: borrowing ByteWriter, _ batch: Batch
  ) throws -> Failure? {
    guard settings.partitioning == .columns else { return nil }
    for record in records[positions] where record.kind == .row {
      guard let index = record.change, batch.changes[index].operation != .schema else { continue }
      let route = try route(Int(batch.changes[index].schema), batch)
      do throws(Failure) {
        _ = try route.partition(of: record, key: bytes.bytes.part(record.key), batch)
      } catch {
        return error
      }
    }
    return nil
  }

  /// Sends records that belong to no change: of a transaction's beginning or end.
  private func sendApart(_ bytes: borrowing ByteWriter, _ part: TransactionPart, _ batch: Batch) throws {
    for record in records { try send(record, bytes, part, batch) }
  }

  @inline(__always)
  private func send(
    _ record: EncodedRecord, _ bytes: borrowing ByteWriter, _ part: TransactionPart, _ batch: Batch
  ) throws {
    let span = bytes.bytes
    let key = span.part(record.key)
    let value = span.part(record.value)
    let topic: TargetTopic
    let partition: Int32
    if record.kind == .row, let index = record.change, batch.changes[index].operation != .schema {
      let route = try route(Int(batch.changes[index].schema), batch)
      topic = route.topic
      partition = try route.partition(of: record, key: key, batch)
    } else {
      topic = try apartTopic(record, bytes, batch)
      if let key {
        partition = Murmur2.partition(of: key, count: topic.partitions)
      } else if record.kind == .row, let index = record.change {
        partition = TableRoute.partition(of: table(of: batch.changes[index], batch), in: topic)
      } else {
        partition = 0
      }
    }
    if headers != nil || record.headerName != nil || record.headers != nil || record.timestamp != 0 {
      try sendWithHeaders(record, bytes, topic, partition, part, batch)
    } else {
      try writer.send(topic, partition: partition, key: key, value: value)
    }
  }

  @inline(never)
  private func sendWithHeaders(
    _ record: EncodedRecord, _ bytes: borrowing ByteWriter, _ topic: TargetTopic, _ partition: Int32,
    _ part: TransactionPart, _ batch: Batch
  ) throws {
    let span = bytes.bytes
    var list = KafkaHeaders(capacity: settings.headers.count + 1)
    if let name = record.headerName, let value = record.headerValue {
      list.append(span.extracting(name), span.extracting(value))
    }
    if var rest = record.headers {
      while let header = EncodedHeader.next(&rest, in: span) {
        list.append(span.extracting(header.name), span.extracting(header.value))
      }
    }
    headers?.append(to: &list, record, part, batch)
    try writer.send(
      topic, partition: partition, key: span.part(record.key),
      value: span.part(record.value), headers: list, timestamp: record.timestamp)
  }

  private func route(_ slot: Int, _ batch: Batch) throws -> TableRoute {
    if let known = slots[slot] { return known }
    let schema = batch.schemas[slot]
    let route = try TableRoute(schema, topic: directory.topic(of: schema.name), settings)
    slots[slot] = route
    return route
  }

  /// Where a record goes that is about no row: where the format says, or to the topic of schema changes.
  private func apartTopic(_ record: EncodedRecord, _ bytes: borrowing ByteWriter, _ batch: Batch) throws -> TargetTopic
  {
    if record.kind == .row, let index = record.change {
      return try directory.topic(of: table(of: batch.changes[index], batch))
    }
    if record.kind == .schema, let template = settings.schemaTopic, let index = record.change {
      let table = table(of: batch.changes[index], batch)
      return try directory.topic(madeOf: template.name(pipeline: context.pipeline, table: table))
    }
    let span = bytes.bytes.extracting(record.topic)
    let name = unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    if !name.isEmpty { return try directory.topic(madeOf: name) }
    let suffix = record.kind == .transaction ? ".transaction" : ""
    return try directory.topic(madeOf: (encoding.name.isEmpty ? context.pipeline : encoding.name) + suffix)
  }

  private func table(of change: RowChange, _ batch: Batch) -> TableName {
    change.operation == .schema
      ? batch.schemaChanges[Int(change.row)].table : batch.schemas[Int(change.schema)].name
  }

  /// Sets a change aside that cannot be sent, in the group's transaction; or stops.
  private func setAside(_ index: Int, _ failure: Failure, _ part: TransactionPart, _ batch: Batch) throws {
    // What does not fit a table is about all of its rows.
    guard context.badRowPolicy == .quarantine, failure.code != .configuration else { throw failure }
    let topic = try directory.topic(madeOf: quarantine.topicName)
    try quarantine.send(index, failure, part, batch, to: topic, with: writer)
    outcomes[table(of: batch.changes[index], batch), default: Outcome()].quarantined += 1
  }

  private func tooLarge(_ size: String, _ index: Int, _ batch: Batch) -> Failure {
    let change = batch.changes[index]
    var columns = ""
    if change.operation != .schema {
      let schema = batch.schemas[Int(change.schema)]
      let names = encoding.key(of: schema).map { "\"\(schema.columns[$0].name)\"" }.joined(separator: ", ")
      columns = names.isEmpty ? " without a key" : " with key \(names)"
    }
    let isSet = messageLimit == settings.messageLimit
    let limit = isSet ? "max_message_bytes is" : "the client's queue, a third of the sink's memory, has"
    let remedy =
      isSet ? "max_message_bytes and the topic's max.message.bytes" : "the pipeline's `limits: { memory: … }`"
    return Failure(
      .limit, "a message\(columns) has \(size) bytes, and \(limit) \(messageLimit)",
      at: "table \"\(table(of: change, batch))\", log offset \(change.logOffset)",
      hint: "raise \(remedy), or set such rows aside with `on_bad_row: quarantine`")
  }
}

extension RawSpan {
  /// The bytes of a part that a record may lack.
  @_lifetime(copy self)
  @inline(__always)
  fileprivate func part(_ range: Range<Int>?) -> RawSpan? {
    guard let range else { return nil }
    return extracting(range)
  }
}

extension EncodedRecord {
  /// Bytes of key, value and headers.
  fileprivate var byteCount: Int {
    (key?.count ?? 0) + (value?.count ?? 0) + (headerName?.count ?? 0) + (headerValue?.count ?? 0)
      + (headers?.count ?? 0)
  }
}
