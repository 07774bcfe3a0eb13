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

  /// By source.
  private let delays: [SourceDelay]

  init(delays: [SourceDelay]) { self.delays = delays }

  /// The sample of `rows` changes of a batch; nil for a snapshot's rows, which have no commit to lag behind, and for none.
  func sample(of batch: Batch, rows: UInt64) -> Sample? {
    guard rows > 0, let source = batch.transactions.last?.source, Int(source) < delays.count else { return nil }
    let sinceRead = MonotonicTime.now() &- batch.readAt
    let wallClockAtReading = WallClock.microseconds() - Int64(sinceRead / 1000)
    guard let sourceDelay = delays[Int(source)].delay(of: batch, readAt: wallClockAtReading) else { return nil }
    return Sample(sourceDelay: sourceDelay, readAt: batch.readAt, count: rows)
  }
}
