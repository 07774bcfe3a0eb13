package import Change

/// The format `json`: one object a line for each change, self-contained and exact.
///
/// `{"op":"c|u|d|r","schema":…,"table":…,"ts_us":…,"pos":…,"tx":…,"before":{…}|null,"after":{…}|null}`; a change of a
/// schema has `"op":"ddl"`. Numbers, decimals and unsigned integers keep all digits; bytes are base64; dates and times are
/// ISO 8601 with the column's digits, a TIME is a signed span (`-838:59:59.000001`), a date that no calendar has is
/// written as stored (`0000-00-00`); BIT is a number; JSON is embedded. A column that the log does not hold is left out;
/// an unavailable one too, and is named in `"unavailable"`. `pos` is where the change's log event begins.
package final class JSONChangeEncoder: ChangeEncoder {
  package let fileExtension = "jsonl"
  package let lossyValues: UInt64 = 0
  private var plans = PlanCache<JSONPlan>()
  private var place: LogPlace

  package init(context: EncodingContext) {
    place = LogPlace(context)
  }

  package func start(_ batch: Batch, processingTime: Int64) {
    plans.start(batch, make: JSONPlan.init)
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter
  ) throws(UnencodableChange) {
    let (arenaBytes, allCells) = (batch.arena, batch.cells)
    let arena = arenaBytes.span.bytes
    let cells = allCells.span
    place.prepare(part)
    for index in changes {
      let change = batch.changes[index]
      let mark = writer.count
      if case .schema = change.operation {
        encode(batch.schemaChanges[Int(change.row)], change, part, arena, into: &writer)
        continue
      }
      let plan = plans.current[Int(change.schema)]
      do throws(BadValue) {
        try encode(change, plan, part, cells: cells, arena: arena, into: &writer)
      } catch {
        writer.removeAll(from: mark)
        throw UnencodableChange(index: index, failure: error.failure(in: plan.schema))
      }
    }
  }

  @inline(__always)
  private func encode(
    _ change: RowChange, _ plan: JSONPlan, _ part: TransactionPart, cells: Span<Cell>, arena: RawSpan,
    into writer: inout ByteWriter
  ) throws(BadValue) {
    switch change.operation {
    case .insert: writer.append("{\"op\":\"c\"")
    case .update: writer.append("{\"op\":\"u\"")
    case .delete: writer.append("{\"op\":\"d\"")
    default: writer.append("{\"op\":\"r\"")
    }
    writer.append(plan.table)
    appendPlace(of: change, part, arena, into: &writer)
    writer.append(",\"before\":")
    var unavailable = false
    if change.hasBefore {
      unavailable = try plan.append(Int(change.before), cells: cells, arena: arena, to: &writer)
    } else {
      writer.append("null")
    }
    writer.append(",\"after\":")
    if change.hasAfter {
      if try plan.append(Int(change.after), cells: cells, arena: arena, to: &writer) { unavailable = true }
    } else {
      writer.append("null")
    }
    if unavailable { plan.appendUnavailable(of: change, cells: cells, to: &writer) }
    writer.append("}\n")
  }

  /// Appends `,"ts_us":…,"pos":…,"tx":…`.
  @inline(__always)
  private func appendPlace(
    of change: RowChange, _ part: TransactionPart, _ arena: RawSpan, into writer: inout ByteWriter
  ) {
    writer.append(",\"ts_us\":")
    writer.append(integer: change.time.microseconds)
    writer.append(",\"pos\":\"")
    writer.append(place.quotedPrefix)
    writer.append(unsigned: change.logOffset == 0 ? part.mark.endOffset : change.logOffset)
    writer.append("\",\"tx\":")
    if part.identifier.length == 0 { return writer.append("null") }
    writer.append(jsonString: arena.extracting(part.identifier.range))
  }

  private func encode(
    _ schemaChange: SchemaChange, _ change: RowChange, _ part: TransactionPart, _ arena: RawSpan,
    into writer: inout ByteWriter
  ) {
    writer.append("{\"op\":\"ddl\",\"kind\":")
    writer.append(jsonString: schemaChange.kind.rawValue)
    writer.append(",\"schema\":")
    writer.append(jsonString: schemaChange.table.namespace)
    writer.append(",\"table\":")
    writer.append(jsonString: schemaChange.table.table)
    if let after = schemaChange.after, after.name != schemaChange.table {
      writer.append(",\"new_schema\":")
      writer.append(jsonString: after.name.namespace)
      writer.append(",\"new_table\":")
      writer.append(jsonString: after.name.table)
    }
    writer.append(",\"statement\":")
    writer.append(jsonString: schemaChange.statement)
    appendPlace(of: change, part, arena, into: &writer)
    writer.append(",\"columns\":")
    if let after = schemaChange.after { writer.append(columnsOf: after) } else { writer.append("null") }
    writer.append("}\n")
  }
}

extension ByteWriter {
  /// Appends `[{"name":…,"type":…,"nullable":…,"key":…},…]`; `key` is the place in the key from 1, or null.
  fileprivate mutating func append(columnsOf schema: TableSchema) {
    append(UInt8(ascii: "["))
    for (index, column) in schema.columns.enumerated() {
      append(index == 0 ? "{\"name\":" : ",{\"name\":")
      append(jsonString: column.name)
      append(",\"type\":")
      append(jsonString: column.nativeType.isEmpty ? column.type.standardName : column.nativeType)
      append(column.isNullable ? ",\"nullable\":true,\"key\":" : ",\"nullable\":false,\"key\":")
      if let place = schema.key.firstIndex(of: index) { append(integer: Int64(place + 1)) } else { append("null") }
      append(UInt8(ascii: "}"))
    }
    append(UInt8(ascii: "]"))
  }
}

/// The name of the log file that a transaction lies in, rendered once for many changes.
package struct LogPlace: ~Copyable {
  private let context: EncodingContext
  private var known: (file: UInt32, source: UInt16)?
  /// `binlog.000001:`, escaped for a JSON string; empty where a log is not cut into files.
  package private(set) var quotedPrefix = ByteWriter(capacity: 64)
  /// `"binlog.000001"` or `null`.
  private(set) var quotedName = ByteWriter(capacity: 64)

  package init(_ context: EncodingContext) { self.context = context }

  /// Sets the file to that of a transaction.
  package mutating func prepare(_ part: TransactionPart) {
    let number = part.mark.file
    if let known, known.file == number, known.source == part.source { return }
    known = (number, part.source)
    quotedPrefix.removeAll()
    quotedName.removeAll()
    if number == 0 {
      quotedName.append("null")
      return
    }
    let base = Array(context.logFileBase(of: part.source).utf8)
    quotedPrefix.append(jsonEscaped: base.span.bytes)
    if !base.isEmpty { quotedPrefix.append(UInt8(ascii: ".")) }
    quotedPrefix.append(unsigned: UInt64(number), digits: max(6, UInt64(number).decimalDigits))
    quotedName.append(UInt8(ascii: "\""))
    quotedName.append(quotedPrefix)
    quotedName.append(UInt8(ascii: "\""))
    quotedPrefix.append(UInt8(ascii: ":"))
  }
}
