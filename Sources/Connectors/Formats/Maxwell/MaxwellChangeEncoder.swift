package import Change

/// The format `maxwell`: the messages of Maxwell's daemon, one object a line for each change.
///
/// `{"database":…,"table":…,"type":"insert|update|delete|bootstrap-insert","ts":…,"xid":…,"commit":true,"data":{…},"old":{…}}`;
/// `commit` only with the last row of a transaction, `old` only with an update: the columns that changed, as they were.
/// Numbers are JSON numbers with all digits, bytes base64, dates and times as SQL writes them, a SET is an array, JSON is
/// embedded. `ts` is the time of the change at the source in seconds, in messages about schemas in milliseconds. Where it
/// differs from Maxwell stands in the module's article "Message formats".
package final class MaxwellChangeEncoder: ChangeEncoder {
  package let fileExtension = "jsonl"
  package let lossyValues: UInt64 = 0
  private let options: MaxwellOptions
  private var plans = PlanCache<MaxwellPlan>()
  private var place: LogPlace
  /// What stands for the open transaction where its log gives it no number: the offset of its first change.
  private var firstOffset: UInt64 = 0

  package init(options: MaxwellOptions, context: EncodingContext) {
    self.options = options
    place = LogPlace(context)
  }

  package func start(_ batch: Batch, processingTime: Int64) {
    let options = options
    plans.start(batch) { MaxwellPlan($0, options) }
  }

  package func encodeBegin(of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter) {
    if part.begins { firstOffset = part.count > 0 ? batch.changes[Int(part.first)].logOffset : part.mark.endOffset }
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter
  ) throws(UnencodableChange) {
    let (arenaBytes, allCells) = (batch.arena, batch.cells)
    let arena = arenaBytes.span.bytes
    let cells = allCells.span
    place.prepare(part)
    let last = part.ends ? part.range.upperBound - 1 : -1
    for index in changes {
      let change = batch.changes[index]
      let mark = writer.count
      if case .schema = change.operation {
        if options.outputDDL { encode(batch.schemaChanges[Int(change.row)], change, part, into: &writer) }
        continue
      }
      let plan = plans.current[Int(change.schema)]
      do throws(BadValue) {
        try encode(change, plan, part, isLast: index == last, cells: cells, arena: arena, into: &writer)
      } catch {
        writer.removeAll(from: mark)
        throw UnencodableChange(index: index, failure: error.failure(in: plan.schema))
      }
    }
  }

  private func encode(
    _ change: RowChange, _ plan: MaxwellPlan, _ part: TransactionPart, isLast: Bool, cells: Span<Cell>,
    arena: RawSpan, into writer: inout ByteWriter
  ) throws(BadValue) {
    let first = Int(change.hasAfter ? change.after : change.before)
    let row = RowImages(first: first, other: Int(change.hasBefore ? change.before : change.after))
    writer.append(plan.head)
    switch change.operation {
    case .insert: writer.append("insert\",\"ts\":")
    case .update: writer.append("update\",\"ts\":")
    case .delete: writer.append("delete\",\"ts\":")
    default: writer.append("bootstrap-insert\",\"ts\":")
    }
    writer.append(integer: change.time.microseconds / 1_000_000)
    if options.outputCommitInfo, !part.isSnapshot {
      writer.append(",\"xid\":")
      writer.append(unsigned: part.mark.sequence == 0 ? firstOffset : part.mark.sequence)
      if isLast { writer.append(",\"commit\":true") }
    }
    if options.outputPosition { appendPosition(of: change, part, into: &writer) }
    if options.outputServerId {
      writer.append(",\"server_id\":")
      writer.append(unsigned: UInt64(part.mark.server))
    }
    if options.outputPrimaryKeys { try plan.appendKey(row, cells: cells, arena: arena, to: &writer) }
    if options.outputPrimaryKeyColumns { writer.append(plan.keyNames) }
    writer.append(",\"data\":")
    try plan.append(row, cells: cells, arena: arena, to: &writer)
    if case .update = change.operation, change.hasBefore {
      writer.append(",\"old\":")
      let before = RowImages(first: Int(change.before), other: Int(change.before))
      try plan.appendOld(before, changedIn: row, cells: cells, arena: arena, to: &writer)
    }
    writer.append("}\n")
  }

  /// Appends `,"position":"binlog.000001:104"`.
  private func appendPosition(of change: RowChange, _ part: TransactionPart, into writer: inout ByteWriter) {
    writer.append(",\"position\":\"")
    writer.append(place.quotedPrefix)
    writer.append(unsigned: change.logOffset == 0 ? part.mark.endOffset : change.logOffset)
    writer.append("\"")
  }

  private func encode(
    _ schemaChange: SchemaChange, _ change: RowChange, _ part: TransactionPart, into writer: inout ByteWriter
  ) {
    writer.append("{\"type\":")
    switch schemaChange.kind {
    case .create: writer.append("\"table-create\"")
    case .alter, .rename: writer.append("\"table-alter\"")
    case .drop: writer.append("\"table-drop\"")
    case .truncate: writer.append("\"table-truncate\"")
    }
    writer.append(",\"database\":")
    writer.append(jsonString: schemaChange.table.namespace)
    writer.append(",\"table\":")
    writer.append(jsonString: schemaChange.table.table)
    let isAlteration = schemaChange.kind == .alter || schemaChange.kind == .rename
    if isAlteration, let before = schemaChange.before {
      writer.append(",\"old\":")
      writer.append(maxwellTable: before)
    }
    if isAlteration || schemaChange.kind == .create, let after = schemaChange.after {
      writer.append(",\"def\":")
      writer.append(maxwellTable: after)
    }
    writer.append(",\"ts\":")
    writer.append(integer: change.time.microseconds / 1000)
    writer.append(",\"sql\":")
    writer.append(jsonString: schemaChange.statement)
    appendPosition(of: change, part, into: &writer)
    writer.append("}\n")
  }
}
