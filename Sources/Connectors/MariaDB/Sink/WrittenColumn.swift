import Change

/// A column that the sink writes, with what it takes to write a cell of it.
struct WrittenColumn {
  /// How its values cross the wire.
  enum Form: Equatable {
    case signed, unsigned, decimal, float, double, text, bytes, date, dateTime, time
  }

  /// Index in the source's schema, and in a row image.
  let index: Int
  /// Quoted.
  let name: String
  let form: Form
  /// A value that the column takes, whatever it is declared as, and that is short: `0` or `''`.
  enum EmptyValue { case zero, text }

  /// nil: not every such column takes one.
  let emptyValue: EmptyValue?
  /// Whether an UPDATE must name the column, or it would change by itself.
  let updatesItself: Bool
  /// Whether the column keeps the very bytes that the sink has of it: text in utf8mb4.
  private let keepsBytes: Bool

  init(_ column: TargetColumn, of schema: TableSchema) {
    index = column.index
    name = column.quotedName
    emptyValue = WrittenColumn.emptyValue(ofNativeType: column.nativeType)
    updatesItself = column.updatesItself
    // A decimal without limits is kept as text.
    form = column.writing == .text ? .text : WrittenColumn.form(of: schema.columns[column.index].type)
    if case .text = schema.columns[column.index].type, column.writing == .text, column.charset == "utf8mb4" {
      keepsBytes = true
    } else {
      keepsBytes = false
    }
  }

  private static func emptyValue(ofNativeType text: String) -> EmptyValue? {
    switch NativeType(text).base {
    case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit", "date", "datetime",
      "timestamp", "time", "year":
      .zero
    case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary", "varbinary", "tinyblob", "blob",
      "mediumblob", "longblob":
      .text
    default: nil
    }
  }

  private static func form(of type: ColumnType) -> Form {
    switch type {
    case .integer(_, let unsigned): unsigned ? .unsigned : .signed
    case .bit: .unsigned
    case .boolean, .year: .signed
    case .decimal, .unboundedDecimal: .decimal
    case .float32: .float
    case .float64: .double
    case .text, .enumeration, .set, .json, .uuid, .address: .text
    case .bytes, .geometry: .bytes
    case .date: .date
    case .timestamp, .timestampZoned: .dateTime
    case .time: .time
    }
  }

  /// The same for a value that is stored. Text that its column keeps as it is goes as bytes: the server checks that they are
  /// well formed when it stores them, and need not look at each character of a parameter before.
  var storedType: (type: UInt8, flags: UInt8) { keepsBytes ? (252, 0) : wireType }

  /// The parameter's type in a prepared statement (mariadb.com/kb/en/result-set-packets, field types), and whether it is unsigned.
  var wireType: (type: UInt8, flags: UInt8) {
    switch form {
    case .signed: (8, 0)
    case .unsigned: (8, 0x80)
    case .decimal: (246, 0)
    case .float: (4, 0)
    case .double: (5, 0)
    case .text: (253, 0)
    case .bytes: (252, 0)
    case .date: (10, 0)
    case .dateTime: (12, 0)
    case .time: (11, 0)
    }
  }
}

/// Why one row cannot be stored.
enum RowProblem: Error {
  /// The value of a column, by its index at the source.
  case value(column: Int, reason: String)
  /// The whole row: larger than what the target takes.
  case tooLarge(bytes: Int, limit: Int)
  /// What the target says about it.
  case refused(String)
  /// The target does not have the row that the change is about.
  case missing
}
