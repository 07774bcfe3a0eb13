import Change

/// How a column's values are stored: the type that the sink declares for it.
enum SQLiteStorage: String, Sendable {
  case integer = "INTEGER"
  case real = "REAL"
  case text = "TEXT"
  case blob = "BLOB"
}

/// What becomes of unsigned 64-bit integers, which SQLite's signed ones cannot all hold.
enum Unsigned64Policy: String, CaseIterable, Sendable {
  /// As text, all digits.
  case text
  /// As an integer; a value above 9223372036854775807 is refused.
  case integer
}

extension ColumnType {
  /// The storage that keeps every value of the type exactly.
  ///
  /// A BIT(64) is stored as the signed integer with the same bits. A FLOAT is widened to a double, which is exact.
  func storage(_ unsigned64: Unsigned64Policy) -> SQLiteStorage {
    switch self {
    case .integer(64, true): unsigned64 == .text ? .text : .integer
    case .boolean, .integer, .year, .bit: .integer
    case .float32, .float64: .real
    case .bytes, .geometry: .blob
    case .decimal, .unboundedDecimal, .text, .date, .time, .timestamp, .timestampZoned, .enumeration, .set, .json,
      .uuid,
      .address:
      .text
    }
  }

  /// Digits of a second; 0 where they do not apply.
  var fraction: Int {
    switch self {
    case .time(let fraction), .timestamp(let fraction), .timestampZoned(let fraction): fraction
    default: 0
    }
  }
}

/// A column of the source as it is bound to the target's.
struct SQLiteColumn: Sendable {
  /// Index into the source's columns, and so into a row's cells.
  let index: Int
  /// The target's name, quoted.
  let name: String
  let storage: SQLiteStorage
  let fraction: Int
  let isDate: Bool
  let isKey: Bool
  /// What the source puts into an inserted row that does not name the column, as a constant; nil: not known.
  let insertedDefault: String?

  init(index: Int, name: String, schema: TableSchema, unsigned64: Unsigned64Policy) {
    self.index = index
    self.name = name
    let type = schema.columns[index].type
    storage = type.storage(unsigned64)
    fraction = type.fraction
    isDate = type == .date
    isKey = schema.key.contains(index)
    insertedDefault = isKey ? nil : SQLiteColumn.insertedDefault(schema.columns[index], unsigned64)
  }

  private static func insertedDefault(_ column: ColumnSchema, _ unsigned64: Unsigned64Policy) -> String? {
    guard column.generation == .no else { return nil }
    switch column.defaultValue {
    case .literal(let text): return DefaultValue.constant(text, column, unsigned64)
    case .expression: return nil
    case nil: return column.isNullable ? "NULL" : nil
    }
  }
}
