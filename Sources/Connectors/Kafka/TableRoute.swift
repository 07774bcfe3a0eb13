import Change
import Formats
import Pipeline

/// Where the messages of one version of a table go.
final class TableRoute {
  let topic: TargetTopic
  private let partitioning: KafkaSettings.Partitioning
  /// The partition of messages without a key, and of all of them when a table has one.
  private let tablePartition: Int32
  /// The columns that decide the partition; nil: they do not.
  private let columns: JSONKeyPlan?
  private var scratch = ByteWriter(capacity: 128)

  init(_ schema: TableSchema, topic: TargetTopic, _ settings: KafkaSettings) throws(Failure) {
    self.topic = topic
    tablePartition = TableRoute.partition(of: schema.name, in: topic)
    _ = try TableRoute.indexes(settings.keyColumns[schema.name] ?? [], schema, "key_columns")
    guard settings.partitioning == .columns else {
      partitioning = settings.partitioning
      columns = nil
      return
    }
    let wanted = try TableRoute.indexes(settings.partitionColumns[schema.name] ?? [], schema, "partition_columns")
    // A table that is not named goes by its key.
    partitioning = wanted.isEmpty ? .key : .columns
    columns = wanted.isEmpty ? nil : JSONKeyPlan(schema, key: wanted)
  }

  /// The partition of what is about a whole table.
  static func partition(of table: TableName, in topic: TargetTopic) -> Int32 {
    let name = Array(table.description.utf8)
    return Murmur2.partition(of: name.span.bytes, count: topic.partitions)
  }

  private static func indexes(_ names: [String], _ schema: TableSchema, _ option: String) throws(Failure) -> [Int] {
    var indexes: [Int] = []
    for name in names {
      guard let index = schema.columns.firstIndex(where: { $0.name == name }) else {
        throw Failure(
          .configuration, "\"\(option)\" names a column that the table does not have: \(NearestName.quoted(name))",
          at: "table \"\(schema.name)\"",
          hint: NearestName.list("columns", schema.columns.map(\.name)))
      }
      indexes.append(index)
    }
    return indexes
  }

  /// - Throws: that the log does not hold a column that decides.
  func partition(of record: EncodedRecord, key: RawSpan?, _ batch: Batch) throws(Failure) -> Int32 {
    switch partitioning {
    case .key:
      guard let key else { return tablePartition }
      return Murmur2.partition(of: key, count: topic.partitions)
    case .table: return tablePartition
    case .columns:
      guard let columns, record.row >= 0 else { return tablePartition }
      let (cells, arena) = (batch.cells, batch.arena)
      // Out of the object for the time of the call, so that its bytes can be borrowed.
      var bytes = ByteWriter(capacity: 0)
      swap(&bytes, &scratch)
      defer { swap(&bytes, &scratch) }
      bytes.removeAll()
      try columns.append(
        record.row, other: record.otherRow, cells: cells.span, arena: arena.span.bytes, to: &bytes)
      return Murmur2.partition(of: bytes.bytes, count: topic.partitions)
    }
  }
}
