import Change
import MemoryConnector
import Pipeline
import Testing

/// A sink that looks at what it is given: no schema change behind rows that are not committed, and nothing at or before a
/// watermark that was stored.
struct AttentiveSinkDefinition: SinkDefinition {
  let target: MemoryTarget
  var traits = SinkTraits(separatesSchemaChanges: true)

  func makeSink(_ context: ConnectorContext) throws -> any Sink {
    AttentiveSink(target, MemorySink(target: target, traits: traits))
  }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan { SinkPlan(target: "") }
}

private final class AttentiveSink: Sink {
  private let target: MemoryTarget
  private let inner: MemorySink
  private var hasRows = false

  init(_ target: MemoryTarget, _ inner: MemorySink) {
    self.target = target
    self.inner = inner
  }

  var traits: SinkTraits { inner.traits }
  func open() async throws -> Position? { try await inner.open() }

  func write(_ batch: Batch, parts: Range<Int>) async throws {
    let promised = target.content.checkpoint?.watermark ?? .distantPast
    for part in batch.transactions[parts] {
      #expect(
        part.isSnapshot || !part.begins || part.commitTime > promised,
        "\(part.commitTime.microseconds) came behind the watermark \(promised.microseconds)")
      for change in batch.changes[part.range] where traits.separatesSchemaChanges {
        #expect(change.operation != .schema || !hasRows)
        hasRows = hasRows || change.operation != .schema
      }
    }
    try await inner.write(batch, parts: parts)
  }

  func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    hasRows = false
    return try await inner.commit(checkpoint)
  }

  func close() async { await inner.close() }
}
