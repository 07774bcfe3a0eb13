import Change
import Flow

/// Hands every batch of a source to every sink's channel, in one order, and keeps the promise of the watermark.
///
/// With one source the log's order is the commit order and nothing is buffered: the source's own thread does the handing over.
final class OrderStage: SourceOutput {
  private let channels: [BatchChannel]
  private let meter: SourceMeter
  private let delay: SourceDelay
  /// What earlier attempts, on threads of their own, have used.
  private let busyBefore: UInt64

  init(channels: [BatchChannel], meter: SourceMeter, delay: SourceDelay) {
    self.channels = channels
    self.meter = meter
    self.delay = delay
    busyBefore = meter.reading.busyNanoseconds
  }

  func send(_ batch: Batch) async throws {
    let rows = UInt64(batch.changes.count)
    let transactions = UInt64(batch.transactions.count { $0.ends })
    let now = MonotonicTime.now()
    let wallClock = WallClock.microseconds()
    delay.learn(from: batch, wallClock: wallClock)
    if let delay = delay.delay(of: batch, readAt: wallClock) { meter.lag.record(delay, count: rows) }
    for channel in channels { try await channel.send(batch) }
    let blocked = MonotonicTime.now() &- now
    let processor = ProcessUsage.threadNanoseconds()
    meter.update { reading in
      reading.rows += rows
      reading.transactions += transactions
      reading.bytes += UInt64(batch.logBytes)
      reading.position = batch.position
      reading.busyNanoseconds = max(reading.busyNanoseconds, busyBefore + processor)
      reading.blockedNanoseconds += blocked
    }
  }

  func advance(to watermark: EventTime) {
    for channel in channels { channel.advance(to: watermark) }
    meter.update { $0.watermark = max($0.watermark, watermark) }
  }

  func report(_ progress: SnapshotProgress) {
    meter.update { $0.snapshot = progress }
  }
}
