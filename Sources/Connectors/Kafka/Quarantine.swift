import Change
import Formats
import Pipeline

/// Sets a change aside in a topic of its own, in the same transaction: with its key, its place, the reason and, where it
/// fits a message, the whole change as `json` has it.
struct Quarantine {
  let topicName: String
  private let settings: KafkaSettings
  private let context: ConnectorContext
  private let plain: JSONChangeEncoder
  private let encoding: EncodingContext

  init(_ settings: KafkaSettings, _ context: ConnectorContext, _ encoding: EncodingContext) {
    topicName = settings.quarantineTopic ?? "\(context.pipeline).quarantine"
    self.settings = settings
    self.context = context
    self.encoding = encoding
    plain = JSONChangeEncoder(context: encoding)
  }

  func send(
    _ index: Int, _ failure: Failure, _ part: TransactionPart, _ batch: Batch, to topic: TargetTopic,
    with writer: MessageWriter
  ) throws {
    let change = batch.changes[index]
    var key = ByteWriter(capacity: 128)
    let table = try appendKey(of: change, batch, to: &key)
    var value = ByteWriter(capacity: 1024)
    value.append("{\"code\":")
    value.append(jsonString: failure.code.rawValue)
    value.append(",\"reason\":")
    value.append(jsonString: failure.message)
    value.append(",\"pipeline\":")
    value.append(jsonString: context.pipeline)
    value.append(",\"sink\":")
    value.append(jsonString: context.name)
    value.append(",\"schema\":")
    value.append(jsonString: table.namespace)
    value.append(",\"table\":")
    value.append(jsonString: table.table)
    value.append(",\"file\":")
    value.append(unsigned: UInt64(part.mark.file))
    value.append(",\"offset\":")
    value.append(unsigned: change.logOffset)
    value.append(",\"tx\":")
    value.append(jsonString: batch.identifier(of: part))
    value.append(",\"key\":")
    value.append(key)
    value.append(",\"change\":")
    try appendChange(index, part, batch, to: &value)
    value.append("}")
    let partition = Murmur2.partition(of: key.bytes, count: topic.partitions)
    try writer.send(topic, partition: partition, key: key.bytes, value: value.bytes)
  }

  /// Appends the row's key, or what names its table where it has none.
  private func appendKey(
    of change: RowChange, _ batch: Batch, to writer: inout ByteWriter
  ) throws(Failure) -> TableName {
    guard change.operation != .schema else {
      writer.append("{}")
      return batch.schemaChanges[Int(change.row)].table
    }
    let schema = batch.schemas[Int(change.schema)]
    let row = Int(change.hasAfter ? change.after : change.before)
    let (cells, arena) = (batch.cells, batch.arena)
    try JSONKeyPlan(schema, key: encoding.key(of: schema)).append(
      row, other: change.hasBefore ? Int(change.before) : row, cells: cells.span, arena: arena.span.bytes, to: &writer)
    return schema.name
  }

  /// Appends the change, or `null` where it is too large for a message here, too.
  private func appendChange(
    _ index: Int, _ part: TransactionPart, _ batch: Batch, to writer: inout ByteWriter
  ) throws(Failure) {
    plain.start(batch, processingTime: 0)
    let mark = writer.count
    do throws(UnencodableChange) {
      try plain.encode(index..<index + 1, of: part, in: batch, into: &writer)
    } catch {
      throw error.failure
    }
    // The change is a line of its own; its line break gives way to the end of the object around it.
    writer.removeAll(from: writer.count - 1)
    if writer.count > settings.messageLimit - 256 {
      writer.removeAll(from: mark)
      writer.append("null")
    }
  }
}
