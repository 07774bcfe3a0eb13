internal import Change

extension SchemaResolver {
  /// The schema that a table map of this definition will give, where the definition alone says all of it; else nil.
  static func schema(of name: TableName, _ hints: TableHints, version: UInt32) -> TableSchema? {
    var columns: [ColumnSchema] = []
    for hint in hints.columns {
      guard let isNullable = hint.isNullable, let type = type(of: hint) else { return nil }
      let isText: Bool
      switch type {
      case .text, .enumeration, .set, .json: isText = true
      default: isText = false
      }
      // The charset of a column that names none is its database's: only a table map tells it.
      if isText, hint.charset == nil { return nil }
      columns.append(
        ColumnSchema(
          name: hint.name, type: type, isNullable: isNullable, nativeType: hint.nativeType,
          defaultValue: hint.defaultValue,
          generation: hint.generation, isInvisible: hint.isInvisible, charset: isText ? hint.charset : nil,
          collation: isText ? hint.collation : nil))
    }
    let key = hints.key { columns[$0].isNullable }
    let unique = hints.uniqueKeys.compactMap { hints.indexes(of: $0) }.filter { $0 != key.indexes }
    return TableSchema(
      name: name, columns: columns, key: key.indexes, keyIsPrimary: key.isPrimary, uniqueKeys: unique, version: version)
  }

  private static func type(of hint: TableHints.Column) -> ColumnType? {
    let native = NativeType(hint.nativeType)
    let number = native.numbers.first
    let isBinary = hint.charset == "binary"
    let integers = ["tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64]
    if let bits = integers[native.base] { return .integer(bits: bits, unsigned: native.isUnsigned) }
    switch native.base {
    case "decimal": return .decimal(precision: native.numbers[0], scale: native.numbers[1], unsigned: native.isUnsigned)
    case "float": return .float32
    case "double": return .float64
    case "bit": return .bit(width: number ?? 1)
    case "year": return .year
    case "date": return .date
    case "time": return .time(fraction: number ?? 0)
    case "datetime": return .timestamp(fraction: number ?? 0)
    case "timestamp": return .timestampZoned(fraction: number ?? 0)
    case "char": return isBinary ? .bytes(length: number ?? 1, padded: true) : .text(length: number ?? 1)
    case "varchar": return isBinary ? .bytes(length: number ?? 1, padded: false) : number.map { .text(length: $0) }
    case "binary": return .bytes(length: number ?? 1, padded: true)
    case "varbinary": return number.map { .bytes(length: $0, padded: false) }
    case "tinytext", "mediumtext", "longtext", "tinyblob", "mediumblob", "longblob", "text", "blob":
      return blob(native, isBinary: isBinary)
    case "enum": return isBinary ? nil : .enumeration(members: native.members)
    case "set": return isBinary ? nil : .set(members: native.members)
    case "uuid": return .uuid
    case "inet4", "inet6": return .address
    default: return GeometryKind(rawValue: native.base).map { .geometry($0) }
    }
  }

  private static func blob(_ native: NativeType, isBinary: Bool) -> ColumnType? {
    // TEXT(n) becomes whichever type holds n characters, and only the table map tells which.
    guard native.numbers.isEmpty else { return nil }
    let sizes = ["tiny": 255, "medium": 0xff_ffff, "long": 0xffff_ffff]
    let length = sizes.first { native.base.hasPrefix($0.key) }?.value ?? 65_535
    return native.base.hasSuffix("blob") || isBinary ? .bytes(length: length, padded: false) : .text(length: length)
  }
}
