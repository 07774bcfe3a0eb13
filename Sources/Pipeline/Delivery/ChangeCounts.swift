import Change

/// Counts changes by table, cheaply: one addition a change, one look-up a table and batch.
struct ChangeCounts {
  private(set) var byTable: [TableName: UInt64] = [:]
  private(set) var rows: UInt64 = 0
  private var perSchema: [UInt64] = []

  /// Adds the changes of some parts of a batch, and returns how many they are.
  mutating func add(_ batch: Batch, parts: Range<Int>) -> UInt64 {
    let before = rows
    perSchema.removeAll(keepingCapacity: true)
    perSchema.append(contentsOf: repeatElement(0, count: batch.schemas.count))
    for part in batch.transactions[parts] {
      for change in batch.changes[part.range] {
        rows += 1
        if change.operation == .schema {
          byTable[batch.schemaChanges[Int(change.row)].table, default: 0] += 1
        } else {
          perSchema[Int(change.schema)] += 1
        }
      }
    }
    for (schema, count) in zip(batch.schemas, perSchema) where count > 0 { byTable[schema.name, default: 0] += count }
    return rows - before
  }

  mutating func reset() {
    byTable.removeAll(keepingCapacity: true)
    rows = 0
  }
}
