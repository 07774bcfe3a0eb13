extension ColumnType {
  /// The type as a person writes it in SQL: `decimal(15,4)`, `bigint unsigned`, `text(64)`. For messages and listings; what a
  /// target is told, each sink renders for itself.
  public var sqlName: String {
    switch self {
    case .boolean: "boolean"
    case .integer(let bits, let unsigned):
      ([8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int"][bits] ?? "bigint")
        + (unsigned ? " unsigned" : "")
    case .decimal(let precision, let scale, let unsigned):
      "decimal(\(precision),\(scale))" + (unsigned ? " unsigned" : "")
    case .unboundedDecimal: "decimal"
    case .float32: "float"
    case .float64: "double"
    case .text(let length): ColumnType.sized("text", length)
    case .bytes(let length, let padded):
      length == 0 ? "blob" : ColumnType.sized(padded ? "binary" : "varbinary", length)
    case .date: "date"
    case .time(let fraction): ColumnType.sized("time", fraction)
    case .timestamp(let fraction): ColumnType.sized("timestamp", fraction)
    case .timestampZoned(let fraction): ColumnType.sized("timestamp", fraction) + " with time zone"
    case .year: "year"
    case .bit(let width): ColumnType.sized("bit", width)
    case .enumeration(let members): "enum(\(ColumnType.quoted(members)))"
    case .set(let members): "set(\(ColumnType.quoted(members)))"
    case .json: "json"
    case .uuid: "uuid"
    case .address: "inet"
    case .geometry(let kind): kind.rawValue
    }
  }

  private static func sized(_ name: String, _ size: Int) -> String { size == 0 ? name : "\(name)(\(size))" }

  private static func quoted(_ members: [String]) -> String {
    members.map { "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'" }
      .joined(separator: ",")
  }
}
