import Change

/// What the format `json` has prepared for one schema: its names as bytes, its columns' forms.
final class JSONPlan {
  let schema: TableSchema
  /// `,"schema":…,"table":…`.
  let table: ByteWriter
  private let names: MemberNames
  private let forms: FixedArray<CellForm>

  init(_ schema: TableSchema) {
    self.schema = schema
    var table = ByteWriter(capacity: 128)
    table.append(",\"schema\":")
    table.append(jsonString: schema.name.namespace)
    table.append(",\"table\":")
    table.append(jsonString: schema.name.table)
    self.table = table
    names = MemberNames(schema)
    forms = FixedArray(schema.columns.map { CellForm($0.type) })
  }

  /// Appends a row as an object; returns whether a value was unavailable.
  @inline(__always)
  func append(
    _ first: Int, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) -> Bool {
    let start = writer.count
    var unavailable = false
    for index in 0..<forms.count {
      let cell = cells[first + index]
      if case .absent = cell.tag { continue }
      if case .unavailable = cell.tag {
        unavailable = true
        continue
      }
      names.append(index, to: &writer)
      if !JSONPlan.append(cell, forms[index], arena, to: &writer) {
        throw BadValue(column: index, reason: "the document is not JSON")
      }
    }
    writer.closeObject(from: start)
    return unavailable
  }

  /// Appends one value; false when it is not what its tag says.
  @inline(__always)
  static func append(_ cell: Cell, _ form: CellForm, _ arena: RawSpan, to writer: inout ByteWriter) -> Bool {
    switch cell.tag {
    case .int: writer.append(integer: cell.int)
    case .text: writer.append(jsonString: arena.extracting(cell.range))
    case .null: writer.append("null")
    case .uint, .bits: writer.append(unsigned: cell.payload)
    case .decimal64: writer.append(decimal: cell.int, scale: Int(cell.scale))
    case .float32: writer.append(float32: cell.float32)
    case .float64: writer.append(float64: cell.float64)
    case .json: return writer.append(jsonDocument: arena.extracting(cell.range))
    case .bytes, .date, .time, .timestamp, .timestampZoned, .civil:
      writer.append(UInt8(ascii: "\""))
      CellText.iso.append(cell, as: form, arena: arena, to: &writer)
      writer.append(UInt8(ascii: "\""))
    case .boolean, .decimal, .absent, .unavailable: CellText.iso.append(cell, as: form, arena: arena, to: &writer)
    }
    return true
  }

  /// Appends `,"unavailable":[…]` with the names of the columns whose value the source did not send.
  func appendUnavailable(of change: RowChange, cells: Span<Cell>, to writer: inout ByteWriter) {
    writer.append(",\"unavailable\":[")
    var isFirst = true
    for (index, column) in schema.columns.enumerated() {
      let before = change.hasBefore && cells[Int(change.before) + index].tag == .unavailable
      let after = change.hasAfter && cells[Int(change.after) + index].tag == .unavailable
      guard before || after else { continue }
      if !isFirst { writer.append(UInt8(ascii: ",")) }
      writer.append(jsonString: column.name)
      isFirst = false
    }
    writer.append(UInt8(ascii: "]"))
  }
}

extension ColumnType {
  /// The type in words that any reader of SQL knows; for schema changes whose source did not tell its own spelling.
  var standardName: String {
    switch self {
    case .boolean: "boolean"
    case .integer(let bits, let unsigned): ColumnType.integerName(bits) + (unsigned ? " unsigned" : "")
    case .decimal(let precision, let scale, let unsigned):
      "decimal(\(precision),\(scale))\(unsigned ? " unsigned" : "")"
    case .unboundedDecimal: "decimal"
    case .float32: "float"
    case .float64: "double"
    case .text(let length): length == 0 ? "text" : "varchar(\(length))"
    case .bytes(let length, let padded): length == 0 ? "blob" : padded ? "binary(\(length))" : "varbinary(\(length))"
    case .date: "date"
    case .time(let fraction): fraction == 0 ? "time" : "time(\(fraction))"
    case .timestamp(let fraction): fraction == 0 ? "datetime" : "datetime(\(fraction))"
    case .timestampZoned(let fraction): fraction == 0 ? "timestamp" : "timestamp(\(fraction))"
    case .year: "year"
    case .bit(let width): "bit(\(width))"
    case .enumeration(let members): "enum(\(ColumnType.quoted(members)))"
    case .set(let members): "set(\(ColumnType.quoted(members)))"
    case .json: "json"
    case .uuid: "uuid"
    case .address: "inet6"
    case .geometry(let kind): kind.rawValue
    }
  }

  private static func integerName(_ bits: Int) -> String {
    switch bits {
    case 8: "tinyint"
    case 16: "smallint"
    case 24: "mediumint"
    case 32: "int"
    default: "bigint"
    }
  }

  private static func quoted(_ members: [String]) -> String {
    members.map { "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'" }
      .joined(separator: ",")
  }
}
