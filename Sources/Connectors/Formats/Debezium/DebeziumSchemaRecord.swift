import Change

extension DebeziumChangeEncoder {
  /// Appends the records of a change of a schema: a truncation is an event of its table, the rest goes to the schema topic.
  func encode(
    _ schemaChange: SchemaChange, _ change: RowChange, _ row: borrowing DebeziumRow, into writer: inout ByteWriter
  ) {
    // Debezium knows no indexes, and makes no record of them.
    if schemaChange.changesOnlyIndexes { return }
    if schemaChange.kind == .truncate {
      emitTruncation(schemaChange, change, row, into: &writer)
      return
    }
    guard options.includesSchemaChanges else { return }
    let name = schemaChange.after?.name ?? schemaChange.table
    var database = ByteWriter(capacity: 64)
    database.append(jsonString: name.namespace)
    var table = ByteWriter(capacity: 64)
    table.append(jsonString: name.table)
    var block = ByteWriter(capacity: 512)
    source.append(database: database, table: table, change, row.part, to: &block)
    let (quotedDatabase, quotedSource) = (database.text(), block.text())
    let milliseconds = processingTime.flooredDivision(by: 1_000_000).quotient
    let schemas = (key: ConnectSchema.schemaChangeKey(context), value: ConnectSchema.schemaChangeValue(context))
    emit(.schema, topic: context.name, schemas, key: "{\"databaseName\":\(quotedDatabase)}", into: &writer) { writer in
      writer.append("{")
      writer.append(string: quotedSource)
      writer.append(",\"ts_ms\":")
      writer.append(integer: milliseconds)
      writer.append(",\"databaseName\":")
      writer.append(string: quotedDatabase)
      writer.append(",\"schemaName\":null,\"ddl\":")
      writer.append(jsonString: schemaChange.statement)
      writer.append(",\"tableChanges\":[")
      writer.append(tableChange: schemaChange, name)
      writer.append("]}")
    }
  }

  private func emitTruncation(
    _ schemaChange: SchemaChange, _ change: RowChange, _ row: borrowing DebeziumRow, into writer: inout ByteWriter
  ) {
    if options.skippedOperations.contains("t") { return }
    let schema = schemaChange.after ?? TableSchema(name: schemaChange.table, columns: [], key: [])
    let plan = plan(schema)
    let order = transaction.count(plan.counter, isRow: false)
    var record = EncodedRecord(topic: 0..<0)
    let isLine = records == nil && options.envelope == .full
    if isLine { writer.append("{\"topic\":") }
    if isLine || records != nil {
      let topic = writer.count
      writer.append(plan.topic)
      record.topic = topic + 1..<writer.count - 1
    }
    if isLine { writer.append(",\"headers\":[],\"key\":null,\"value\":") }
    let start = writer.count
    if options.valueSchemas { writer.append(plan.valueOpening) }
    writer.append("{\"before\":null,\"after\":null")
    appendRest(.truncate, change, plan, row, order, row: 0, into: &writer)
    record.value = start..<writer.count
    if isLine || records != nil { close(record, into: &writer) } else { writer.append(UInt8(ascii: "\n")) }
  }
}

extension ByteWriter {
  fileprivate mutating func append(tableChange change: SchemaChange, _ name: TableName) {
    switch change.kind {
    case .create: append("{\"type\":\"CREATE\",\"id\":")
    case .drop: append("{\"type\":\"DROP\",\"id\":")
    default: append("{\"type\":\"ALTER\",\"id\":")
    }
    append(jsonString: "\"\(name.namespace)\".\"\(name.table)\"")
    append(",\"table\":")
    guard let schema = change.after else { return append("null}") }
    append("{\"defaultCharsetName\":null,\"primaryKeyColumnNames\":[")
    // Where no key is primary, the unique key that stands in for it is named, too.
    for (position, index) in schema.key.enumerated() {
      if position > 0 { append(",") }
      append(jsonString: schema.columns[index].name)
    }
    append("],\"columns\":[")
    for (index, column) in schema.columns.enumerated() {
      if index > 0 { append(",") }
      append(column: column, position: index + 1)
    }
    append("],\"comment\":null}}")
  }

  private mutating func append(column: ColumnSchema, position: Int) {
    let type = DebeziumTypeName(column)
    append("{\"name\":")
    append(jsonString: column.name)
    append(",\"jdbcType\":")
    append(integer: Int64(type.jdbcType))
    append(",\"nativeType\":null,\"typeName\":")
    append(jsonString: type.name)
    append(",\"typeExpression\":")
    append(jsonString: type.name)
    append(",\"charsetName\":")
    // JSON is text in MariaDB, but not to Debezium.
    append(optional: column.type == .json ? nil : column.charset)
    append(",\"length\":")
    if let length = type.length { append(integer: Int64(length)) } else { append("null") }
    append(",\"scale\":")
    if let scale = type.scale { append(integer: Int64(scale)) } else { append("null") }
    append(",\"position\":")
    append(integer: Int64(position))
    append(column.isNullable ? ",\"optional\":true" : ",\"optional\":false")
    append(",\"autoIncremented\":false")
    append(column.generation == .no ? ",\"generated\":false" : ",\"generated\":true")
    append(",\"comment\":null,\"defaultValueExpression\":")
    switch column.defaultValue {
    case .literal(let text)?, .expression(let text)?: append(jsonString: text)
    case nil: append("null")
    }
    append(",\"enumValues\":")
    append(members: column.type)
    append("}")
  }

  private mutating func append(optional text: String?) {
    if let text { append(jsonString: text) } else { append("null") }
  }

  private mutating func append(members type: ColumnType) {
    switch type {
    case .enumeration(let members), .set(let members):
      append("[")
      for (index, member) in members.enumerated() {
        if index > 0 { append(",") }
        append(
          jsonString: "'" + member.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        )
      }
      append("]")
    default: append("null")
    }
  }
}
