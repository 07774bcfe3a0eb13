internal import Change

extension SchemaResolver {
  /// The schema that a table map of this definition will give, where the definition alone says all of it; else nil.
  static func schema(of name: TableName, _ hints: TableHints, version: UInt32, isMariaDB: Bool) -> TableSchema? {
    var columns: [ColumnSchema] = []
    let hints = hints.withCharsets(isMariaDB: isMariaDB)
    for hint in hints.columns {
      guard let isNullable = hint.isNullable, let type = type(of: hint) else { return nil }
      let isText: Bool
      switch type {
      case .text, .enumeration, .set, .json: isText = true
      default: isText = false
      }
      // A charset that neither the column nor its table or database names is told by the table map alone.
      if isText, hint.charset == nil, type != .json { return nil }
      columns.append(
        ColumnSchema(
          name: hint.name, type: type, isNullable: isNullable, nativeType: hint.nativeType,
          defaultValue: hint.defaultValue,
          generation: hint.generation, isInvisible: hint.isInvisible, charset: isText ? hint.charset : nil,
          collation: isText ? hint.collation : nil, generationExpression: hint.generationExpression,
          isAutoIncrement: hint.isAutoIncrement))
    }
    let key = hints.key { columns[$0].isNullable }
    let unique = hints.uniqueKeys.compactMap { hints.indexes(of: $0) }.filter { $0 != key.indexes }
    return TableSchema(
      name: name, columns: columns, key: key.indexes, keyIsPrimary: key.isPrimary, uniqueKeys: unique,
      indexes: hints.tableIndexes, version: version)
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
    case "json": return .json
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

extension TableHints {
  /// The same with the name of each column's character set, where its column, its table or its database names one.
  func withCharsets(isMariaDB: Bool) -> TableHints {
    var named = self
    for index in columns.indices {
      switch NativeType(columns[index].nativeType).base {
      // MariaDB's JSON is text in utf8mb4; MySQL's is binary, and its table map names none.
      case "json": named.columns[index].charset = isMariaDB ? "utf8mb4" : nil
      // NATIONAL CHAR has a character set of its own.
      case _ where columns[index].isText && !columns[index].nativeType.hasPrefix("n"):
        guard columns[index].charset == nil, charset != nil else { break }
        named.columns[index].charset = charset
        named.columns[index].collation = columns[index].collation ?? collation
      default: break
      }
      named.columns[index].charset = named.columns[index].charset.map { CharacterSet(named: $0)?.name ?? $0 }
    }
    return named
  }
}

extension TableHints.Column {
  /// Whether its values are in a character set that the definition must tell.
  var isText: Bool {
    ["char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"]
      .contains(NativeType(nativeType).base)
  }
}
