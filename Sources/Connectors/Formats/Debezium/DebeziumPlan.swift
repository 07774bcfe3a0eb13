import Change

/// How many events of one table the open transaction has had; shared by all versions of the table's schema.
final class CollectionCounter {
  /// `db.table`.
  let name: String
  var events: UInt64 = 0
  /// The transaction that `events` counts.
  var serial: UInt64 = 0

  init(_ name: String) { self.name = name }
}

/// What `debezium-json` has prepared for one schema under its options.
final class DebeziumPlan {
  let schema: TableSchema
  let counter: CollectionCounter
  /// The topic's name, a JSON string with its quotes.
  let topic: ByteWriter
  /// The database's and the table's name, JSON strings with their quotes.
  let database: ByteWriter
  let table: ByteWriter
  let columns: FixedArray<DebeziumColumn>
  let key: FixedArray<Int>
  /// `{"schema":…,"payload":`; empty where the options ask for no schemas.
  let keyOpening: ByteWriter
  let valueOpening: ByteWriter
  /// `,"name":` of all columns, one behind the other.
  private let names: ByteWriter
  /// What is written for NULL and for dates that no calendar has.
  private let substitutes: ByteWriter

  init(_ schema: TableSchema, options: DebeziumOptions, context: EncodingContext, counter: CollectionCounter) {
    self.schema = schema
    self.counter = counter
    let keyColumns = context.key(of: schema)
    key = FixedArray(keyColumns)
    let topicName = Self.topic(prefix: context.name, schema.name)
    topic = Self.quoted(topicName)
    database = Self.quoted(schema.name.namespace)
    table = Self.quoted(schema.name.table)
    var names = ByteWriter(capacity: 256)
    var substitutes = ByteWriter(capacity: 64)
    var columns: [DebeziumColumn] = []
    for column in schema.columns {
      var plan = DebeziumColumn(column, options)
      plan.nameStart = names.count
      names.append(UInt8(ascii: ","))
      names.append(jsonString: column.name)
      names.append(UInt8(ascii: ":"))
      plan.nameEnd = names.count
      Self.substitute(column, options, &plan, in: &substitutes)
      columns.append(plan)
    }
    let fields = options.keySchemas || options.valueSchemas ? ConnectSchema.fields(of: schema, options) : []
    keyOpening = ConnectSchema.opening(
      options.keySchemas ? ConnectSchema.key(topic: topicName, fields: keyColumns.map { fields[$0] }) : nil)
    valueOpening = ConnectSchema.opening(
      options.valueSchemas ? ConnectSchema.envelope(topic: topicName, fields: fields, context: context) : nil)
    self.names = names
    self.substitutes = substitutes
    self.columns = FixedArray(columns)
  }

  private static func quoted(_ text: String) -> ByteWriter {
    var writer = ByteWriter(capacity: 64)
    writer.append(jsonString: text)
    return writer
  }

  /// The topic of a table: everything that Kafka does not allow in a topic's name becomes `_`, by UTF-16 unit as in Java.
  static func topic(prefix: String, _ name: TableName) -> String {
    var topic = ""
    for unit in "\(prefix).\(name.namespace).\(name.table)".utf16 {
      switch unit {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2e, 0x5f, 0x2d:
        topic.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      default: topic.append("_")
      }
    }
    return topic
  }

  /// Prepares what is written for NULL and for a date that no calendar has: the column's default where there is one,
  /// otherwise `null`, or the epoch where NULL is not allowed.
  private static func substitute(
    _ column: ColumnSchema, _ options: DebeziumOptions, _ plan: inout DebeziumColumn, in writer: inout ByteWriter
  ) {
    let start = writer.count
    let hasDefault = append(defaultOf: column, plan, to: &writer)
    let end = writer.count
    writer.append("null")
    let nullEnd = writer.count
    let replacesNull = hasDefault && options.replacesNullWithDefault
    plan.nullStart = replacesNull ? start : end
    plan.nullEnd = replacesNull ? end : nullEnd
    plan.noDateStart = plan.nullStart
    plan.noDateEnd = plan.nullEnd
    if column.isNullable { return }
    plan.noDateStart = hasDefault ? start : nullEnd
    if !hasDefault { writer.append(epochOf: plan) }
    plan.noDateEnd = hasDefault ? end : writer.count
  }

  /// Appends a column's constant default in the column's form; false, and nothing, where there is none, or its text is no
  /// value of the type. To Debezium a UUID has no default.
  static func append(defaultOf column: ColumnSchema, _ plan: DebeziumColumn, to writer: inout ByteWriter) -> Bool {
    guard case .literal(let text)? = column.defaultValue, column.type != .uuid else { return false }
    var arena: [UInt8] = []
    guard let cell = Cell(literal: text, of: column.type, arena: &arena) else { return false }
    let start = writer.count
    let bytes = arena
    if writer.append(debezium: cell, plan, bytes.span.bytes) == .exact { return true }
    writer.removeAll(from: start)
    return false
  }

  /// Appends a row as an object, adding to `lossy` for each value that the options made smaller.
  @inline(__always)
  func appendRow(
    _ first: Int, cells: Span<Cell>, arena: RawSpan, lossy: inout Lossiness, to writer: inout ByteWriter
  ) throws(BadValue) {
    let start = writer.count
    for index in 0..<columns.count {
      let cell = cells[first + index]
      if case .absent = cell.tag { continue }
      try append(cell, index, arena, lossy: &lossy, to: &writer)
    }
    closeObject(from: start, to: &writer)
  }

  /// Appends the key as an object, in the key's order; a column that `row` does not hold is taken from `other`.
  func appendKey(
    _ row: Int, other: Int, cells: Span<Cell>, arena: RawSpan, to writer: inout ByteWriter
  ) throws(BadValue) {
    let start = writer.count
    var lossy = Lossiness(refuses: false)
    for position in 0..<key.count {
      let index = key[position]
      var cell = cells[row + index]
      if case .absent = cell.tag { cell = cells[other + index] }
      if case .absent = cell.tag {
        throw BadValue(column: index, reason: "the log does not hold this column of the key")
      }
      try append(cell, index, arena, lossy: &lossy, to: &writer)
    }
    closeObject(from: start, to: &writer)
  }

  @inline(__always)
  private func append(
    _ cell: Cell, _ index: Int, _ arena: RawSpan, lossy: inout Lossiness, to writer: inout ByteWriter
  ) throws(BadValue) {
    let column = columns[index]
    writer.append(names, column.nameStart..<column.nameEnd)
    if case .null = cell.tag { return writer.append(substitutes, column.nullStart..<column.nullEnd) }
    if case .civil = cell.tag {
      writer.append(substitutes, column.noDateStart..<column.noDateEnd)
      return try lossy.add(column: index)
    }
    switch writer.append(debezium: cell, column, arena) {
    case .exact: return
    case .lossy: try lossy.add(column: index)
    case .malformed: throw BadValue(column: index, reason: "the bytes are not a value of the column's type")
    }
  }

  /// Every name came with a comma; the first one's place belongs to the brace.
  @inline(__always)
  private func closeObject(from start: Int, to writer: inout ByteWriter) {
    if writer.count == start {
      writer.append(UInt8(ascii: "{"))
    } else {
      writer.replace(at: start, with: UInt8(ascii: "{"))
    }
    writer.append(UInt8(ascii: "}"))
  }
}

/// Counts the values that the options made smaller, or refuses the first one.
struct Lossiness {
  let refuses: Bool
  private(set) var count: UInt64 = 0

  init(refuses: Bool) { self.refuses = refuses }

  @inline(never)
  mutating func add(column: Int) throws(BadValue) {
    if refuses { throw BadValue(column: column, reason: "the chosen options cannot carry the value without loss") }
    count += 1
  }
}
