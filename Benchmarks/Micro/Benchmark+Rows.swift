import AllocationCounter
import Benchmark
import Flow
import Glibc

extension BenchmarkMetric {
  /// Thousands of rows, or of batches where these are counted, a second.
  static let rate = BenchmarkMetric.custom("thousands a second", polarity: .prefersLarger, useScalingFactor: false)
  /// The same by the processor's seconds, of all threads together: what says something on a machine with other work.
  static let processorRate = BenchmarkMetric.custom(
    "thousands a CPU second", polarity: .prefersLarger, useScalingFactor: false)
  /// Requests for memory in the whole process for each 1,000 rows, or batches where these are counted.
  static let allocations = BenchmarkMetric.custom(
    "allocations per 1,000", polarity: .prefersSmaller, useScalingFactor: false)
}

extension Benchmark {
  /// Measures `body`, which handles `count` rows.
  func measure(_ count: Int, _ body: () throws -> Void) rethrows {
    let start = Reading(self)
    try body()
    start.finish(self, count)
  }

  /// Measures `body`, which handles `count` batches.
  func measure(_ count: Int, _ body: () async throws -> Void) async rethrows {
    let start = Reading(self)
    try await body()
    start.finish(self, count)
  }
}

/// The clock and the counter when a measurement began.
private struct Reading {
  private let allocations: UInt64
  private let processorTime: UInt64
  private let time: UInt64

  init(_ benchmark: Benchmark) {
    benchmark.startMeasurement()
    allocations = allocation_count()
    processorTime = Self.processorNanoseconds()
    time = MonotonicTime.now()
  }

  func finish(_ benchmark: Benchmark, _ count: Int) {
    let nanoseconds = max(MonotonicTime.now() - time, 1)
    let busy = max(Self.processorNanoseconds() - processorTime, 1)
    let made = allocation_count() - allocations
    benchmark.stopMeasurement()
    benchmark.measurement(.rate, count * 1_000_000 / Int(nanoseconds))
    benchmark.measurement(.processorRate, count * 1_000_000 / Int(busy))
    // Rounded up: one allocation in any number of rows is seen.
    benchmark.measurement(.allocations, (Int(made) * 1000 + count - 1) / count)
  }

  private static func processorNanoseconds() -> UInt64 {
    var time = timespec()
    // Cannot fail: the clock exists and the pointer is valid.
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
