import Change

/// What Canal says of a column's type: a code of `java.sql.Types`, and MySQL's own words.
///
/// Source: TiCDC's page "Canal-JSON Protocol" (docs.pingcap.com/tidb/stable/ticdc-canal-json), which lists the codes, those
/// of unsigned integers by the value's size.
enum CanalType {
  private static let bit: Int16 = -7
  private static let tinyint: Int16 = -6
  private static let bigint: Int16 = -5
  private static let char: Int16 = 1
  private static let decimal: Int16 = 3
  private static let integer: Int16 = 4
  private static let smallint: Int16 = 5
  private static let real: Int16 = 7
  private static let double: Int16 = 8
  private static let varchar: Int16 = 12
  private static let date: Int16 = 91
  private static let time: Int16 = 92
  private static let timestamp: Int16 = 93
  private static let blob: Int16 = 2004
  private static let clob: Int16 = 2005

  /// The code, and for an unsigned integer the one of values that need a larger type, with the largest that does not.
  static func codes(of column: ColumnSchema) -> (usual: Int16, large: Int16, limit: UInt64) {
    guard case .integer(let bits, true) = column.type else {
      let code = code(of: column)
      return (code, code, .max)
    }
    return switch bits {
    case 8: (tinyint, smallint, 0x7f)
    case 16: (smallint, integer, 0x7fff)
    case 24: (integer, integer, 0x7f_ffff)
    case 32: (integer, bigint, 0x7fff_ffff)
    default: (bigint, decimal, 0x7fff_ffff_ffff_ffff)
    }
  }

  private static func code(of column: ColumnSchema) -> Int16 {
    switch column.type {
    case .boolean: tinyint
    case .integer(let bits, _):
      switch bits {
      case 8: tinyint
      case 16: smallint
      case 24, 32: integer
      default: bigint
      }
    case .decimal, .unboundedDecimal: decimal
    case .float32: real
    case .float64: double
    case .text(let length): textCode(column.nativeType, length)
    case .bytes, .geometry: blob
    case .date: date
    case .time: time
    case .timestamp, .timestampZoned: timestamp
    case .year, .json: varchar
    case .bit, .set: bit
    case .enumeration: integer
    case .uuid, .address: char
    }
  }

  private static func textCode(_ nativeType: String, _ length: Int) -> Int16 {
    let name = bareName(nativeType)
    if name.hasSuffix("text") { return clob }
    if name == "char" { return char }
    return length == 0 && name.isEmpty ? clob : varchar
  }

  /// The type's words, with or without what stands in parentheses.
  static func name(of column: ColumnSchema, withParameters: Bool) -> String {
    let name = column.nativeType.isEmpty ? column.type.standardName : column.nativeType
    if withParameters { return name }
    guard let open = name.firstIndex(of: "("), let close = name.lastIndex(of: ")") else { return name }
    return String(name[..<open] + name[name.index(after: close)...])
  }

  private static func bareName(_ nativeType: String) -> String {
    String(nativeType.lowercased().prefix { $0.isLetter })
  }
}
