import Benchmark
import Change
import Flow
import Logging
import Pipeline

private let rowCount = 800_000

/// A whole pipeline from sources in memory to a sink that counts: one source with all rows, and eight that share them and
/// whose transactions alternate, so that nearly each comes from another source than the one before.
func addMergeBenchmarks() {
  for sources in [1, 8] {
    for (shape, rows) in [("A", 100), ("B", 4)] {
      var configuration = Benchmark.defaultConfiguration
      configuration.thresholds = [.allocations: BenchmarkThresholds(absolute: [.p90: 400])]
      Benchmark("merge \(shape) of \(sources)", configuration: configuration) { benchmark in
        let run = pipeline(sources: sources, rowsPerTransaction: rows)
        try await benchmark.measure(rowCount) { try await run.run(until: .now) }
        precondition(run.status.source.rows == UInt64(rowCount), "every row was read")
      }
    }
  }
}

private func pipeline(sources: Int, rowsPerTransaction: Int) -> PipelineRun {
  PipelineRun(
    definition: PipelineDefinition(
      name: "merge",
      sources: (0..<sources).map { number in
        .init(
          name: "source\(number)",
          definition: Shard(number: number, of: sources, rowsPerTransaction: rowsPerTransaction))
      }, order: OrderSettings(idleAfter: nil), sinks: [.init(name: "count", definition: Counter())],
      stateDirectory: "/tmp/freshet-benchmark"),
    logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() })
}

/// Every n-th transaction of the one log.
private struct Shard: SourceDefinition {
  let number: Int
  let of: Int
  let rowsPerTransaction: Int

  init(number: Int, of: Int, rowsPerTransaction: Int) {
    self.number = number
    self.of = of
    self.rowsPerTransaction = rowsPerTransaction
  }

  func makeSource(_ context: ConnectorContext) throws -> any Source { ShardSource(shard: self) }
  func plan(_ context: ConnectorContext) async throws -> SourcePlan {
    SourcePlan(server: "", tables: [], start: "", end: "", warnings: [])
  }
}

private final class ShardSource: Source {
  private let shard: Shard
  private let shop = ShopRows()
  private let builder = BatchBuilder()

  init(shard: Shard) { self.shard = shard }

  var coverage: any PositionCoverage { NoCoverage() }

  func run(from checkpoints: [Position?], into output: any SourceOutput, control: SourceControl) async throws {
    let rows = shard.rowsPerTransaction
    for transaction in stride(from: shard.number, to: rowCount / rows, by: shard.of) {
      if builder.isEmpty { builder.readAt = MonotonicTime.now() }
      if rows == 4 {
        shop.appendMixture(transaction, to: builder)
      } else {
        // The number of the transaction is that of its first row: times of all sources alternate.
        shop.appendInserts(of: (transaction * rows)..<(transaction * rows + rows), to: builder)
      }
      if builder.isFull { try await send(transaction, into: output) }
    }
    if !builder.isEmpty { try await send(rowCount, into: output) }
  }

  private func send(_ transaction: Int, into output: any SourceOutput) async throws {
    try await output.send(builder.take(position: shop.position))
    output.advance(
      to: EventTime(microseconds: ShopRows.start + Int64(transaction * (shard.rowsPerTransaction == 4 ? 1 : 100))))
  }
}

private struct NoCoverage: PositionCoverage {
  func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool { false }
  func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool { true }
}

private struct Counter: SinkDefinition {
  func makeSink(_ context: ConnectorContext) throws -> any Sink { CounterSink() }
  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan { SinkPlan(target: "") }
}

private final class CounterSink: Sink {
  private var rows: UInt64 = 0

  var traits: SinkTraits { SinkTraits() }
  func open() async throws -> Position? { nil }
  func close() async {}
  func write(_ batch: Batch, parts: Range<Int>) async throws {
    for part in batch.transactions[parts] { rows += UInt64(part.count) }
  }

  func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    defer { rows = 0 }
    return Receipt(outcomes: [ShopRows().schema.name: Outcome(delivered: rows)])
  }
}
