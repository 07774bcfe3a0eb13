import Flow
import Synchronization

/// The meters of one pipeline, kept over its attempts.
final class PipelineMeters: Sendable {
  /// In the order of the pipeline's list.
  let sources: [SourceMeter]
  /// What the order of several sources takes.
  let order = OrderMeter()
  let sinks: [SinkMeter]
  /// Nil when the pipeline has no transforms.
  let transforms: TransformMeter?
  /// Nil when the pipeline has no windows.
  let windows: TransformMeter?
  private let channels = Mutex<[BatchChannel]>([])

  init(sources: [String], sinks: [String], hasTransforms: Bool, hasWindows: Bool) {
    self.sources = sources.map(SourceMeter.init(name:))
    self.sinks = sinks.map(SinkMeter.init(name:))
    transforms = hasTransforms ? TransformMeter() : nil
    windows = hasWindows ? TransformMeter() : nil
  }

  /// Names the channels of the running attempt.
  func attach(_ channels: [BatchChannel]) { self.channels.withLock { $0 = channels } }

  /// What waits in each sink's channel now.
  var queues: [BatchChannel.Gauges] { channels.withLock { $0.map(\.gauges) } }

  /// Commits of all sinks so far, and of what the windows were to be brought level with: whether anything moves.
  var commits: UInt64 {
    sinks.reduce(windows?.reading.storedSnapshots ?? 0) { $0 + $1.reading.commits }
  }
}
