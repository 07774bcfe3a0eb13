import Change
import Flow
import Synchronization

/// Takes what a source reads and hands it on, measured.
///
/// With one source the log's order is the commit order and nothing is buffered: the source's own thread hands every batch
/// to the channel of every sink. One of several sources has one channel, from which the order stage takes.
final class SourceIntake: SourceOutput {
  private let channels: [BatchChannel]
  private let meter: SourceMeter
  private let delay: SourceDelay
  /// What earlier attempts, on threads of their own, have used.
  private let busyBefore: UInt64
  private let hasNews = Atomic(false)

  init(channels: [BatchChannel], meter: SourceMeter, delay: SourceDelay) {
    self.channels = channels
    self.meter = meter
    self.delay = delay
    busyBefore = meter.reading.busyNanoseconds
  }

  /// Whether the source has sent or promised anything in this attempt.
  var hasBegun: Bool { hasNews.load(ordering: .acquiring) }

  func send(_ batch: consuming Batch) async throws {
    hasNews.store(true, ordering: .releasing)
    let rows = UInt64(batch.changes.count)
    let transactions = UInt64(batch.transactions.count { $0.ends })
    let now = MonotonicTime.now()
    let wallClock = WallClock.microseconds()
    delay.learn(from: batch, wallClock: wallClock)
    if let delay = delay.delay(of: batch, readAt: wallClock) { meter.lag.record(delay, count: rows) }
    let (bytes, position) = (UInt64(batch.logBytes), batch.position)
    try await channels.send(batch)
    let blocked = MonotonicTime.now() &- now
    let processor = ProcessUsage.threadNanoseconds()
    meter.update { reading in
      reading.rows += rows
      reading.transactions += transactions
      reading.bytes += bytes
      reading.position = position
      reading.busyNanoseconds = max(reading.busyNanoseconds, busyBefore + processor)
      reading.blockedNanoseconds += blocked
      reading.leastDelay = delay.least
    }
  }

  func advance(to watermark: EventTime) {
    hasNews.store(true, ordering: .releasing)
    for channel in channels { channel.advance(to: watermark) }
    meter.update { $0.watermark = max($0.watermark, watermark) }
  }

  func report(_ progress: SnapshotProgress) {
    meter.update { $0.snapshot = progress }
  }
}
