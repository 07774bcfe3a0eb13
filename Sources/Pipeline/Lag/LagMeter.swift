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
  /// The newest commit time that was learned from, in microseconds.
  private let newest = Atomic<Int64>(.min)
  /// The least delay of all, in microseconds; the largest number while there was none.
  private let smallest = Atomic<Int64>(.max)

  package init() {}

  /// The least time between a commit and its reading, in microseconds; it may be negative. Nil before the first.
  package var least: Int64? {
    let value = smallest.load(ordering: .relaxed)
    return value == .max ? nil : value
  }

  /// Learns from a batch, once, when it was read. A commit time is precise when it has a fraction of a second and is newer
  /// than all before it: one that was only held from going back has the fraction of another commit.
  package func learn(from batch: Batch, wallClock: Int64) {
    var latest = newest.load(ordering: .relaxed)
    for part in batch.transactions where !part.isSnapshot && part.commitTime.microseconds > latest {
      latest = part.commitTime.microseconds
      if wallClock - latest < smallest.load(ordering: .relaxed) {
        smallest.store(wallClock - latest, ordering: .relaxed)
      }
      guard latest % 1_000_000 != 0 else { continue }
      estimate.store(UInt64(max(0, wallClock - latest)), ordering: .relaxed)
    }
    newest.store(latest, ordering: .relaxed)
  }

  /// The delay of a batch that was read at this time, in microseconds; nil for a snapshot's rows.
  package func delay(of batch: Batch, readAt wallClock: Int64) -> UInt64? {
    guard let last = batch.transactions.last, !last.isSnapshot else { return nil }
    let coarse = UInt64(max(0, wallClock - last.commitTime.microseconds))
    return coarse >= 2_000_000 ? coarse : estimate.load(ordering: .relaxed)
  }
}
