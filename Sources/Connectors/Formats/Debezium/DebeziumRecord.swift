package import Change

/// Where the parts of one record lie in the writer that they were encoded into.
package struct EncodedRecord: Hashable, Sendable {
  /// The topic's name.
  package var topic: Range<Int>
  /// nil: the record has no key.
  package var key: Range<Int>?
  /// nil: a tombstone.
  package var value: Range<Int>?
  /// The name of the record's header, and its value; nil: it has none.
  package var headerName: Range<Int>?
  package var headerValue: Range<Int>?
}

extension DebeziumChangeEncoder {
  /// Appends the parts of all records of a transaction part, those of its beginning and end included, and lists where they
  /// lie; for a target that takes records, not lines. Takes the place of `encodeBegin`, `encode` and `encodeEnd`.
  package func encodeRecords(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records list: inout [EncodedRecord]
  ) throws(UnencodableChange) {
    records = list
    defer {
      list = records ?? []
      records = nil
    }
    encodeBegin(of: part, in: batch, into: &writer)
    try encode(part.range, of: part, in: batch, into: &writer)
    encodeEnd(of: part, in: batch, into: &writer)
  }

  /// Appends what comes before the value: in a line the topic, headers and key; for records the same parts bare.
  func open(
    _ plan: DebeziumPlan, _ row: borrowing DebeziumRow, key: Int, other: Int, header: KeyHeader?,
    into writer: inout ByteWriter
  ) throws(BadValue) -> EncodedRecord {
    let isLine = records == nil
    var record = EncodedRecord(topic: 0..<0)
    if isLine { writer.append("{\"topic\":") }
    let topic = writer.count
    writer.append(plan.topic)
    record.topic = topic + 1..<writer.count - 1
    if isLine { writer.append(",\"headers\":[") }
    if let header {
      if isLine { writer.append("{\"key\":") }
      let name = writer.count
      writer.append(UInt8(ascii: "\""))
      writer.append(header.name.text)
      writer.append(UInt8(ascii: "\""))
      record.headerName = name + 1..<writer.count - 1
      if isLine { writer.append(",\"value\":") }
      let value = writer.count
      try plan.appendKey(header.row, other: header.other, cells: row.cells, arena: row.arena, to: &writer)
      record.headerValue = value..<writer.count
      if isLine { writer.append("}") }
    }
    if isLine { writer.append("],\"key\":") }
    if plan.key.count > 0 {
      let start = writer.count
      if options.keySchemas { writer.append(plan.keyOpening) }
      try plan.appendKey(key, other: other, cells: row.cells, arena: row.arena, to: &writer)
      if options.keySchemas { writer.append(UInt8(ascii: "}")) }
      record.key = start..<writer.count
    } else if isLine {
      writer.append("null")
    }
    if isLine { writer.append(",\"value\":") }
    return record
  }

  /// Ends a line, or lists a record.
  func close(_ record: EncodedRecord, into writer: inout ByteWriter) {
    if records == nil { writer.append("}\n") } else { records?.append(record) }
  }

  /// Appends a record that belongs to no table's row: of the transaction topic or of the schema topic.
  func emit(
    topic: String, _ schemas: (key: String, value: String), key: String, into writer: inout ByteWriter,
    value: (inout ByteWriter) -> Void
  ) {
    var record = EncodedRecord(topic: 0..<0)
    let isLine = records == nil && options.envelope == .full
    if isLine { writer.append("{\"topic\":") }
    if isLine || records != nil {
      let topicStart = writer.count
      writer.append(jsonString: topic)
      record.topic = topicStart + 1..<writer.count - 1
      if isLine { writer.append(",\"headers\":[],\"key\":") }
      let keyStart = writer.count
      if options.keySchemas { writer.append(ConnectSchema.opening(schemas.key)) }
      writer.append(string: key)
      if options.keySchemas { writer.append(UInt8(ascii: "}")) }
      record.key = keyStart..<writer.count
      if isLine { writer.append(",\"value\":") }
    }
    let start = writer.count
    if options.valueSchemas { writer.append(ConnectSchema.opening(schemas.value)) }
    value(&writer)
    if options.valueSchemas { writer.append(UInt8(ascii: "}")) }
    record.value = start..<writer.count
    if isLine || records != nil { close(record, into: &writer) } else { writer.append(UInt8(ascii: "\n")) }
  }
}
