package import Change
package import Pipeline

/// What an encoder needs to know of its pipeline, fixed for as long as it lives.
package struct EncodingContext: Sendable {
  /// The kind of source as Debezium names its connectors: `mariadb`, `mysql`; empty: what each source says of itself.
  package var connector: String
  /// The name that stands for the source in topics and in `source.name`: Debezium's `topic.prefix`.
  package var name: String
  /// The log files' name without its number: `binlog` of `binlog.000001`; empty: what each source says, and nothing where
  /// a log is not cut into files.
  package var logFileBase: String
  /// The columns whose values are a record's key, by table, where they are not the table's own key.
  package var keyColumns: [TableName: [String]]

  /// What the sources say of themselves, by the number that a transaction names its source by; each before its first.
  package var sources: [SourceDescription] = []

  package init(connector: String, name: String, logFileBase: String, keyColumns: [TableName: [String]] = [:]) {
    self.connector = connector
    self.name = name
    self.logFileBase = logFileBase
    self.keyColumns = keyColumns
  }

  func connector(of source: UInt16) -> String { connector.isEmpty ? content(source)?.kind ?? "" : connector }

  /// The kind that the names of schemas have in them: they belong to no one source, so that of the first that has said it.
  var schemaConnector: String {
    connector.isEmpty ? sources.lazy.map(\.content.kind).first { !$0.isEmpty } ?? "" : connector
  }

  func logFileBase(of source: UInt16) -> String {
    logFileBase.isEmpty ? content(source)?.logFileBase ?? "" : logFileBase
  }

  private func content(_ source: UInt16) -> SourceDescription.Content? {
    Int(source) < sources.count ? sources[Int(source)].content : nil
  }

  /// Indexes of the columns that make a record's key; a name that the table does not have makes none.
  package func key(of schema: TableSchema) -> [Int] {
    guard let names = keyColumns[schema.name] else { return schema.key }
    return names.compactMap { name in schema.columns.firstIndex { $0.name == name } }
  }
}

/// A change that the format cannot carry. What was encoded before it stays in the writer, of itself there is nothing.
package struct UnencodableChange: Error {
  /// Index into the batch's `changes`.
  package var index: Int
  package var failure: Failure

  package init(index: Int, failure: Failure) {
    self.index = index
    self.failure = failure
  }
}

/// Renders changes as lines of one format into a writer that the caller owns and reuses.
///
/// One encoder serves one sink. It keeps what it has prepared for each schema, and counters of the open transaction:
/// therefore every change passes once and in log order, though into as many writers as there are tables.
/// *Thread*: one at a time. *Memory*: nothing is allocated per row; a schema seen for the first time is prepared once.
package protocol ChangeEncoder: AnyObject {
  /// What a file in this format ends with: `jsonl`, `csv`.
  var fileExtension: String { get }
  /// How many values so far were written with less than the source had, because the chosen options say so.
  var lossyValues: UInt64 { get }

  /// Announces the batch that the following calls are about.
  /// - Parameter processingTime: now, in nanoseconds since 1970; read once a batch.
  func start(_ batch: Batch, processingTime: Int64)

  /// Appends what a file of this table begins with; nothing in most formats.
  func encodeHeader(of schema: TableSchema, into writer: inout ByteWriter)

  /// Appends what the format has for the beginning of a transaction, if `part` begins one; nothing in most formats.
  func encodeBegin(of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter)

  /// Appends the lines of `changes`, which lie within `part`.
  func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter
  ) throws(UnencodableChange)

  /// Appends what the format has for the end of a transaction, if `part` ends one; nothing in most formats.
  func encodeEnd(of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter)
}

extension ChangeEncoder {
  package func encodeHeader(of schema: TableSchema, into writer: inout ByteWriter) {}
  package func encodeBegin(of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter) {}
  package func encodeEnd(of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter) {}

  /// Appends the lines of a whole batch in log order; for a target that does not separate tables.
  package func encode(
    _ batch: Batch, processingTime: Int64, into writer: inout ByteWriter
  ) throws(UnencodableChange) {
    start(batch, processingTime: processingTime)
    for part in batch.transactions {
      encodeBegin(of: part, in: batch, into: &writer)
      try encode(part.range, of: part, in: batch, into: &writer)
      encodeEnd(of: part, in: batch, into: &writer)
    }
  }
}

/// Why one value cannot be written; trivial, so that nothing is allocated until a person has to read it.
struct BadValue: Error {
  /// Index into the schema's columns.
  var column: Int
  var reason: StaticString

  func failure(in schema: TableSchema) -> Failure {
    Failure(
      .badValue, "cannot write column \"\(schema.columns[column].name)\": \(reason)",
      at: "table \"\(schema.name)\"", hint: "")
  }
}

/// What an encoder has prepared for each schema, found by identity; holds the schemas, so that no identity is used twice.
struct PlanCache<Plan: AnyObject> {
  private var known: [ObjectIdentifier: (schema: TableSchema, plan: Plan)] = [:]
  /// The plans of the current batch, by its schema indexes.
  private(set) var current: [Plan] = []

  /// Fills `current`; a table that changes its shape without end does not fill the memory.
  mutating func start(_ batch: Batch, make: (TableSchema) -> Plan) {
    if known.count > 16_384 { known.removeAll() }
    current.removeAll(keepingCapacity: true)
    for schema in batch.schemas { current.append(plan(of: schema, make: make)) }
  }

  mutating func plan(of schema: TableSchema, make: (TableSchema) -> Plan) -> Plan {
    if let found = known[ObjectIdentifier(schema)] { return found.plan }
    let plan = make(schema)
    known[ObjectIdentifier(schema)] = (schema, plan)
    return plan
  }
}
