package import Change
package import Pipeline

/// Writes to a `MemoryTarget`: the reference of what a sink does.
///
/// *Memory*: what is not committed is kept here, as the target's own uncommitted data would be; it is not bounded.
package final class MemorySink: Sink {
  package let traits: SinkTraits
  private let target: MemoryTarget
  private var epoch: UInt64 = 0
  private var staged: [StagedChange] = []
  private var outcomes: [TableName: Outcome] = [:]

  package init(target: MemoryTarget, traits: SinkTraits) {
    self.target = target
    self.traits = traits
  }

  package func open() async throws -> Position? {
    try await target.faults.pass(.open)
    let claim = target.claim()
    epoch = claim.epoch
    return claim.position
  }

  package func write(_ batch: Batch, parts: Range<Int>) async throws {
    try await target.faults.pass(.write)
    for part in batch.transactions[parts] {
      for change in batch.changes[part.range] { stage(change, of: batch, sequence: part.mark.sequence) }
    }
  }

  package func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    try await target.faults.pass(.commit)
    try target.commit(staged, checkpoint, epoch: epoch)
    let receipt = Receipt(outcomes: outcomes)
    staged.removeAll()
    outcomes.removeAll()
    try await target.faults.pass(.committed)
    return receipt
  }

  package func close() async { staged.removeAll() }

  private func stage(_ change: RowChange, of batch: Batch, sequence: UInt64) {
    let kind: StagedChange.Kind
    let table: TableName
    var columns = 0
    if change.operation == .schema {
      let schemaChange = batch.schemaChanges[Int(change.row)]
      kind = .schema(schemaChange)
      table = schemaChange.table
    } else {
      let schema = batch.schemas[Int(change.schema)]
      kind = .row(schema)
      table = schema.name
      columns = schema.columns.count
    }
    let row = { (first: UInt32) in
      batch.cells[Int(first)..<(Int(first) + columns)].map { MemoryValue($0, in: batch) }
    }
    staged.append(
      StagedChange(
        kind: kind,
        record: MemoryTarget.Record(
          operation: change.operation, table: table, before: change.hasBefore ? row(change.before) : nil,
          after: change.hasAfter ? row(change.after) : nil, sequence: sequence)))
    outcomes[table, default: Outcome()] += Outcome(delivered: 1)
  }
}

/// Makes sinks onto one shared target.
package struct MemorySinkDefinition: SinkDefinition {
  package var target: MemoryTarget
  package var traits: SinkTraits

  package init(target: MemoryTarget, traits: SinkTraits = SinkTraits()) {
    self.target = target
    self.traits = traits
  }

  package func makeSink(_ context: ConnectorContext) throws -> any Sink { MemorySink(target: target, traits: traits) }

  package func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    SinkPlan(
      target: "memory", checkpoint: target.content.checkpoint?.position,
      warnings: ["what the memory sink holds ends with the process"])
  }
}
