import Benchmark
import Change
import Formats

private let rowCount = 100_000

func addEncodingBenchmarks() {
  let context = EncodingContext(connector: "mariadb", name: "shop", logFileBase: "binlog")
  let workloads: [(String, @Sendable () -> [Batch])] = [("A", { insertBatches }), ("B", { mixtureBatches })]
  for (name, batches) in workloads {
    addEncodingBenchmark("encoding json \(name)", batches, JSONChangeEncoder(context: context))
    addEncodingBenchmark(
      "encoding debezium-json \(name)", batches, DebeziumChangeEncoder(options: DebeziumOptions(), context: context))
  }
}

// Made when they are first used, in a benchmark's warm-up.
private let insertBatches = ShopRows().insertBatches(rowCount)
private let mixtureBatches = ShopRows().mixtureBatches(rowCount)

/// The warm-up grows the writer; what is measured runs in a buffer that is large enough.
private func addEncodingBenchmark<Encoder: ChangeEncoder>(
  _ name: String, _ source: @escaping @Sendable () -> [Batch], _ encoder: Encoder
) {
  let output = Output()
  Benchmark(name) { benchmark in
    let batches = source()
    try benchmark.measure(rowCount) {
      for batch in batches {
        output.writer.removeAll()
        try encoder.encode(batch, processingTime: ShopRows.start * 1000, into: &output.writer)
        blackHole(output.writer.count)
      }
    }
  }
}

private final class Output {
  var writer = ByteWriter(capacity: 1 << 16)
}
