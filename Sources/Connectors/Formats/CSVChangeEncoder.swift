package import Change

/// The settings of `csv`.
package struct CSVOptions: Hashable, Sendable {
  package var delimiter: UInt8 = UInt8(ascii: ",")
  package var quote: UInt8 = UInt8(ascii: "\"")
  /// What stands for NULL, without quotes; the same text as a value is quoted.
  package var null = "\\N"
  /// Whether a file begins with the columns' names.
  package var header = true
  /// Whether the second column is the commit time, microseconds since 1970.
  package var includesCommitTime = false
  /// Whether an update is two lines, the row before it (`d`) and after it (`c`), both marked in the column `is_update`.
  package var outputsOldValue = false
  package var binary = BinaryText.base64

  package init() {}
}

/// The format `csv` (RFC 4180): one line a row, the columns in the table's order behind `op` (c, u, d or r) and, where
/// asked for, `commit_ts` and `is_update`.
///
/// A file holds one version of one table's schema, because its header and its columns do: after a change of the schema
/// the caller begins a new file with `encodeHeader`. The change itself makes no line. Values are as in `json`, unquoted
/// unless they contain the delimiter, the quote, a line break or look like NULL. A value that the log does not hold
/// cannot be told from NULL in this format, and is refused.
package final class CSVChangeEncoder: ChangeEncoder {
  package let fileExtension = "csv"
  package let lossyValues: UInt64 = 0
  package let options: CSVOptions
  private let null: [UInt8]
  private let text: CellText
  private var plans = PlanCache<CSVPlan>()

  package init(options: CSVOptions) throws(Failure) {
    let special: [UInt8] = [options.delimiter, options.quote]
    guard options.delimiter != options.quote, special.allSatisfy({ $0 != 10 && $0 != 13 && $0 < 0x80 }) else {
      throw Failure(
        .configuration, "delimiter and quote of csv must be two different ASCII characters other than line breaks")
    }
    guard options.null.utf8.allSatisfy({ !special.contains($0) && $0 != 10 && $0 != 13 }) else {
      throw Failure(.configuration, "null of csv must not contain the delimiter, the quote or a line break")
    }
    self.options = options
    null = Array(options.null.utf8)
    text = CellText(times: .iso, binary: options.binary, booleansAreWords: true)
  }

  package func start(_ batch: Batch, processingTime: Int64) {
    plans.start(batch, make: CSVPlan.init)
  }

  package func encodeHeader(of schema: TableSchema, into writer: inout ByteWriter) {
    if !options.header { return }
    writer.append("op")
    if options.includesCommitTime { appendHeader("commit_ts", to: &writer) }
    if options.outputsOldValue { appendHeader("is_update", to: &writer) }
    for column in schema.columns { appendHeader(column.name, to: &writer) }
    writer.append("\r\n")
  }

  private func appendHeader(_ name: String, to writer: inout ByteWriter) {
    writer.append(options.delimiter)
    let start = writer.count
    writer.append(string: name)
    quoteIfNeeded(from: start, in: &writer)
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter
  ) throws(UnencodableChange) {
    let (arenaBytes, allCells) = (batch.arena, batch.cells)
    let cells = allCells.span
    let arena = arenaBytes.span.bytes
    for index in changes {
      let change = batch.changes[index]
      if case .schema = change.operation { continue }
      let plan = plans.current[Int(change.schema)]
      let mark = writer.count
      do throws(BadValue) {
        try encode(change, plan, part, cells: cells, arena: arena, into: &writer)
      } catch {
        writer.removeAll(from: mark)
        var failure = error.failure(in: plan.schema)
        failure.hint = "set binlog_row_image to FULL at the source, or choose the format json"
        throw UnencodableChange(index: index, failure: failure)
      }
    }
  }

  private func encode(
    _ change: RowChange, _ plan: CSVPlan, _ part: TransactionPart, cells: Span<Cell>, arena: RawSpan,
    into writer: inout ByteWriter
  ) throws(BadValue) {
    let (before, after) = (Int(change.before), Int(change.after))
    switch change.operation {
    case .insert: try append("c", false, after, plan, part, cells, arena, &writer)
    case .read: try append("r", false, after, plan, part, cells, arena, &writer)
    case .delete: try append("d", false, before, plan, part, cells, arena, &writer)
    case .update where options.outputsOldValue && change.hasBefore:
      try append("d", true, before, plan, part, cells, arena, &writer)
      try append("c", true, after, plan, part, cells, arena, &writer)
    case .update: try append("u", true, after, plan, part, cells, arena, &writer)
    case .schema: break
    }
  }

  private func append(
    _ operation: StaticString, _ isUpdate: Bool, _ first: Int, _ plan: CSVPlan, _ part: TransactionPart,
    _ cells: Span<Cell>, _ arena: RawSpan, _ writer: inout ByteWriter
  ) throws(BadValue) {
    writer.append(operation)
    if options.includesCommitTime {
      writer.append(options.delimiter)
      writer.append(integer: part.commitTime.microseconds)
    }
    if options.outputsOldValue {
      writer.append(options.delimiter)
      if isUpdate { writer.append("true") } else { writer.append("false") }
    }
    for index in 0..<plan.forms.count {
      let cell = cells[first + index]
      writer.append(options.delimiter)
      if case .null = cell.tag {
        writer.append(null)
        continue
      }
      guard cell.hasValue else { throw BadValue(column: index, reason: "the log does not hold its value") }
      let start = writer.count
      text.append(cell, as: plan.forms[index], arena: arena, to: &writer)
      quoteIfNeeded(from: start, in: &writer)
    }
    writer.append("\r\n")
  }

  /// Puts quotes around what was written from `start` on, if a reader could not take it as it is.
  private func quoteIfNeeded(from start: Int, in writer: inout ByteWriter) {
    let length = writer.count - start
    var quotes = 0
    var isSpecial = length == null.count
    if isSpecial {
      for offset in 0..<length where writer.storage[start + offset] != null[offset] { isSpecial = false }
    }
    for index in start..<writer.count {
      let byte = writer.storage[index]
      if byte == options.quote {
        quotes += 1
      } else if byte == options.delimiter || byte == 10 || byte == 13 {
        isSpecial = true
      }
    }
    if quotes == 0, !isSpecial { return }
    writer.quote(from: start, with: options.quote, doubling: quotes)
  }
}

/// What `csv` has prepared for one schema.
final class CSVPlan {
  let schema: TableSchema
  let forms: FixedArray<CellForm>

  init(_ schema: TableSchema) {
    self.schema = schema
    forms = FixedArray(schema.columns.map { CellForm($0.type) })
  }
}

extension ByteWriter {
  /// Puts `quote` around the bytes from `start` on and doubles the `doubled` quotes among them, moving from the end.
  fileprivate mutating func quote(from start: Int, with quote: UInt8, doubling doubled: Int) {
    reserve(doubled + 2)
    var source = count - 1
    var target = count + doubled + 1
    count = target + 1
    storage[target] = quote
    while source >= start {
      target -= 1
      storage[target] = storage[source]
      if storage[source] == quote {
        target -= 1
        storage[target] = quote
      }
      source -= 1
    }
    storage[start] = quote
  }
}
