import Benchmark

/// What `swift package benchmark` runs. Thresholds hold allocations and not rates: those depend on the machine.
let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.rate, .processorRate, .allocations],
    warmupIterations: 2,
    maxDuration: .seconds(2),
    maxIterations: 100,
    thresholds: [.allocations: BenchmarkThresholds(absolute: [.p90: 2])])
  addChannelBenchmarks()
  addBuildingBenchmarks()
  addEncodingBenchmarks()
  addDecodingBenchmarks()
  addExpressionBenchmarks()
  addTransformBenchmarks()
  addMergeBenchmarks()
  addWindowBenchmarks()
}
