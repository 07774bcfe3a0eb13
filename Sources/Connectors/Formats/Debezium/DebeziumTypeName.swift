import Change

/// A column's type as Debezium's schema events spell it, with the type code of JDBC (java.sql.Types).
struct DebeziumTypeName {
  var name: String
  var jdbcType: Int
  var length: Int?
  var scale: Int?

  init(_ column: ColumnSchema) {
    let spelling = column.nativeType.isEmpty ? column.type.standardName : column.nativeType
    let word = spelling.prefix { $0 != "(" && $0 != " " }
    let isUnsigned = spelling.split(separator: " ").contains("unsigned")
    name = word.uppercased() + (isUnsigned ? " UNSIGNED" : "")
    jdbcType = DebeziumTypeName.jdbcType(of: column.type, spelled: word.lowercased())
    length = nil
    scale = nil
    switch column.type {
    case .decimal(let precision, let digits, _): (length, scale) = (precision, digits)
    case .text(let count), .bytes(let count, _): length = count == 0 || !spelling.contains("(") ? nil : count
    case .time(let digits), .timestamp(let digits), .timestampZoned(let digits): length = digits == 0 ? nil : digits
    case .bit(let width): length = width
    case .enumeration: length = 1
    case .set(let members): length = max(0, members.count * 2 - 1)
    default: break
    }
  }

  private static func jdbcType(of type: ColumnType, spelled word: String) -> Int {
    switch type {
    case .boolean: 16
    case .integer(let bits, _): bits <= 16 ? 5 : bits <= 32 ? 4 : -5
    case .decimal, .unboundedDecimal: 3
    case .float32: 6
    case .float64: 8
    case .text: word == "char" ? 1 : 12
    case .bytes: word.hasSuffix("blob") ? 2004 : word == "binary" ? -2 : -3
    case .date: 91
    case .time: 92
    case .timestamp: 93
    case .timestampZoned: 2014
    case .year: 4
    case .bit: -7
    case .enumeration, .set: 1
    case .json, .uuid, .address, .geometry: 1111
    }
  }
}
