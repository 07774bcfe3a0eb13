extension SchemaResolver {
  /// Whether a declared type is stored as the map says.
  static func fits(_ native: NativeType, _ column: TableMap.Column, charset: String?) -> Bool {
    let number = native.numbers.first
    switch column.type {
    case .tiny: return native.base == "tinyint"
    case .short: return native.base == "smallint"
    case .int24: return native.base == "mediumint"
    case .long: return native.base == "int"
    case .longlong: return native.base == "bigint" || native.base == "serial"
    case .float: return native.base == "float"
    case .double: return native.base == "double"
    case .year: return native.base == "year"
    case .newDecimal:
      return native.base == "decimal" && native.numbers == [Int(column.metadata >> 8), Int(column.metadata & 0xff)]
    case .bit:
      let width = Int(column.metadata & 0xff) * 8 + Int(column.metadata >> 8)
      return native.base == "bit" && number ?? 1 == width
    case .date, .newDate: return native.base == "date"
    case .time, .time2: return native.base == "time" && number ?? 0 == Int(column.metadata)
    case .datetime, .datetime2: return native.base == "datetime" && number ?? 0 == Int(column.metadata)
    case .timestamp, .timestamp2: return native.base == "timestamp" && number ?? 0 == Int(column.metadata)
    case .enumeration: return native.base == "enum" && fitsMembers(native, column)
    case .set: return native.base == "set" && fitsMembers(native, column)
    case .json: return native.base == "json"
    case .geometry: return geometries.contains(native.base)
    default: return fitsCharacters(native, column, charset: charset)
    }
  }

  private static let geometries: Set<String> = [
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
  ]

  private static func fitsMembers(_ native: NativeType, _ column: TableMap.Column) -> Bool {
    column.members.map { $0.count == native.members.count } ?? true
  }

  private static func fitsCharacters(_ native: NativeType, _ column: TableMap.Column, charset: String?) -> Bool {
    let length = Int(column.metadata)
    switch (column.type, native.base) {
    case (.varchar, "varbinary"), (.varString, "varbinary"), (.string, "binary"):
      return native.numbers.first ?? 1 == length
    case (.varchar, "varchar"), (.varString, "varchar"), (.string, "char"):
      return fitsLength(native.numbers.first ?? 1, length, column, charset: charset)
    case (.string, "uuid"), (.string, "inet6"): return length == 16
    case (.string, "inet4"): return length == 4
    case (.tinyBlob, _), (.blob, _), (.mediumBlob, _), (.longBlob, _): return fitsBlob(native, column)
    case (.vector, "vector"), (.blobCompressed, "text"), (.blobCompressed, "blob"), (.varcharCompressed, "varchar"),
      (.varcharCompressed, "varbinary"):
      return true
    default: return false
    }
  }

  /// The log counts bytes, a definition characters; where the charset is not known any whole number of bytes a character does.
  private static func fitsLength(_ characters: Int, _ bytes: Int, _ column: TableMap.Column, charset: String?) -> Bool {
    let logged = column.collation.flatMap { CharacterSet(collation: $0) }
    if let widest = (logged ?? charset.flatMap { CharacterSet(named: $0) })?.widest {
      return characters * widest == bytes
    }
    return (1...4).contains { characters * $0 == bytes }
  }

  private static func fitsBlob(_ native: NativeType, _ column: TableMap.Column) -> Bool {
    let size = column.type == .blob ? Int(column.metadata) : [249: 1, 250: 3, 251: 4][Int(column.type.rawValue)] ?? 0
    switch native.base {
    case "tinytext", "tinyblob": return size == 1
    // TEXT(n) becomes whichever type holds n characters.
    case "text", "blob": return native.numbers.isEmpty ? size == 2 : true
    case "mediumtext", "mediumblob": return size == 3
    case "longtext", "longblob", "json": return size == 4
    // A VARCHAR past its limit becomes a text where the server is not strict.
    case "varchar", "varbinary": return (native.numbers.first ?? 0) > 16_000
    default: return geometries.contains(native.base)
    }
  }
}
