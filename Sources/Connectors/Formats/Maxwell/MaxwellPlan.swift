import Change

/// What the format `maxwell` has prepared for one schema.
final class MaxwellPlan {
  private struct Column: BitwiseCopyable {
    var form: CellForm
    var isSet: Bool
  }

  let schema: TableSchema
  /// From the opening brace to the mark before the type's name.
  let head: ByteWriter
  /// `,"primary_key_columns":[…]`.
  let keyNames: ByteWriter
  private let names: MemberNames
  private let columns: FixedArray<Column>
  private let key: FixedArray<Int>
  private let writesNulls: Bool

  init(_ schema: TableSchema, _ options: MaxwellOptions) {
    self.schema = schema
    writesNulls = options.outputNulls
    var head = ByteWriter(capacity: 128)
    head.append("{\"database\":")
    head.append(jsonString: schema.name.namespace)
    head.append(",\"table\":")
    head.append(jsonString: schema.name.table)
    head.append(",\"type\":\"")
    self.head = head
    var columns: [Column] = []
    for column in schema.columns {
      var isSet = false
      if case .set = column.type { isSet = true }
      columns.append(
        Column(form: CellForm(column.type), isSet: isSet))
    }
    names = MemberNames(schema)
    self.columns = FixedArray(columns)
    let primary = schema.keyIsPrimary ? schema.key : []
    key = FixedArray(primary)
    var keyNames = ByteWriter(capacity: 64)
    keyNames.append(",\"primary_key_columns\":[")
    for (place, column) in primary.enumerated() {
      if place > 0 { keyNames.append(UInt8(ascii: ",")) }
      keyNames.append(jsonString: schema.columns[column].name)
    }
    keyNames.append("]")
    self.keyNames = keyNames
  }

  /// Appends `,"primary_key":[…]`; a value that is not known is null.
  func appendKey(
    _ row: RowImages, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    writer.append(",\"primary_key\":[")
    for place in 0..<key.count {
      if place > 0 { writer.append(UInt8(ascii: ",")) }
      let cell = row.cell(key[place], cells)
      if cell.isKnown { try append(cell, key[place], arena, to: &writer) } else { writer.append("null") }
    }
    writer.append("]")
  }

  /// Appends what is known of the row as an object.
  func append(
    _ row: RowImages, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    let start = writer.count
    for index in 0..<columns.count {
      let cell = row.cell(index, cells)
      guard cell.isKnown, writesNulls || cell.tag != .null else { continue }
      names.append(index, to: &writer)
      try append(cell, index, arena, to: &writer)
    }
    writer.closeObject(from: start)
  }

  /// Appends the columns of `row` that `new` has with another value.
  func appendOld(
    _ row: RowImages, changedIn new: RowImages, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    let start = writer.count
    for index in 0..<columns.count {
      let cell = row.cell(index, cells)
      let other = new.cell(index, cells)
      guard cell.isKnown, other.isKnown, !CellComparison.isSame(cell, other, arena) else { continue }
      names.append(index, to: &writer)
      try append(cell, index, arena, to: &writer)
    }
    writer.closeObject(from: start)
  }

  @inline(__always)
  private func append(
    _ cell: Cell, _ index: Int, _ arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    switch cell.tag {
    case .int: writer.append(integer: cell.int)
    case .text where columns[index].isSet: appendMembers(arena.extracting(cell.range), to: &writer)
    case .text: writer.append(jsonString: arena.extracting(cell.range))
    case .null: writer.append("null")
    case .uint, .bits: writer.append(unsigned: cell.payload)
    case .decimal64: writer.append(decimal: cell.int, scale: Int(cell.scale))
    case .float32: writer.append(float32: cell.float32)
    case .float64: writer.append(float64: cell.float64)
    case .json:
      guard writer.append(jsonDocument: arena.extracting(cell.range)) else {
        throw BadValue(column: index, reason: "the document is not JSON")
      }
    case .bytes:
      writer.append(UInt8(ascii: "\""))
      writer.append(base64: arena.extracting(cell.range))
      writer.append(UInt8(ascii: "\""))
    case .date, .time, .timestamp, .timestampZoned, .civil:
      writer.append(UInt8(ascii: "\""))
      CellText.sql.append(cell, as: columns[index].form, arena: arena, to: &writer)
      writer.append(UInt8(ascii: "\""))
    case .boolean: writer.append(cell.payload == 0 ? "false" : "true")
    case .decimal, .absent, .unavailable: writer.append(arena.extracting(cell.range))
    }
  }

  /// Appends the members of a SET's value as an array of texts.
  private func appendMembers(_ value: RawSpan, to writer: inout ByteWriter) {
    writer.append(UInt8(ascii: "["))
    var start = 0
    for end in 0...value.byteCount where value.byteCount > 0 {
      guard end == value.byteCount || value.unsafeLoad(fromByteOffset: end, as: UInt8.self) == UInt8(ascii: ",") else {
        continue
      }
      if start > 0 { writer.append(UInt8(ascii: ",")) }
      writer.append(jsonString: value.extracting(start..<end))
      start = end + 1
    }
    writer.append(UInt8(ascii: "]"))
  }
}
