import Change
import Formats
import Pipeline

/// Sets a change aside in a topic of its own, in the same transaction: with its key, its place, the reason and, where `json`
/// can say it and it fits a message, the whole change. What brought it here must not keep it from here.
struct Quarantine {
  let topicName: String
  private let context: ConnectorContext
  private let plain: JSONChangeEncoder
  private let encoding: EncodingContext
  private let messageLimit: Int

  init(_ settings: KafkaSettings, _ context: ConnectorContext, _ encoding: EncodingContext) {
    topicName = settings.quarantineTopic(of: context.pipeline)
    messageLimit = settings.messageLimit(memory: context.memoryLimit)
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
    let table = appendKey(of: change, batch, to: &key)
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
    appendChange(index, part, batch, room: messageLimit - 16 - key.count - value.count, to: &value)
    value.append("}")
    let partition = Murmur2.partition(of: key.bytes, count: topic.partitions)
    try writer.send(topic, partition: partition, key: key.bytes, value: value.bytes)
  }

  /// Appends what is known of the row's key; nothing of a key that leaves no room for the rest.
  private func appendKey(of change: RowChange, _ batch: Batch, to writer: inout ByteWriter) -> TableName {
    guard change.operation != .schema else {
      writer.append("{}")
      return batch.schemaChanges[Int(change.row)].table
    }
    let schema = batch.schemas[Int(change.schema)]
    let row = Int(change.hasAfter ? change.after : change.before)
    let (cells, arena) = (batch.cells, batch.arena)
    JSONKeyPlan(schema, key: encoding.key(of: schema)).appendKnown(
      row, other: change.hasBefore ? Int(change.before) : row, cells: cells.span, arena: arena.span.bytes, to: &writer)
    // It is there twice: as the message's key, and in its value.
    if writer.count > messageLimit / 4 {
      writer.removeAll()
      writer.append("{}")
    }
    return schema.name
  }

  /// Appends the change, or `null` where `json` cannot say it or it has more bytes than there is room.
  private func appendChange(
    _ index: Int, _ part: TransactionPart, _ batch: Batch, room: Int, to writer: inout ByteWriter
  ) {
    guard ChangeSize.least(batch.changes[index], batch) <= room else { return writer.append("null") }
    plain.start(batch, processingTime: 0)
    let mark = writer.count
    do throws(UnencodableChange) {
      try plain.encode(index..<index + 1, of: part, in: batch, into: &writer)
    } catch {
      // The record's reason says what is wrong with it.
      return writer.append("null")
    }
    // The change is a line of its own; its line break gives way to the end of the object around it.
    writer.removeAll(from: writer.count - 1)
    if writer.count - mark > room {
      writer.removeAll(from: mark)
      writer.append("null")
    }
  }
}
