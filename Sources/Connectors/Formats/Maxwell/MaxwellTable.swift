import Change

extension ByteWriter {
  /// Appends a table's definition as Maxwell's DDL messages have it.
  mutating func append(maxwellTable schema: TableSchema) {
    append("{\"database\":")
    append(jsonString: schema.name.namespace)
    append(",\"table\":")
    append(jsonString: schema.name.table)
    append(",\"columns\":[")
    for (index, column) in schema.columns.enumerated() {
      if index > 0 { append(UInt8(ascii: ",")) }
      append(maxwellColumn: column)
    }
    append("],\"primary-key\":[")
    for (place, column) in (schema.keyIsPrimary ? schema.key : []).enumerated() {
      if place > 0 { append(UInt8(ascii: ",")) }
      append(jsonString: schema.columns[column].name)
    }
    append("]}")
  }

  private mutating func append(maxwellColumn column: ColumnSchema) {
    let native = column.nativeType.isEmpty ? column.type.standardName : column.nativeType
    append("{\"type\":")
    append(jsonString: String(native.lowercased().prefix { $0.isLetter || $0.isNumber || $0 == "_" }))
    append(",\"name\":")
    append(jsonString: column.name)
    switch column.type {
    case .integer(_, let unsigned): append(unsigned ? ",\"signed\":false" : ",\"signed\":true")
    case .text:
      if let charset = column.charset {
        append(",\"charset\":")
        append(jsonString: charset)
      }
    case .time(let digits), .timestamp(let digits), .timestampZoned(let digits):
      if digits > 0 {
        append(",\"column-length\":")
        append(integer: Int64(digits))
      }
    case .enumeration(let members), .set(let members):
      append(",\"enum-values\":[")
      for (place, member) in members.enumerated() {
        if place > 0 { append(UInt8(ascii: ",")) }
        append(jsonString: member)
      }
      append("]")
    default: break
    }
    append("}")
  }
}
