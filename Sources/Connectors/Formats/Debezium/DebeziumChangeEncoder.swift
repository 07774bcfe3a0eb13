package import Change

/// The format `debezium-json`: the records that Debezium's MariaDB and MySQL connectors emit, field by field, without
/// schemas. Where Debezium is wrong this is right; the article *Differences from Debezium* lists each place.
///
/// A change gives one record; a delete is followed by a tombstone; an update that changes the key gives a delete of the
/// old key, its tombstone and a create of the new key.
package final class DebeziumChangeEncoder: ChangeEncoder {
  /// What `source.version` says.
  package static let version = "freshet-0.1"

  package let fileExtension = "jsonl"
  package var lossyValues: UInt64 { lossy.count }
  package let options: DebeziumOptions
  let context: EncodingContext
  var plans = PlanCache<DebeziumPlan>()
  private(set) var counters: [TableName: CollectionCounter] = [:]
  var lossy: Lossiness
  var source: DebeziumSource
  var transaction = DebeziumTransaction()
  /// What the options say, in a form that costs a row nothing.
  private let skipsRows: Bool
  private let countsEvents: Bool
  private let makesParts: Bool
  /// Where records are listed for a caller that sends them one by one; nil: lines are written.
  @exclusivity(unchecked) var records: [EncodedRecord]?
  /// The change that records are being listed of.
  @exclusivity(unchecked) var recordChange: Int?
  /// `,"ts_ms":…,"ts_us":…,"ts_ns":…}`: when this batch was processed.
  private var tail = ByteWriter(capacity: 128)
  var processingTime: Int64 = 0

  package init(options: DebeziumOptions, context: EncodingContext) {
    self.options = options
    self.context = context
    skipsRows = !options.skippedOperations.isDisjoint(with: ["c", "u", "d"])
    countsEvents = options.providesTransactionMetadata
    makesParts = options.envelope == .full
    lossy = Lossiness(refuses: options.lossyValues == .refuse)
    source = DebeziumSource(context: context, replacesNull: options.replacesNullWithDefault)
  }

  package func start(_ batch: Batch, processingTime: Int64) {
    plans.start(batch, make: plan)
    source.startBatch()
    self.processingTime = processingTime
    tail.removeAll()
    tail.append(",\"ts_ms\":")
    tail.append(integer: processingTime.flooredDivision(by: 1_000_000).quotient)
    tail.append(",\"ts_us\":")
    tail.append(integer: processingTime.flooredDivision(by: 1000).quotient)
    tail.append(",\"ts_ns\":")
    tail.append(integer: processingTime)
    tail.append("}")
  }

  func plan(_ schema: TableSchema) -> DebeziumPlan {
    let counter = counters[schema.name] ?? CollectionCounter(schema.name.description)
    counters[schema.name] = counter
    return DebeziumPlan(schema, options: options, context: context, counter: counter)
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter
  ) throws(UnencodableChange) {
    let (arenaBytes, allCells) = (batch.arena, batch.cells)
    let row = DebeziumRow(cells: allCells.span, arena: arenaBytes.span.bytes, part: part)
    source.prepare(part, row.arena)
    for index in changes {
      let change = batch.changes[index]
      let mark = writer.count
      let known = records?.count ?? 0
      recordChange = index
      if case .schema = change.operation {
        encode(batch.schemaChanges[Int(change.row)], change, row, into: &writer)
        continue
      }
      let plan = plans.current[Int(change.schema)]
      let counted = transaction.events
      do throws(BadValue) {
        try encode(change, plan, row, into: &writer)
      } catch {
        writer.removeAll(from: mark)
        if let count = records?.count { records?.removeLast(count - known) }
        transaction.takeBack(transaction.events - counted, of: plan.counter)
        throw UnencodableChange(index: index, failure: error.failure(in: plan.schema))
      }
    }
  }

  @inline(__always)
  private func encode(
    _ change: RowChange, _ plan: DebeziumPlan, _ row: borrowing DebeziumRow, into writer: inout ByteWriter
  ) throws(BadValue) {
    let (before, after) = (Int(change.before), Int(change.after))
    switch change.operation {
    case .insert: try emit(.create, change, plan, row, key: after, other: after, into: &writer)
    case .read: try emit(.read, change, plan, row, key: after, other: after, into: &writer)
    case .delete:
      try emit(.delete, change, plan, row, key: before, other: before, into: &writer)
      try emitTombstone(.delete, plan, row, key: before, other: before, header: nil, into: &writer)
    case .update:
      if plan.key.count > 0, change.hasBefore, row.hasChangedKey(plan.key, before, after) {
        try emitKeyChange(change, plan, row, into: &writer)
      } else {
        try emit(.update, change, plan, row, key: after, other: change.hasBefore ? before : after, into: &writer)
      }
    case .schema: break
    }
  }

  /// A delete of the old key, its tombstone, and a create of the new key, each naming the other in a header.
  private func emitKeyChange(
    _ change: RowChange, _ plan: DebeziumPlan, _ row: borrowing DebeziumRow, into writer: inout ByteWriter
  ) throws(BadValue) {
    let (before, after) = (Int(change.before), Int(change.after))
    let newKey = KeyHeader(name: .newKey, row: after, other: before)
    try emit(.delete, change, plan, row, key: before, other: after, header: newKey, into: &writer)
    try emitTombstone(.delete, plan, row, key: before, other: after, header: newKey, into: &writer)
    let oldKey = KeyHeader(name: .oldKey, row: before, other: after)
    try emit(.create, change, plan, row, key: after, other: before, header: oldKey, into: &writer)
  }

  /// Appends one record with a value.
  @inline(__always)
  private func emit(
    _ operation: DebeziumOperation, _ change: RowChange, _ plan: DebeziumPlan, _ row: borrowing DebeziumRow,
    key: Int, other: Int, header: KeyHeader? = nil, into writer: inout ByteWriter
  ) throws(BadValue) {
    if skipsRows, options.skippedOperations.contains(operation.letter) { return }
    let order = countsEvents ? transaction.count(plan.counter) : EventOrder(inTransaction: 0, inCollection: 0)
    if makesParts || records != nil {
      var record = try open(plan, row, key: key, other: other, header: header, into: &writer)
      let start = writer.count
      try appendValue(operation, change, plan, row, order, into: &writer)
      record.value = start..<writer.count
      close(record, into: &writer)
    } else {
      try appendValue(operation, change, plan, row, order, into: &writer)
      writer.append(UInt8(ascii: "\n"))
    }
  }

  private func emitTombstone(
    _ operation: DebeziumOperation, _ plan: DebeziumPlan, _ row: borrowing DebeziumRow, key: Int, other: Int,
    header: KeyHeader?, into writer: inout ByteWriter
  ) throws(BadValue) {
    guard makesParts || records != nil, options.tombstonesOnDelete,
      !options.skippedOperations.contains(operation.letter)
    else { return }
    var record = try open(plan, row, key: key, other: other, header: header, into: &writer)
    if records == nil { writer.append("null") }
    record.value = nil
    close(record, into: &writer)
  }

  @inline(__always)
  private func appendValue(
    _ operation: DebeziumOperation, _ change: RowChange, _ plan: DebeziumPlan, _ row: borrowing DebeziumRow,
    _ order: EventOrder, into writer: inout ByteWriter
  ) throws(BadValue) {
    if options.valueSchemas { writer.append(plan.valueOpening) }
    writer.append("{\"before\":")
    let showsBefore = if case .create = operation { false } else { change.hasBefore }
    if showsBefore {
      try plan.appendRow(Int(change.before), cells: row.cells, arena: row.arena, lossy: &lossy, to: &writer)
    } else {
      writer.append("null")
    }
    writer.append(",\"after\":")
    let showsAfter = if case .delete = operation { false } else { change.hasAfter }
    if showsAfter {
      try plan.appendRow(Int(change.after), cells: row.cells, arena: row.arena, lossy: &lossy, to: &writer)
    } else {
      writer.append("null")
    }
    appendRest(operation, change, plan, row, order, row: change.row, into: &writer)
  }

  /// Appends the envelope from `source` on.
  @inline(__always)
  func appendRest(
    _ operation: DebeziumOperation, _ change: RowChange, _ plan: DebeziumPlan, _ data: borrowing DebeziumRow,
    _ order: EventOrder, row: UInt32, into writer: inout ByteWriter
  ) {
    source.append(plan, change, data.part, row: row, to: &writer)
    writer.append(",\"transaction\":")
    if countsEvents, data.part.identifier.length > 0, !data.part.isSnapshot {
      writer.append("{\"id\":")
      writer.append(jsonString: data.arena.extracting(data.part.identifier.range))
      writer.append(",\"total_order\":")
      writer.append(unsigned: order.inTransaction)
      writer.append(",\"data_collection_order\":")
      writer.append(unsigned: order.inCollection)
      writer.append(UInt8(ascii: "}"))
    } else {
      writer.append("null")
    }
    switch operation {
    case .create: writer.append(",\"op\":\"c\"")
    case .update: writer.append(",\"op\":\"u\"")
    case .delete: writer.append(",\"op\":\"d\"")
    case .read: writer.append(",\"op\":\"r\"")
    case .truncate: writer.append(",\"op\":\"t\"")
    }
    writer.append(tail)
    if options.valueSchemas { writer.append(UInt8(ascii: "}")) }
  }
}
