import Benchmark
import Change

private let rowCount = 100_000

/// Rows that are at hand become batches that are cut and dropped: the arena, the cells, the changes, and nothing else.
func addBuildingBenchmarks() {
  let shop = ShopRows()
  Benchmark("building A") { benchmark in
    let builder = BatchBuilder()
    benchmark.measure(rowCount) {
      for transaction in 0..<(rowCount / 100) {
        shop.appendInserts(of: (transaction * 100)..<(transaction * 100 + 100), to: builder)
        if builder.isFull { blackHole(builder.take(position: shop.position)) }
      }
    }
  }
  Benchmark("building B") { benchmark in
    let builder = BatchBuilder()
    benchmark.measure(rowCount) {
      for transaction in 0..<(rowCount / 4) {
        shop.appendMixture(transaction, to: builder)
        if builder.isFull { blackHole(builder.take(position: shop.position)) }
      }
    }
  }
}
