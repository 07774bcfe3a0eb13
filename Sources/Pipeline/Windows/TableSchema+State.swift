import Change

// What of a table's schema the windows' state must know to go on telling before the first row has come: names, types,
// and the key. Types are written as a number and their parameters.

extension TableSchema {
  func encode(to writer: inout StateWriter) {
    writer.append(name.namespace)
    writer.append(name.table)
    writer.append(columns.count)
    for column in columns {
      writer.append(column.name)
      writer.append(column.isNullable ? 1 : 0)
      writer.append(column.nativeType)
      writer.append(column.charset ?? "")
      writer.append(column.collation ?? "")
      column.type.encode(to: &writer)
    }
    writer.append(key.count)
    for column in key { writer.append(column) }
  }

  static func decode(from reader: inout StateReader) throws(Failure) -> TableSchema {
    let name = TableName(namespace: try reader.string(), table: try reader.string())
    var columns: [ColumnSchema] = []
    for _ in 0..<(try reader.count(least: 8)) {
      var column = ColumnSchema(name: try reader.string(), type: .boolean)
      column.isNullable = try reader.integer() != 0
      column.nativeType = try reader.string()
      let charset = try reader.string()
      let collation = try reader.string()
      column.charset = charset.isEmpty ? nil : charset
      column.collation = collation.isEmpty ? nil : collation
      column.type = try ColumnType.decode(from: &reader)
      columns.append(column)
    }
    var key: [Int] = []
    for _ in 0..<(try reader.count(least: 8)) {
      let column = Int(try reader.integer())
      guard columns.indices.contains(column) else { throw StateReader.damaged("names a column that is not there") }
      key.append(column)
    }
    return TableSchema(name: name, columns: columns, key: key)
  }
}

extension ColumnType {
  fileprivate func encode(to writer: inout StateWriter) {
    let (number, parameters, members) = parts
    writer.append(number)
    for parameter in parameters { writer.append(parameter) }
    if let members {
      writer.append(members.count)
      for member in members { writer.append(member) }
    }
  }

  private var parts: (Int, [Int], [String]?) {
    switch self {
    case .boolean: (0, [], nil)
    case .integer(let bits, let unsigned): (1, [bits, unsigned ? 1 : 0], nil)
    case .decimal(let precision, let scale, let unsigned): (2, [precision, scale, unsigned ? 1 : 0], nil)
    case .unboundedDecimal: (3, [], nil)
    case .float32: (4, [], nil)
    case .float64: (5, [], nil)
    case .text(let length): (6, [length], nil)
    case .bytes(let length, let padded): (7, [length, padded ? 1 : 0], nil)
    case .date: (8, [], nil)
    case .time(let fraction): (9, [fraction], nil)
    case .timestamp(let fraction): (10, [fraction], nil)
    case .timestampZoned(let fraction): (11, [fraction], nil)
    case .year: (12, [], nil)
    case .bit(let width): (13, [width], nil)
    case .enumeration(let members): (14, [], members)
    case .set(let members): (15, [], members)
    case .json: (16, [], nil)
    case .uuid: (17, [], nil)
    case .address: (18, [], nil)
    case .geometry(let kind): (19, [], [kind.rawValue])
    }
  }

  fileprivate static func decode(from reader: inout StateReader) throws(Failure) -> ColumnType {
    switch try reader.integer() {
    case 0: return .boolean
    case 1: return .integer(bits: Int(try reader.integer()), unsigned: try reader.integer() != 0)
    case 2:
      return .decimal(
        precision: Int(try reader.integer()), scale: Int(try reader.integer()), unsigned: try reader.integer() != 0)
    case 3: return .unboundedDecimal
    case 4: return .float32
    case 5: return .float64
    case 6: return .text(length: Int(try reader.integer()))
    case 7: return .bytes(length: Int(try reader.integer()), padded: try reader.integer() != 0)
    case 8: return .date
    case 9: return .time(fraction: Int(try reader.integer()))
    case 10: return .timestamp(fraction: Int(try reader.integer()))
    case 11: return .timestampZoned(fraction: Int(try reader.integer()))
    case 12: return .year
    case 13: return .bit(width: Int(try reader.integer()))
    case 14: return .enumeration(members: try members(from: &reader))
    case 15: return .set(members: try members(from: &reader))
    case 16: return .json
    case 17: return .uuid
    case 18: return .address
    case 19:
      guard let kind = GeometryKind(rawValue: try members(from: &reader).first ?? "") else {
        throw StateReader.damaged("has a type that is not known")
      }
      return .geometry(kind)
    default: throw StateReader.damaged("has a type that is not known")
    }
  }

  private static func members(from reader: inout StateReader) throws(Failure) -> [String] {
    var members: [String] = []
    for _ in 0..<(try reader.count(least: 8)) { members.append(try reader.string()) }
    return members
  }
}
