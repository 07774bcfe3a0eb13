package import Change

extension DebeziumChangeEncoder: RecordEncoder {
  package func encodeBegin(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records list: inout [EncodedRecord]
  ) {
    swapRecords(with: &list)
    encodeBegin(of: part, in: batch, into: &writer)
    giveRecords(to: &list)
  }

  package func encode(
    _ changes: Range<Int>, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter,
    records list: inout [EncodedRecord]
  ) throws(UnencodableChange) {
    swapRecords(with: &list)
    defer { giveRecords(to: &list) }
    try encode(changes, of: part, in: batch, into: &writer)
  }

  package func encodeEnd(
    of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter, records list: inout [EncodedRecord]
  ) {
    swapRecords(with: &list)
    encodeEnd(of: part, in: batch, into: &writer)
    giveRecords(to: &list)
  }

  /// Takes the caller's list over. It has one owner at any time, so that appending never copies it.
  private func swapRecords(with list: inout [EncodedRecord]) {
    records = list
    list = []
  }

  private func giveRecords(to list: inout [EncodedRecord]) {
    list = records ?? []
    records = nil
  }

  /// Appends what comes before the value: in a line the topic, headers and key; for records the same parts bare.
  func open(
    _ plan: DebeziumPlan, _ row: borrowing DebeziumRow, key: Int, other: Int, header: KeyHeader?,
    into writer: inout ByteWriter
  ) throws(BadValue) -> EncodedRecord {
    let isLine = records == nil
    var record = EncodedRecord(topic: 0..<0)
    record.row = key
    record.otherRow = other
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
    if records == nil {
      writer.append("}\n")
    } else {
      var record = record
      record.change = recordChange
      records?.append(record)
    }
  }

  /// Appends a record that belongs to no table's row: of the transaction topic or of the schema topic.
  func emit(
    _ kind: EncodedRecord.Kind, topic: String, _ schemas: (key: String, value: String), key: String,
    into writer: inout ByteWriter, value: (inout ByteWriter) -> Void
  ) {
    var record = EncodedRecord(topic: 0..<0)
    record.kind = kind
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
