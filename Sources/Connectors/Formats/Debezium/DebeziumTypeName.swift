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
    let hasZeros = spelling.split(separator: " ").contains("zerofill")
    name = word.uppercased() + (isUnsigned || hasZeros ? " UNSIGNED" : "") + (hasZeros ? " ZEROFILL" : "")
    jdbcType = DebeziumTypeName.jdbcType(of: column.type, spelled: word.lowercased())
    length = nil
    scale = nil
    switch column.type {
    case .integer, .float32, .float64:
      let numbers = DebeziumTypeName.numbers(in: spelling)
      length = numbers.first
      scale = numbers.count > 1 ? numbers[1] : nil
    case .decimal(let precision, let digits, _): (length, scale) = (precision, digits)
    case .text(let count), .bytes(let count, _): length = count == 0 || !spelling.contains("(") ? nil : count
    case .time(let digits), .timestamp(let digits), .timestampZoned(let digits): length = digits == 0 ? nil : digits
    case .bit(let width): length = width
    case .enumeration: length = 1
    case .set(let members): length = max(0, members.count * 2 - 1)
    default: break
    }
  }

  /// What stands between the parentheses: `10`, `2` of `double(10,2)`.
  private static func numbers(in spelling: String) -> [Int] {
    guard let start = spelling.firstIndex(of: "("), let end = spelling.firstIndex(of: ")"), start < end else {
      return []
    }
    return spelling[spelling.index(after: start)..<end].split(separator: ",").compactMap { Int($0) }
  }

  private static func jdbcType(of type: ColumnType, spelled word: String) -> Int {
    switch type {
    case .boolean: 16
    case .integer where word.hasPrefix("bool"): 16
    case .integer(let bits, _): bits <= 16 ? 5 : bits <= 32 ? 4 : -5
    case .decimal, .unboundedDecimal: word == "numeric" ? 2 : 3
    case .float32: 6
    case .float64: word == "real" ? 7 : 8
    case .text: word == "char" ? 1 : 12
    case .bytes(_, let padded): word.hasSuffix("blob") ? 2004 : padded ? -2 : -3
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
