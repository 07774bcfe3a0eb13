package import Change
package import Formats

/// The format `pretty`: one line a change for people, `12:34:56.789  +  shop.orders  id=1 amount=3.50`.
///
/// An update shows the key and what changed, `amount=3.50→4.00`. Text is quoted and escaped as in JSON, so that no
/// value can steer the terminal.
package final class PrettyChangeEncoder: ChangeEncoder {
  package let fileExtension = "txt"
  package let lossyValues: UInt64 = 0
  private let hasColors: Bool
  /// The width of the widest table name so far, up to a limit, so that lines stay aligned.
  private var nameWidth = 12

  package init(hasColors: Bool) { self.hasColors = hasColors }

  package func start(_ batch: Batch, processingTime: Int64) {
    for schema in batch.schemas { nameWidth = min(40, max(nameWidth, schema.name.description.count)) }
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter
  ) throws(UnencodableChange) {
    for index in changes {
      let change = batch.changes[index]
      appendClock(change.time, to: &writer)
      if change.operation == .schema {
        append(batch.schemaChanges[Int(change.row)], to: &writer)
      } else {
        append(change, batch.schemas[Int(change.schema)], batch, to: &writer)
      }
      writer.append("\n")
    }
  }

  private func appendClock(_ time: EventTime, to writer: inout ByteWriter) {
    let civil = CivilTime(microsecondsSinceEpoch: time.microseconds)
    paint("\u{1b}[2m", &writer)
    writer.append(unsigned: UInt64(civil.hour), digits: 2)
    writer.append(":")
    writer.append(unsigned: UInt64(civil.minute), digits: 2)
    writer.append(":")
    writer.append(unsigned: UInt64(civil.second), digits: 2)
    writer.append(".")
    writer.append(unsigned: UInt64(civil.microsecond / 1000), digits: 3)
    paint("\u{1b}[0m", &writer)
    writer.append("  ")
  }

  private func append(_ change: SchemaChange, to writer: inout ByteWriter) {
    appendHead("\u{1b}[35m", "!", change.table, to: &writer)
    writer.append(jsonEscaped: change.kind.rawValue)
    if !change.statement.isEmpty {
      writer.append(" ")
      writer.append(jsonString: change.statement)
    }
  }

  private func append(_ change: RowChange, _ schema: TableSchema, _ batch: Batch, to writer: inout ByteWriter) {
    switch change.operation {
    case .insert: appendHead("\u{1b}[32m", "+", schema.name, to: &writer)
    case .update: appendHead("\u{1b}[33m", "~", schema.name, to: &writer)
    case .delete: appendHead("\u{1b}[31m", "-", schema.name, to: &writer)
    default: appendHead("\u{1b}[36m", "=", schema.name, to: &writer)
    }
    var isFirst = true
    for (column, definition) in schema.columns.enumerated() {
      let before = change.hasBefore ? batch.cells[Int(change.before) + column] : nil
      let after = change.hasAfter ? batch.cells[Int(change.after) + column] : nil
      guard let shown = after ?? before, shown.tag != .absent else { continue }
      let isUpdate = change.operation == .update
      let isChanged = isUpdate && before.map { !isSame($0, shown, batch) && $0.tag != .absent } ?? false
      if isUpdate, before != nil, !isChanged, !schema.key.contains(column) { continue }
      if !isFirst { writer.append(" ") }
      isFirst = false
      writer.append(jsonEscaped: definition.name)
      writer.append("=")
      if isChanged, let before {
        append(before, definition, batch, to: &writer)
        writer.append("→")
      }
      append(shown, definition, batch, to: &writer)
    }
  }

  private func isSame(_ left: Cell, _ right: Cell, _ batch: Batch) -> Bool {
    guard left.tag == right.tag, left.scale == right.scale else { return false }
    switch left.tag {
    case .text, .bytes, .json, .decimal: return batch.arena[left.range] == batch.arena[right.range]
    default: return left.payload == right.payload
    }
  }

  private func append(_ cell: Cell, _ column: ColumnSchema, _ batch: Batch, to writer: inout ByteWriter) {
    let arena = batch.arena
    switch cell.tag {
    case .text, .json: writer.append(jsonString: arena.span.bytes.extracting(cell.range))
    default: CellText.iso.append(cell, as: CellForm(column.type), arena: arena.span.bytes, to: &writer)
    }
  }

  private func appendHead(_ color: StaticString, _ sign: StaticString, _ table: TableName, to writer: inout ByteWriter)
  {
    paint(color, &writer)
    writer.append(sign)
    writer.append("  ")
    let start = writer.count
    writer.append(jsonEscaped: table.namespace)
    writer.append(".")
    writer.append(jsonEscaped: table.table)
    paint("\u{1b}[0m", &writer)
    let width = table.description.count
    for _ in 0..<max(0, nameWidth - width) where writer.count > start { writer.append(" ") }
    writer.append("  ")
  }

  private func paint(_ color: StaticString, _ writer: inout ByteWriter) {
    if hasColors { writer.append(color) }
  }
}

extension ByteWriter {
  /// Appends a name with everything escaped that JSON escapes, without quotes.
  fileprivate mutating func append(jsonEscaped text: String) {
    let bytes = Array(text.utf8)
    append(jsonEscaped: bytes.span.bytes)
  }
}
