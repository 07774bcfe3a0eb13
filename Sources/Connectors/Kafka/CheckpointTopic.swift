import Change
import Flow
import KafkaClient
import Pipeline

/// The compacted topic that keeps each sink's newest checkpoint. All of them lie in partition 0, so that a later change of
/// the number of partitions moves none.
struct CheckpointTopic {
  static let partition: Int32 = 0

  let settings: KafkaSettings
  let pipeline: String
  let sink: String

  var place: String { "topic \"\(settings.checkpointTopic)\"" }

  /// How the topic is made: one partition, compacted, in small segments, so that reading it stays quick.
  var creation: KafkaSettings.NewTopics {
    var new = KafkaSettings.NewTopics()
    new.maker = settings.newTopics.maker
    new.partitions = 1
    new.replication = settings.newTopics.replication
    new.settings = [
      "cleanup.policy": "compact", "segment.bytes": "16777216", "min.cleanable.dirty.ratio": "0.1",
      "max.message.bytes": "2097152",
    ]
    return new
  }

  /// The newest checkpoint whose transaction was committed; nil: there is none.
  ///
  /// Another sink's transaction that is still open hides what lies behind it: then this waits until it has ended, because
  /// an older checkpoint would repeat changes.
  func read() throws -> CheckpointRecord? {
    let key = CheckpointRecord.key(pipeline: pipeline, sink: sink)
    let reader: KafkaPartitionReader
    do {
      reader = try KafkaPartitionReader(
        settings.readerProperties, topic: settings.checkpointTopic, partition: CheckpointTopic.partition)
    } catch {
      throw error.failure("read the checkpoint", at: place)
    }
    var newest: [UInt8]?
    var end: Int64?
    var wanted: Int64?
    let deadline = MonotonicTime.now() &+ max(settings.openTimeout, 90_000_000_000)
    while true {
      switch try next(reader) {
      case .message(let found, let value, _): if found == key { newest = value }
      case .end(let offset): end = offset
      case .nothing: break
      }
      if let end {
        // What was written when the end was first met must be read; what comes later is no concern.
        let target = wanted ?? reader.highWatermark
        wanted = target
        if end >= target { break }
      }
      try Task.checkCancellation()
      guard MonotonicTime.now() < deadline else { throw unread(wanted != nil) }
    }
    guard let newest else { return nil }
    return try CheckpointRecord(newest, at: place)
  }

  private func next(_ reader: KafkaPartitionReader) throws(Failure) -> KafkaPartitionReader.Reading {
    do throws(KafkaError) {
      return try reader.read(milliseconds: 200)
    } catch {
      // A topic that was just made is not known to every broker at once.
      if error.kind == .unknownTopic || error.kind == .unreachable { return .nothing }
      throw error.failure("read the checkpoint", at: place)
    }
  }

  private func unread(_ isHidden: Bool) -> Failure {
    isHidden
      ? Failure(
        .busy, "an open transaction of another writer hides the checkpoint's end", at: place,
        hint: "it ends with its writer, or at the latest with that one's transaction timeout")
      : Failure(.unreachable, "no broker gives the checkpoint topic", at: place)
  }
}
