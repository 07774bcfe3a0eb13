package import Change

/// Writes the key of a row as an object in the forms of `json`: `{"id":1}`. Prepared once for a schema.
package final class JSONKeyPlan {
  private struct Column: BitwiseCopyable {
    var index: Int
    var nameStart: Int
    var nameEnd: Int
    var form: CellForm
  }

  package let schema: TableSchema
  private let names: ByteWriter
  private let columns: FixedArray<Column>
  /// Indexes into the schema's columns, in the key's order.
  let key: FixedArray<Int>

  /// - Parameter key: indexes into the schema's columns, in the key's order.
  package init(_ schema: TableSchema, key: [Int]) {
    self.schema = schema
    var names = ByteWriter(capacity: 64)
    var columns: [Column] = []
    for index in key {
      let start = names.count
      names.append(UInt8(ascii: ","))
      names.append(jsonString: schema.columns[index].name)
      names.append(UInt8(ascii: ":"))
      let form = CellForm(schema.columns[index].type)
      columns.append(Column(index: index, nameStart: start, nameEnd: names.count, form: form))
    }
    self.names = names
    self.columns = FixedArray(columns)
    self.key = FixedArray(key)
  }

  /// Appends the key of the row that begins at cell `row`; a column that it does not hold is taken from the row at `other`.
  package func append(
    _ row: Int, other: Int, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(Failure) {
    do throws(BadValue) {
      try appendKey(row, other: other, cells: cells, arena: arena, to: &writer)
    } catch {
      throw error.failure(in: schema)
    }
  }

  func appendKey(
    _ row: Int, other: Int, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    let start = writer.count
    for position in 0..<columns.count {
      let column = columns[position]
      var cell = cells[row + column.index]
      if cell.tag == .absent || cell.tag == .unavailable { cell = cells[other + column.index] }
      if cell.tag == .absent || cell.tag == .unavailable {
        throw BadValue(column: column.index, reason: "the log does not hold this column of the key")
      }
      writer.append(names, column.nameStart..<column.nameEnd)
      if !JSONPlan.append(cell, column.form, arena, to: &writer) {
        throw BadValue(column: column.index, reason: "the document is not JSON")
      }
    }
    writer.closeObject(from: start)
  }

  /// Appends what is known of the key: a column that neither row holds is left out, and text that should be a document and
  /// is none becomes null.
  package func appendKnown(_ row: Int, other: Int, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter) {
    let start = writer.count
    for position in 0..<columns.count {
      let column = columns[position]
      let cell = RowImages(first: row, other: other).cell(column.index, cells)
      guard cell.isKnown else { continue }
      writer.append(names, column.nameStart..<column.nameEnd)
      if !JSONPlan.append(cell, column.form, arena, to: &writer) { writer.append("null") }
    }
    writer.closeObject(from: start)
  }
}
