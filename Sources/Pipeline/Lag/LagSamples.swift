import Change
import Flow

/// Turns batches into lag samples: the delay before they were read, and the clock running since.
final class LagSamples: Sendable {
  struct Sample {
    let sourceDelay: UInt64
    let readAt: UInt64
    let count: UInt64

    /// Microseconds from the commits at the source to `now`.
    func lag(at now: UInt64) -> UInt64 { sourceDelay + (now > readAt ? (now - readAt) / 1000 : 0) }
  }

  private let delay: SourceDelay

  init(delay: SourceDelay) { self.delay = delay }

  /// The sample of `rows` changes of a batch; nil for a snapshot's rows, which have no commit to lag behind, and for none.
  func sample(of batch: Batch, rows: UInt64) -> Sample? {
    guard rows > 0 else { return nil }
    let sinceRead = MonotonicTime.now() &- batch.readAt
    let wallClockAtReading = WallClock.microseconds() - Int64(sinceRead / 1000)
    guard let sourceDelay = delay.delay(of: batch, readAt: wallClockAtReading) else { return nil }
    return Sample(sourceDelay: sourceDelay, readAt: batch.readAt, count: rows)
  }
}
