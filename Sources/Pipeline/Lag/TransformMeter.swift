import Synchronization

/// The time that the transforms of a pipeline have taken since it started, over all attempts.
package final class TransformMeter: Sendable {
  package struct Reading: Sendable {
    /// Time spent on the processor, in nanoseconds.
    package var busyNanoseconds: UInt64 = 0
    /// Time suspended because a sink was behind, in nanoseconds.
    package var blockedNanoseconds: UInt64 = 0
    /// How often the state of windows was stored because a snapshot, or the levelling of what was behind in one, was over.
    package var storedSnapshots: UInt64 = 0
    /// In the order of the pipeline's list; empty for transforms, and before windows have begun.
    package var windows: [Window] = []
  }

  /// What one window has come to.
  package struct Window: Sendable {
    package var name: String
    /// Windows that end at or before it are complete, in microseconds since 1970; nil: nothing is known to be.
    package var watermark: Int64?
    /// How many windows and groups have a state: they are not complete, or late rows may still change them.
    package var kept: Int
    /// How many rows came when their window was gone.
    package var late: UInt64
    /// Bytes of the state, in memory and in files.
    package var bytes: Int
  }

  private let state = Mutex((reading: Reading(), busyBefore: UInt64(0)))

  package init() {}

  package var reading: Reading { state.withLock { $0.reading } }

  /// An attempt begins, on a thread that has used nothing yet.
  func begin() { state.withLock { $0.busyBefore = $0.reading.busyNanoseconds } }

  func addStoredSnapshot() { state.withLock { $0.reading.storedSnapshots += 1 } }

  func set(_ windows: [Window]) { state.withLock { $0.reading.windows = windows } }

  /// - Parameter processor: what the attempt's thread has used so far.
  func add(blocked: UInt64, processor: UInt64) {
    state.withLock { state in
      state.reading.blockedNanoseconds += blocked
      state.reading.busyNanoseconds = max(state.reading.busyNanoseconds, state.busyBefore + processor)
    }
  }
}
