package import Change

/// A record's number in its transaction and in its table within the transaction, both from 1.
struct EventOrder {
  var inTransaction: UInt64
  var inCollection: UInt64
}

/// Counts the events of the open transaction, in all and by table.
struct DebeziumTransaction {
  private(set) var events: UInt64 = 0
  private(set) var hasRows = false
  /// In order of first appearance.
  private(set) var collections: [CollectionCounter] = []
  private var serial: UInt64 = 0

  mutating func begin() {
    serial += 1
    events = 0
    hasRows = false
    collections.removeAll(keepingCapacity: true)
  }

  /// Takes events of a table back that were counted last or are not sent. The transaction still is one that changed rows.
  mutating func takeBack(_ count: UInt64, of counter: CollectionCounter) {
    guard count > 0 else { return }
    events -= count
    counter.events -= count
    if counter.events == 0 {
      collections.removeAll { $0 === counter }
      counter.serial = 0
    }
  }

  @inline(__always)
  mutating func count(_ counter: CollectionCounter, isRow: Bool = true) -> EventOrder {
    if counter.serial != serial {
      counter.serial = serial
      counter.events = 0
      collections.append(counter)
    }
    counter.events += 1
    events += 1
    if isRow { hasRows = true }
    return EventOrder(inTransaction: events, inCollection: counter.events)
  }
}

extension DebeziumChangeEncoder {
  /// Resets the counters of the transaction; with `provide.transaction.metadata`, appends its BEGIN record.
  package func encodeBegin(of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter) {
    guard part.begins else { return }
    recordChange = nil
    transaction.begin()
    guard options.providesTransactionMetadata, !part.isSnapshot, part.identifier.length > 0 else { return }
    emitTransaction("BEGIN", of: part, in: batch, into: &writer) { $0.append("null,\"data_collections\":null") }
  }

  /// With `provide.transaction.metadata`, appends the END record of a transaction that changed rows.
  package func encodeEnd(of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter) {
    guard part.ends, options.providesTransactionMetadata, !part.isSnapshot, part.identifier.length > 0,
      transaction.hasRows
    else { return }
    let transaction = transaction
    recordChange = nil
    emitTransaction("END", of: part, in: batch, into: &writer) { writer in
      writer.append(unsigned: transaction.events)
      writer.append(",\"data_collections\":[")
      for (index, collection) in transaction.collections.enumerated() {
        writer.append(index == 0 ? "{\"data_collection\":" : ",{\"data_collection\":")
        writer.append(jsonString: collection.name)
        writer.append(",\"event_count\":")
        writer.append(unsigned: collection.events)
        writer.append("}")
      }
      writer.append("]")
    }
  }

  package func takeBack(_ records: ArraySlice<EncodedRecord>, in batch: Batch) {
    guard options.providesTransactionMetadata else { return }
    // A tombstone is no event.
    for record in records where record.kind == .row && record.value != nil {
      guard let index = record.change else { continue }
      let change = batch.changes[index]
      let table: TableName
      if change.operation == .schema {
        let schemaChange = batch.schemaChanges[Int(change.row)]
        table = schemaChange.after?.name ?? schemaChange.table
      } else {
        table = batch.schemas[Int(change.schema)].name
      }
      if let counter = counters[table] { transaction.takeBack(1, of: counter) }
    }
  }

  private func emitTransaction(
    _ status: StaticString, of part: TransactionPart, in batch: Batch, into writer: inout ByteWriter,
    counts: (inout ByteWriter) -> Void
  ) {
    var id = ByteWriter(capacity: 64)
    id.append(jsonString: batch.identifier(of: part))
    let identifier = id.text()
    let schemas = (key: ConnectSchema.transactionKey, value: ConnectSchema.transactionValue)
    emit(.transaction, topic: "\(context.name).transaction", schemas, key: "{\"id\":\(identifier)}", into: &writer) {
      writer in
      writer.append("{\"status\":\"")
      writer.append(status)
      writer.append("\",\"id\":")
      writer.append(string: identifier)
      writer.append(",\"event_count\":")
      counts(&writer)
      writer.append(",\"ts_ms\":")
      writer.append(integer: part.commitTime.microseconds.flooredDivision(by: 1000).quotient)
      writer.append("}")
    }
  }
}
