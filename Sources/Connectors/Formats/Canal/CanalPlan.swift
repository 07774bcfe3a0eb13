import Change

/// What the format `canal-json` has prepared for one schema.
final class CanalPlan {
  private enum Kind: UInt8, BitwiseCopyable { case plain, enumeration, set }

  private struct Column: BitwiseCopyable {
    var form: CellForm
    var kind: Kind
    /// Places in `members`.
    var firstMember: Int
    var endMember: Int
    /// `java.sql.Types`; `largeCode` for values above `limit`.
    var code: Int16
    var largeCode: Int16
    var limit: UInt64
  }

  let schema: TableSchema
  /// From the opening brace to the mark before the type's name.
  let head: ByteWriter
  /// `,"sql":"","sqlType":{…}` where it does not depend on the row; empty where it does.
  private let sqlTypes: ByteWriter
  /// `,"mysqlType":{…},"data":[`.
  private let mysqlTypes: ByteWriter
  private let names: MemberNames
  private let columns: FixedArray<Column>
  private let members: MemberList

  init(_ schema: TableSchema, _ options: CanalOptions) {
    self.schema = schema
    head = CanalPlan.head(of: schema)
    let names = MemberNames(schema)
    var columns: [Column] = []
    var members: [String] = []
    for column in schema.columns {
      let (usual, large, limit) = CanalType.codes(of: column)
      let firstMember = members.count
      let kind = CanalPlan.kind(of: column.type, members: &members)
      columns.append(
        Column(
          form: CellForm(column.type), kind: kind, firstMember: firstMember,
          endMember: members.count, code: usual, largeCode: large, limit: limit))
    }
    var mysqlTypes = ByteWriter(capacity: 256)
    mysqlTypes.append(",\"mysqlType\":{")
    for (index, column) in schema.columns.enumerated() {
      names.append(index, isFirst: index == 0, to: &mysqlTypes)
      mysqlTypes.append(jsonString: CanalType.name(of: column, withParameters: options.contentCompatible))
    }
    mysqlTypes.append("},\"data\":[")
    self.mysqlTypes = mysqlTypes
    var sqlTypes = ByteWriter(capacity: 256)
    if columns.allSatisfy({ $0.code == $0.largeCode }) {
      CanalPlan.appendSQLTypes(names, columns.indices, to: &sqlTypes) { columns[$0] }
    }
    self.sqlTypes = sqlTypes
    self.names = names
    self.columns = FixedArray(columns)
    self.members = MemberList(members)
  }

  private static func kind(of type: ColumnType, members: inout [String]) -> Kind {
    switch type {
    case .enumeration(let own):
      members += own
      return .enumeration
    case .set(let own):
      members += own
      return .set
    default: return .plain
    }
  }

  private static func head(of schema: TableSchema) -> ByteWriter {
    var head = ByteWriter(capacity: 128)
    head.append("{\"id\":0,\"database\":")
    head.append(jsonString: schema.name.namespace)
    head.append(",\"table\":")
    head.append(jsonString: schema.name.table)
    head.append(",\"pkNames\":")
    if schema.keyIsPrimary, !schema.key.isEmpty {
      for (place, column) in schema.key.enumerated() {
        head.append(place == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
        head.append(jsonString: schema.columns[column].name)
      }
      head.append("]")
    } else {
      head.append("null")
    }
    head.append(",\"isDdl\":false,\"type\":\"")
    return head
  }

  private static func appendSQLTypes(
    _ names: borrowing MemberNames, _ indexes: Range<Int>, to writer: inout ByteWriter, _ column: (Int) -> Column
  ) {
    writer.append(",\"sql\":\"\",\"sqlType\":{")
    for index in indexes {
      let column = column(index)
      names.append(index, isFirst: index == 0, to: &writer)
      writer.append(integer: Int64(column.code))
    }
    writer.append("}")
  }

  /// Appends `,"sql":"","sqlType":{…},"mysqlType":{…},"data":[` for a row.
  func appendTypes(_ row: RowImages, cells: Span<Cell>, to writer: inout ByteWriter) {
    if !sqlTypes.isEmpty {
      writer.append(sqlTypes)
    } else {
      CanalPlan.appendSQLTypes(names, 0..<columns.count, to: &writer) { index in
        var column = columns[index]
        let cell = row.cell(index, cells)
        if cell.tag == .uint, cell.payload > column.limit { column.code = column.largeCode }
        return column
      }
    }
    writer.append(mysqlTypes)
  }

  /// Appends the row as an object of texts.
  func append(
    _ row: RowImages, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    let start = writer.count
    for index in 0..<columns.count {
      let cell = row.cell(index, cells)
      if cell.isKnown { try append(cell, index, arena, to: &writer) }
    }
    writer.closeObject(from: start)
  }

  /// Appends what the row was, as far as it is known: all columns, or those that `other` has with another value.
  func appendOld(
    _ row: RowImages, changedIn other: RowImages?, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    let start = writer.count
    for index in 0..<columns.count {
      let cell = row.cell(index, cells)
      guard cell.isKnown else { continue }
      if let other {
        let new = other.cell(index, cells)
        if !new.isKnown || CellComparison.isSame(cell, new, arena) { continue }
      }
      try append(cell, index, arena, to: &writer)
    }
    writer.closeObject(from: start)
  }

  @inline(__always)
  private func append(
    _ cell: Cell, _ index: Int, _ arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    let column = columns[index]
    names.append(index, to: &writer)
    switch cell.tag {
    case .null: return writer.append("null")
    case .text where column.kind != .plain:
      return try append(members: arena.extracting(cell.range), index, column, to: &writer)
    case .text, .json: return writer.append(jsonString: arena.extracting(cell.range))
    case .bytes:
      writer.append(UInt8(ascii: "\""))
      writer.append(latin1Escaped: arena.extracting(cell.range))
    default:
      writer.append(UInt8(ascii: "\""))
      CellText.sql.append(cell, as: column.form, arena: arena, to: &writer)
    }
    writer.append(UInt8(ascii: "\""))
  }

  private func append(
    members value: RawSpan, _ index: Int, _ column: Column, to writer: inout ByteWriter
  ) throws(BadValue) {
    let own = column.firstMember..<column.endMember
    guard let number = column.kind == .set ? members.bits(of: value, among: own) : members.number(of: value, among: own)
    else { throw BadValue(column: index, reason: "the value is not one of the type's members") }
    writer.append(UInt8(ascii: "\""))
    writer.append(unsigned: number)
    writer.append(UInt8(ascii: "\""))
  }
}
