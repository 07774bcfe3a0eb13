internal import Change

extension TableHints {
  /// The schema that the definition alone gives, the same that the log's table maps give for the same table.
  func schema(named name: TableName, version: UInt32 = 1) -> TableSchema {
    let columns = self.columns.map { column in
      let type = column.type
      return ColumnSchema(
        name: column.name, type: type, isNullable: column.isNullable ?? true, nativeType: column.nativeType,
        defaultValue: column.defaultValue, generation: column.generation, isInvisible: column.isInvisible,
        charset: type.isCharacters ? column.charset?.lowercased() : nil,
        collation: type.isCharacters ? column.collation : nil, generationExpression: column.generationExpression,
        isAutoIncrement: column.isAutoIncrement)
    }
    let key = self.key { columns[$0].isNullable }
    let unique = uniqueKeys.compactMap { indexes(of: $0) }.filter { $0 != key.indexes }
    return TableSchema(
      name: name, columns: columns, key: key.indexes, keyIsPrimary: key.isPrimary, uniqueKeys: unique,
      indexes: tableIndexes, version: version)
  }
}

extension TableHints.Column {
  var type: ColumnType {
    let native = NativeType(nativeType)
    let first = native.numbers.first ?? 0
    switch native.base {
    case "tinyint": return .integer(bits: 8, unsigned: native.isUnsigned)
    case "smallint": return .integer(bits: 16, unsigned: native.isUnsigned)
    case "mediumint": return .integer(bits: 24, unsigned: native.isUnsigned)
    case "int": return .integer(bits: 32, unsigned: native.isUnsigned)
    case "bigint", "serial": return .integer(bits: 64, unsigned: native.isUnsigned)
    case "float": return .float32
    case "double": return .float64
    case "decimal":
      return .decimal(precision: first, scale: native.numbers.last ?? 0, unsigned: native.isUnsigned)
    case "bit": return .bit(width: max(first, 1))
    case "year": return .year
    case "date": return .date
    case "time": return .time(fraction: first)
    case "datetime": return .timestamp(fraction: first)
    case "timestamp": return .timestampZoned(fraction: first)
    case "enum": return .enumeration(members: native.members)
    case "set": return .set(members: native.members)
    case "json": return .json
    case "uuid": return .uuid
    case "inet4", "inet6": return .address
    default: return GeometryKind(rawValue: native.base).map { .geometry($0) } ?? characters(native, first)
    }
  }

  private func characters(_ native: NativeType, _ length: Int) -> ColumnType {
    switch native.base {
    case "binary": .bytes(length: max(length, 1), padded: true)
    case "varbinary": .bytes(length: length, padded: false)
    case "tinyblob": .bytes(length: 0xff, padded: false)
    case "blob": .bytes(length: 0xffff, padded: false)
    case "mediumblob": .bytes(length: 0xff_ffff, padded: false)
    case "longblob": .bytes(length: 0xffff_ffff, padded: false)
    case "vector": .bytes(length: 0, padded: false)
    case "tinytext": .text(length: 0xff)
    case "text": .text(length: 0xffff)
    case "mediumtext": .text(length: 0xff_ffff)
    case "longtext": .text(length: 0xffff_ffff)
    default: .text(length: length)
    }
  }
}

extension ColumnType {
  /// Whether a character set and a collation belong to it.
  var isCharacters: Bool {
    switch self {
    case .text, .enumeration, .set, .json: true
    default: false
    }
  }
}
