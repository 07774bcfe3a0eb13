package import Change
import Flow
import Histogram
import Synchronization

/// Measures how far a stage is behind the source's commits, in a histogram of microseconds with three significant digits.
///
/// A log that writes whole seconds cannot tell a lag below one second. For such transactions the lag is the time since
/// the batch was read, which is exact, plus the delay between commit and reading that the last transaction with a precise
/// commit time showed (a heartbeat row, a MySQL 8 commit); 0 while there was none.
package final class LagMeter: Sendable {
  private struct State {
    var histogram = Histogram<UInt64>(
      highestTrackableValue: 30 * 86_400 * 1_000_000, numberOfSignificantValueDigits: .three)
    var newest: UInt64 = 0
  }

  private let state = Mutex(State())

  package init() {}

  /// Records one lag for `count` changes, in microseconds.
  package func record(_ microseconds: UInt64, count: UInt64) {
    guard count > 0 else { return }
    state.withLock { state in
      state.newest = microseconds
      let isInRange = state.histogram.record(min(microseconds, 30 * 86_400 * 1_000_000), count: count)
      precondition(isInRange, "a lag is cut to the histogram's range")
    }
  }

  package var summary: LagSummary? {
    state.withLock { state in
      guard state.histogram.totalCount > 0 else { return nil }
      let milliseconds = { (value: UInt64) in Double(value) / 1000 }
      return LagSummary(
        p50: milliseconds(state.histogram.valueAtPercentile(50)),
        p99: milliseconds(state.histogram.valueAtPercentile(99)),
        max: milliseconds(state.histogram.maxRecorded), newest: milliseconds(state.newest))
    }
  }
}

/// A lag's percentiles in milliseconds.
package struct LagSummary: Sendable {
  package var p50: Double
  package var p99: Double
  package var max: Double
  /// The last one that was recorded.
  package var newest: Double
}

/// The delay between a commit at the source and its reading here, as far as the log tells.
package final class SourceDelay: Sendable {
  /// Microseconds; what the last transaction with a precise commit time showed.
  private let estimate = Atomic<UInt64>(0)

  package init() {}

  /// Learns from a batch at the time of its reading, and returns its delay in microseconds; nil for a snapshot's rows.
  package func observe(_ batch: Batch, wallClock: Int64) -> UInt64? {
    var coarse: UInt64?
    for part in batch.transactions.reversed() where !part.isSnapshot {
      let delay = UInt64(max(0, wallClock - part.commitTime.microseconds))
      if part.commitTime.microseconds % 1_000_000 != 0 {
        estimate.store(delay, ordering: .relaxed)
        return delay
      }
      coarse = coarse ?? delay
      if batch.transactions.count > 1000 { break }
    }
    guard let coarse else { return nil }
    return coarse >= 2_000_000 ? coarse : estimate.load(ordering: .relaxed)
  }
}
