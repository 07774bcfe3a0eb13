package import Change

/// The format `canal-json`: Alibaba Canal's flat message, one object a line for each change.
///
/// `{"id":0,"database":…,"table":…,"pkNames":[…],"isDdl":false,"type":"INSERT|UPDATE|DELETE","es":…,"ts":…,"sql":"",`
/// `"sqlType":{…},"mysqlType":{…},"data":[{…}],"old":[{…}]|null}`; every value is a text or null. A change of a schema has
/// `"isDdl":true`, its statement, and a type as Canal calls it. `es` is the time of the change at the source and `ts` the
/// time of encoding, in milliseconds. Where it differs from Canal stands in the module's article "Message formats".
package final class CanalChangeEncoder: ChangeEncoder {
  package let fileExtension = "jsonl"
  package let lossyValues: UInt64 = 0
  private let options: CanalOptions
  private var plans = PlanCache<CanalPlan>()
  private var milliseconds: Int64 = 0

  package init(options: CanalOptions) { self.options = options }

  package func start(_ batch: Batch, processingTime: Int64) {
    let options = options
    plans.start(batch) { CanalPlan($0, options) }
    milliseconds = processingTime / 1_000_000
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter
  ) throws(UnencodableChange) {
    let (arenaBytes, allCells) = (batch.arena, batch.cells)
    let arena = arenaBytes.span.bytes
    let cells = allCells.span
    for index in changes {
      let change = batch.changes[index]
      let mark = writer.count
      if case .schema = change.operation {
        encode(batch.schemaChanges[Int(change.row)], change, into: &writer)
        continue
      }
      let plan = plans.current[Int(change.schema)]
      do throws(BadValue) {
        try encode(change, plan, cells: cells, arena: arena, into: &writer)
      } catch {
        writer.removeAll(from: mark)
        throw UnencodableChange(index: index, failure: error.failure(in: plan.schema))
      }
    }
  }

  private func encode(
    _ change: RowChange, _ plan: CanalPlan, cells: Span<Cell>, arena: RawSpan, into writer: inout ByteWriter
  ) throws(BadValue) {
    let first = Int(change.hasAfter ? change.after : change.before)
    let row = RowImages(first: first, other: Int(change.hasBefore ? change.before : change.after))
    writer.append(plan.head)
    switch change.operation {
    case .update: writer.append("UPDATE\"")
    case .delete: writer.append("DELETE\"")
    default: writer.append("INSERT\"")
    }
    appendTimes(of: change, into: &writer)
    plan.appendTypes(row, cells: cells, to: &writer)
    try plan.append(row, cells: cells, arena: arena, to: &writer)
    if case .update = change.operation, change.hasBefore {
      writer.append("],\"old\":[")
      let before = RowImages(first: Int(change.before), other: Int(change.before))
      try plan.appendOld(
        before, changedIn: options.contentCompatible ? row : nil, cells: cells, arena: arena, to: &writer)
      writer.append("]}\n")
    } else {
      writer.append("],\"old\":null}\n")
    }
  }

  /// Appends `,"es":…,"ts":…`.
  private func appendTimes(of change: RowChange, into writer: inout ByteWriter) {
    writer.append(",\"es\":")
    writer.append(integer: change.time.microseconds / 1000)
    writer.append(",\"ts\":")
    writer.append(integer: milliseconds)
  }

  private func encode(_ schemaChange: SchemaChange, _ change: RowChange, into writer: inout ByteWriter) {
    let name = schemaChange.kind == .rename ? schemaChange.after?.name ?? schemaChange.table : schemaChange.table
    writer.append("{\"id\":0,\"database\":")
    writer.append(jsonString: name.namespace)
    writer.append(",\"table\":")
    writer.append(jsonString: name.table)
    writer.append(",\"pkNames\":null,\"isDdl\":true,\"type\":")
    switch schemaChange.kind {
    case .create: writer.append("\"CREATE\"")
    case .alter: writer.append("\"ALTER\"")
    case .rename: writer.append("\"RENAME\"")
    case .drop: writer.append("\"ERASE\"")
    case .truncate: writer.append("\"TRUNCATE\"")
    }
    appendTimes(of: change, into: &writer)
    writer.append(",\"sql\":")
    writer.append(jsonString: schemaChange.statement)
    writer.append(",\"sqlType\":null,\"mysqlType\":null,\"data\":null,\"old\":null}\n")
  }
}

extension ByteWriter {
  /// Appends bytes as the characters of ISO 8859-1 with these codes, in UTF-8 and with the escapes of a JSON string.
  mutating func append(latin1Escaped bytes: RawSpan) {
    reserve(2 * bytes.byteCount)
    for index in 0..<bytes.byteCount {
      let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      if byte >= 0x80 {
        append(0xc0 | byte >> 6)
        append(0x80 | byte & 0x3f)
      } else if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        append(jsonEscaped: bytes.extracting(index..<index + 1))
      } else {
        append(byte)
      }
    }
  }
}
