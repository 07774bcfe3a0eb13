internal import Change

/// A column of a key by which a table is read in chunks: how its values are written into positions and into SQL, and
/// compared.
struct KeyColumn: Sendable {
  enum Kind: Sendable {
    /// Digits with a sign, or a decimal of a fixed scale.
    case number
    /// Hexadecimal bytes, compared byte by byte.
    case bytes
    /// Hexadecimal UTF-8; only the server knows the order of its collation.
    case text(charset: String, collation: String)
    /// `yyyy-mm-dd hh:mm:ss.ffffff` or its date: the order of the text is that of time.
    case moment
  }

  var index: Int
  var name: String
  var kind: Kind

  /// The columns of the table's key; nil when there is none by which rows can be ordered exactly from outside.
  static func columns(of schema: TableSchema) -> [KeyColumn]? {
    guard !schema.key.isEmpty else { return nil }
    var columns: [KeyColumn] = []
    for index in schema.key {
      guard let kind = kind(of: schema.columns[index]) else { return nil }
      columns.append(KeyColumn(index: index, name: schema.columns[index].name, kind: kind))
    }
    return columns
  }

  private static func kind(of column: ColumnSchema) -> Kind? {
    switch column.type {
    case .integer, .decimal, .year: return .number
    case .bytes: return .bytes
    case .date, .timestamp, .timestampZoned: return .moment
    case .text:
      guard let charset = column.charset, let collation = column.collation else { return nil }
      return .text(charset: charset, collation: collation)
    default: return nil
    }
  }

  /// The value as a position holds it; nil for a cell without a value.
  func value(_ cell: Cell, _ arena: [UInt8]) -> String? {
    switch cell.tag {
    case .int: String(cell.int)
    case .uint: String(cell.payload)
    case .decimal64: KeyColumn.decimal(cell.int, scale: Int(cell.scale))
    case .decimal: String(decoding: arena[cell.range], as: UTF8.self)
    case .text, .bytes: SQLText.hex(arena[cell.range])
    case .date: CivilText.date(CivilTime(daysSinceEpoch: cell.int))
    case .timestamp, .timestampZoned: CivilText.moment(CivilTime(microsecondsSinceEpoch: cell.int))
    case .civil: CivilText.moment(cell.civil)
    default: nil
    }
  }

  /// The value as a constant that compares with the column by the column's own rules, and can use its index.
  func literal(_ value: String) -> String {
    switch kind {
    case .number: value
    case .bytes: "X'\(value)'"
    case .text(let charset, let collation): "CONVERT(_utf8mb4 X'\(value)' USING \(charset)) COLLATE \(collation)"
    case .moment: "'\(value)'"
    }
  }

  private static func decimal(_ unscaled: Int64, scale: Int) -> String {
    var digits = String(unscaled.magnitude)
    while digits.utf8.count <= scale { digits = "0" + digits }
    let point = digits.index(digits.endIndex, offsetBy: -scale)
    let text = scale == 0 ? digits : digits[..<point] + "." + digits[point...]
    return (unscaled < 0 ? "-" : "") + text
  }
}

/// Dates and times as text of a fixed width.
enum CivilText {
  static func date(_ time: CivilTime) -> String {
    "\(padded(Int(time.year), 4))-\(padded(Int(time.month), 2))-\(padded(Int(time.day), 2))"
  }

  static func moment(_ time: CivilTime) -> String {
    "\(date(time)) \(padded(Int(time.hour), 2)):\(padded(Int(time.minute), 2)):\(padded(Int(time.second), 2))"
      + ".\(padded(Int(time.microsecond), 6))"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
