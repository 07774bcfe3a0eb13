package import Change
package import Pipeline

/// Counts and discards, for measuring what stands before a sink.
///
/// *Durability*: none. It keeps no checkpoint, so every run begins where a new sink would; and two of them never fence each other.
package struct Blackhole: Connector {
  package init() {}

  package var name: String { "blackhole" }
  package var summary: String { "Counts and discards, for measuring; it keeps no checkpoint." }
  package var sourceOptions: [Option]? { nil }
  package var sinkOptions: [Option]? { [] }

  package func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition { BlackholeSinkDefinition() }
}

package struct BlackholeSinkDefinition: SinkDefinition {
  package init() {}

  package func makeSink(_ context: ConnectorContext) throws -> any Sink { BlackholeSink() }

  package func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    SinkPlan(target: "nowhere", warnings: ["changes are counted and discarded; no checkpoint is kept"])
  }
}

/// *Memory*: one number a table. *Cost*: one addition a transaction of one table; a batch of several tables is counted
/// change by change.
package final class BlackholeSink: Sink {
  private var outcomes: [TableName: Outcome] = [:]
  private var perSchema: [UInt64] = []

  package var traits: SinkTraits { SinkTraits(keepsCheckpoint: false) }

  package func open() async throws -> Position? { nil }

  package func write(_ batch: Batch, parts: Range<Int>) async throws {
    if batch.schemas.count == 1, batch.schemaChanges.isEmpty {
      let count = batch.transactions[parts].reduce(UInt64(0)) { $0 + UInt64($1.count) }
      add(count, to: batch.schemas[0].name)
      return
    }
    perSchema.removeAll(keepingCapacity: true)
    perSchema.append(contentsOf: repeatElement(0, count: batch.schemas.count))
    for part in batch.transactions[parts] {
      for change in batch.changes[part.range] {
        if change.operation == .schema {
          add(1, to: batch.schemaChanges[Int(change.row)].table)
        } else {
          perSchema[Int(change.schema)] += 1
        }
      }
    }
    for (schema, count) in zip(batch.schemas, perSchema) { add(count, to: schema.name) }
  }

  package func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    defer { outcomes.removeAll(keepingCapacity: true) }
    return Receipt(outcomes: outcomes)
  }

  package func close() async {}

  private func add(_ count: UInt64, to table: TableName) {
    guard count > 0 else { return }
    outcomes[table, default: Outcome()].delivered += count
  }
}
