import Benchmark
import Change
import Formats

private let rowCount = 100_000

func addEncodingBenchmarks() {
  let shop = ShopRows()
  let context = EncodingContext(connector: "mariadb", name: "shop", logFileBase: "binlog")
  let workloads = [("A", shop.insertBatches(rowCount)), ("B", shop.mixtureBatches(rowCount))]
  for (name, batches) in workloads {
    addEncodingBenchmark("encoding json \(name)", batches, JSONChangeEncoder(context: context))
    addEncodingBenchmark(
      "encoding debezium-json \(name)", batches, DebeziumChangeEncoder(options: DebeziumOptions(), context: context))
  }
}

/// The warm-up grows the writer; what is measured runs in a buffer that is large enough.
private func addEncodingBenchmark<Encoder: ChangeEncoder>(_ name: String, _ batches: [Batch], _ encoder: Encoder) {
  let output = Output()
  Benchmark(name) { benchmark in
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
