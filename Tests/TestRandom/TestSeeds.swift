import Foundation

/// The seeds of a random test: as many as the whole suite has time for, or more and others for a long campaign.
///
///     FRESHET_SEEDS=2000 FRESHET_FIRST_SEED=100 bash Tests/run.sh --filter RandomWindowTests
package enum TestSeeds {
  /// - Parameter count: how many there are without `FRESHET_SEEDS`.
  package static func range(_ count: Int) -> Range<Int> {
    let environment = ProcessInfo.processInfo.environment
    let first = environment["FRESHET_FIRST_SEED"].flatMap(Int.init) ?? 0
    return first..<(first + (environment["FRESHET_SEEDS"].flatMap(Int.init) ?? count))
  }

  /// Two at a time.
  package static func forEach(_ count: Int, _ body: @escaping @Sendable (UInt64) async throws -> Void) async throws {
    let seeds = range(count)
    try await withThrowingTaskGroup { group in
      for worker in 0..<2 {
        group.addTask {
          for seed in seeds where seed % 2 == worker { try await body(UInt64(seed)) }
        }
      }
      try await group.waitForAll()
    }
  }
}
