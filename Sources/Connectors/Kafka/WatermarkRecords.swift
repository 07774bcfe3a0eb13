import Change
import Flow
import Formats
import Pipeline

/// Tells the readers of every partition how far the changes have come: `{"op":"watermark","ts_us":…,"pos":…}`.
///
/// A reader of one partition that meets it has everything up to that time. It goes with the checkpoint, in the same
/// transaction, to each partition of each topic that the sink has ever written to: a reader that waits for all partitions
/// gets on where a table is quiet, too.
struct WatermarkRecords {
  /// The key of the record, so that a compacted topic takes it and keeps the newest.
  static let key = Array(#"{"op":"watermark"}"#.utf8)

  /// Nanoseconds between two; nil: none are written.
  let interval: UInt64?
  private var last: UInt64 = 0
  private var lastTime: EventTime

  /// - Parameter time: what the readers were told before.
  init(interval: UInt64?, after time: EventTime = .distantPast) {
    self.interval = interval
    lastTime = time
  }

  mutating func write(_ checkpoint: Checkpoint, to topics: [TargetTopic], with writer: MessageWriter) throws {
    guard let interval, checkpoint.watermark > lastTime else { return }
    let now = MonotonicTime.now()
    guard last == 0 || now &- last >= interval else { return }
    last = now
    lastTime = checkpoint.watermark
    var value = ByteWriter(capacity: 256)
    value.append("{\"op\":\"watermark\",\"ts_us\":")
    value.append(integer: checkpoint.watermark.microseconds)
    value.append(",\"pos\":")
    value.append(jsonString: checkpoint.position.text)
    value.append("}")
    let key = WatermarkRecords.key
    for topic in topics.sorted(by: { $0.name < $1.name }) {
      for partition in 0..<topic.partitions {
        try writer.send(topic, partition: Int32(partition), key: key.span.bytes, value: value.bytes)
      }
    }
  }
}
