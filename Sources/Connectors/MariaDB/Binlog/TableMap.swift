internal import Change

/// A table map event: which table a number stands for in the rows events behind it, and how its columns are stored.
///
/// Source: mariadb.com/kb/en/table_map_event; the optional metadata is MySQL worklog 4618.
struct TableMap: Sendable {
  /// A server has at most 4096 columns in a table.
  static let columnLimit = 4096

  struct Column: Sendable {
    /// The stored type, with ENUM and SET taken out of the STRING that wraps them.
    var type: WireType
    /// Length, precision and scale or pack length, as the type defines it.
    var metadata: UInt16
    var isNullable: Bool
    /// nil: the log does not say.
    var name: String?
    var isUnsigned: Bool?
    /// The number of the collation; nil: the log does not say.
    var collation: Int?
    /// Members of an ENUM or SET in the column's own charset.
    var members: [[UInt8]]?
    var geometry: Int?
    var isInvisible = false
  }

  var id: UInt64
  var name: TableName
  var columns: [Column]
  /// Indexes of the key's columns in key order; nil: the log does not say.
  var key: [Int]?

  /// Whether the log carries names, as with binlog_row_metadata=FULL.
  var hasNames: Bool { columns.allSatisfy { $0.name != nil } && !columns.isEmpty }

  /// Reads the table's number alone.
  static func id(_ cursor: inout ByteCursor, byteCount: Int) throws(Truncated) -> UInt64 {
    byteCount == 6 ? UInt64(try cursor.uint32()) : try cursor.uint48()
  }

  /// Reads a whole body without checksum.
  init(_ cursor: inout ByteCursor, postHeaderByteCount: Int) throws {
    id = try TableMap.id(&cursor, byteCount: postHeaderByteCount)
    _ = try cursor.uint16()
    let namespace = try TableMap.name(&cursor)
    name = TableName(namespace: namespace, table: try TableMap.name(&cursor))
    let count = try cursor.lengthEncoded()
    guard count <= UInt64(TableMap.columnLimit) else {
      throw Failure(.corruptLog, "a table map names \(count) columns; no table has more than \(TableMap.columnLimit)")
    }
    columns = []
    columns.reserveCapacity(Int(count))
    for _ in 0..<Int(count) {
      let type = WireType(rawValue: try cursor.uint8())
      columns.append(Column(type: type, metadata: 0, isNullable: false))
    }
    try readMetadata(&cursor)
    let nullable = try cursor.take((columns.count + 7) / 8)
    for index in columns.indices {
      let byte = nullable.unsafeLoad(fromByteOffset: index / 8, as: UInt8.self)
      columns[index].isNullable = byte >> UInt8(index % 8) & 1 == 1
    }
    try readOptionalMetadata(&cursor)
  }

  private static func name(_ cursor: inout ByteCursor) throws -> String {
    let length = Int(try cursor.uint8())
    let bytes = try cursor.take(length)
    guard try cursor.uint8() == 0, let text = String(validating: bytes) else {
      throw Failure(.corruptLog, "a table map holds a name that is no text")
    }
    return text
  }

  private mutating func readMetadata(_ cursor: inout ByteCursor) throws {
    let length = try cursor.lengthEncoded()
    guard length <= UInt64(cursor.remaining) else {
      throw Truncated(offset: cursor.offset, wanted: Int(clamping: length))
    }
    let end = cursor.offset + Int(length)
    for index in columns.indices {
      let type = columns[index].type
      switch type.metadataByteCount {
      case 1: columns[index].metadata = UInt16(try cursor.uint8())
      case 2:
        let first = try cursor.uint8()
        let second = try cursor.uint8()
        columns[index].setMetadata(first, second)
      default: break
      }
    }
    guard cursor.offset == end else {
      throw Failure(.unsupportedLog, "the table map of \"\(name)\" has column types that are not known")
    }
  }
}

extension TableMap.Column {
  /// Keeps two bytes of metadata in the order that the type defines.
  fileprivate mutating func setMetadata(_ first: UInt8, _ second: UInt8) {
    switch type {
    case .string:
      // A STRING hides ENUM and SET in its first byte, and two high bits of a length past 255 in the same place.
      if first & 0x30 != 0x30 {
        type = WireType(rawValue: first | 0x30)
        metadata = UInt16(second) | UInt16((first & 0x30) ^ 0x30) << 4
      } else {
        type = WireType(rawValue: first)
        metadata = UInt16(second)
      }
    case .newDecimal, .bit, .enumeration, .set:
      metadata = UInt16(first) << 8 | UInt16(second)
      if type == .enumeration || type == .set { metadata = UInt16(second) }
    default:
      metadata = UInt16(first) | UInt16(second) << 8
    }
  }
}

extension String {
  /// The text of valid UTF-8, or nil.
  init?(validating bytes: RawSpan) {
    let text = bytes.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
    guard let text else { return nil }
    self = text
  }
}
