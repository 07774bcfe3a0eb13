package import Change
package import Pipeline

/// Which tables' records are columns as they are, and which columns.
package struct RawOptions: Sendable {
  package var tables: TableFilter
  /// The column that is a record's value.
  package var value: String
  /// The columns that are headers under their names; nil: all that are nothing else.
  package var headers: [String]?
  /// The column with a record's time; nil: when it is sent.
  package var timestamp: String?

  package init(tables: TableFilter, value: String, headers: [String]? = nil, timestamp: String? = nil) {
    self.tables = tables
    self.value = value
    self.headers = headers
    self.timestamp = timestamp
  }

  package static let options: [Option] = [
    Option("tables", .list(.string), isRequired: true, "Globs of schema.table."),
    Option(
      "value", .string, default: "payload", "The column that is a message's value; NULL is a message without one."),
    Option(
      "headers", .list(.string),
      "The columns that are headers under their names; by default all but the key, the value and the timestamp."),
    Option("timestamp", .string, "The column that is a message's timestamp; by default it is when it was sent."),
  ]

  package init(_ block: OptionBlock) {
    tables = TableFilter(block.strings("tables").map(\.text))
    value = block.string("value") ?? "payload"
    headers = block.has("headers") ? block.strings("headers").map(\.text) : nil
    timestamp = block.string("timestamp")
  }

  /// What makes the records of a table impossible; nil: nothing does.
  package func problem(of schema: TableSchema, _ context: EncodingContext) -> Failure? {
    guard tables.includes(schema.name) else { return nil }
    return RawPlan(schema, self, context).problem
  }
}
