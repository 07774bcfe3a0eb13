package import Change
import Synchronization

/// What the order of several sources says of one of them.
package struct OrderReading: Sendable {
  /// Transactions that came behind the promise.
  package var late: UInt64 = 0
  /// Nobody waits for it: it was silent.
  package var isIdle = false
  /// Since when the others wait for it, nanoseconds of the monotonic clock; nil: they do not.
  package var holdsSince: UInt64?
  /// Time that the others have waited for it before, in nanoseconds.
  package var heldNanoseconds: UInt64 = 0

  /// Time that the others have waited for it until now, in nanoseconds.
  package func held(at now: UInt64) -> UInt64 {
    heldNanoseconds + (holdsSince.map { now > $0 ? now - $0 : 0 } ?? 0)
  }
}

/// The time that the order of several sources has taken since the pipeline started, over all attempts.
package final class OrderMeter: Sendable {
  package struct Reading: Sendable {
    /// Time spent on the processor, in nanoseconds.
    package var busyNanoseconds: UInt64 = 0
    /// Time suspended because a sink was behind, in nanoseconds.
    package var blockedNanoseconds: UInt64 = 0
    package var watermark = EventTime.distantPast
    /// Batches that went on as they were, and such that were put together of several.
    package var passedBatches: UInt64 = 0
    package var gatheredBatches: UInt64 = 0
  }

  private let state = Mutex((reading: Reading(), busyBefore: UInt64(0)))

  package init() {}

  package var reading: Reading { state.withLock { $0.reading } }

  /// An attempt begins, on a thread that has used nothing yet.
  func begin() { state.withLock { $0.busyBefore = $0.reading.busyNanoseconds } }

  /// - Parameter processor: what the attempt's thread has used so far.
  func add(blocked: UInt64, processor: UInt64, passed: Bool) {
    state.withLock { state in
      state.reading.blockedNanoseconds += blocked
      state.reading.busyNanoseconds = max(state.reading.busyNanoseconds, state.busyBefore + processor)
      if passed { state.reading.passedBatches += 1 } else { state.reading.gatheredBatches += 1 }
    }
  }

  func promise(_ watermark: EventTime) { state.withLock { $0.reading.watermark = watermark } }
}
