import Change
import Formats
import KafkaClient
import Pipeline

/// The headers that the option `headers` asks for, rendered for each message into one buffer that is reused.
final class RecordHeaders {
  /// Room that is kept for them below a message's limit.
  static let byteLimit = 1024

  private let names: [(field: KafkaSettings.Header, name: [UInt8])]
  private var place: LogPlace
  private var value = ByteWriter(capacity: 256)

  init(_ fields: [KafkaSettings.Header], _ encoding: EncodingContext) {
    names = fields.map { ($0, Array($0.name.utf8)) }
    place = LogPlace(encoding)
  }

  func append(to headers: inout KafkaHeaders, _ record: EncodedRecord, _ part: TransactionPart, _ batch: Batch) {
    for entry in names {
      value.removeAll()
      render(entry.field, record, part, batch)
      let name = entry.name
      if !value.isEmpty { headers.append(name.span.bytes, value.bytes) }
    }
  }

  /// Writes the header's value; nothing, and then there is no header, where the record has none.
  private func render(
    _ field: KafkaSettings.Header, _ record: EncodedRecord, _ part: TransactionPart, _ batch: Batch
  ) {
    let change = record.change.map { batch.changes[$0] }
    switch field {
    case .schema: if let table = table(of: change, batch) { value.append(string: table.namespace) }
    case .table: if let table = table(of: change, batch) { value.append(string: table.table) }
    case .op: if let change { append(change.operation) }
    case .timestamp: value.append(integer: (change?.time ?? part.commitTime).microseconds)
    case .tx:
      let arena = batch.arena
      value.append(arena.span.bytes.extracting(part.identifier.range))
    case .position:
      place.prepare(part)
      value.append(place.quotedPrefix)
      let offset = change?.logOffset ?? 0
      value.append(unsigned: offset == 0 ? part.mark.endOffset : offset)
    }
  }

  private func table(of change: RowChange?, _ batch: Batch) -> TableName? {
    guard let change else { return nil }
    return change.operation == .schema
      ? batch.schemaChanges[Int(change.row)].table : batch.schemas[Int(change.schema)].name
  }

  private func append(_ operation: Change.Operation) {
    switch operation {
    case .insert: value.append("c")
    case .update: value.append("u")
    case .delete: value.append("d")
    case .read: value.append("r")
    case .schema: value.append("ddl")
    }
  }
}
