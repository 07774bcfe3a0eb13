import Change
import Flow
import KafkaClient
import Logging
import Pipeline

/// The compacted topic that keeps each sink's newest checkpoint. All of them lie in partition 0, so that a later change of
/// the number of partitions moves none.
struct CheckpointTopic {
  static let partition: Int32 = 0

  let settings: KafkaSettings
  let pipeline: String
  let sink: String
  let logger: Logger

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

  /// Makes sure that the topic keeps the newest record of each key for ever, as far as the broker tells its policy.
  /// - Returns: what a person must know; nil: all is well.
  func check(_ policy: Result<String?, KafkaError>) throws(Failure) -> String? {
    let found: String?
    do throws(KafkaError) {
      found = try policy.get()
    } catch {
      return "the broker does not tell the cleanup.policy of \(place), \(error): "
        + "unless it is compact, the checkpoint will be lost"
    }
    if found == "compact" { return nil }
    throw Failure(
      .serverSetting,
      "the checkpoint topic has cleanup.policy \(NearestName.quoted(found ?? "")), and must be compacted",
      at: place,
      hint: "set its cleanup.policy to compact (kafka-configs --alter --entity-type topics --add-config "
        + "cleanup.policy=compact), before the broker deletes the checkpoint")
  }

  /// How long `read` goes on, in nanoseconds: for a broker's answer, or for another writer's transaction to end, which it
  /// does at the latest with its time limit, give or take what the broker needs to find that out.
  func patience(isHidden: Bool) -> UInt64 {
    let patience = max(settings.openTimeout, 90_000_000_000)
    return isHidden ? max(patience, settings.transactionTimeout &+ 30_000_000_000) : patience
  }

  /// What the sinks before this one have left.
  struct Content {
    /// The newest checkpoint whose transaction was committed; nil: there is none.
    var checkpoint: CheckpointRecord?
    /// The topics that were written to, whenever that was.
    var topics: Set<String> = []
  }

  /// What was committed when this was called.
  ///
  /// Another sink's transaction that is still open hides what lies behind it: then this waits until it has ended, because
  /// an older checkpoint would repeat changes.
  func read() throws -> Content {
    let key = CheckpointRecord.key(pipeline: pipeline, sink: sink)
    let written = WrittenTopic(pipeline: pipeline, sink: sink)
    let reader: KafkaPartitionReader
    do {
      reader = try KafkaPartitionReader(
        settings.readerProperties, topic: settings.checkpointTopic, partition: CheckpointTopic.partition)
    } catch {
      throw error.failure("read the checkpoint", at: place)
    }
    var newest: [UInt8]?
    var content = Content()
    var end: Int64?
    var wanted: Int64?
    let began = MonotonicTime.now()
    var lastReport = began
    while true {
      switch try next(reader) {
      case .message(let found, let value, _):
        if found == key { newest = value }
        if let topic = found.flatMap(written.name) { content.topics.insert(topic) }
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
      let now = MonotonicTime.now()
      guard now &- began < patience(isHidden: wanted != nil) else { throw unread(wanted != nil) }
      if now &- lastReport > 10_000_000_000 {
        lastReport = now
        report(isHidden: wanted != nil)
      }
    }
    content.checkpoint = try newest.map { try CheckpointRecord($0, at: place) }
    return content
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

  private func report(isHidden: Bool) {
    let message: Logger.Message =
      isHidden
      ? "waits for another writer's open transaction, which hides the newest checkpoints"
      : "waits for a broker to give the checkpoint topic"
    logger.warning(message, metadata: ["topic": "\(settings.checkpointTopic)"])
  }

  private func unread(_ isHidden: Bool) -> Failure {
    isHidden
      ? Failure(
        .busy, "an open transaction of another writer hides the checkpoint's end", at: place,
        hint: "it ends with its writer, or at the latest with that one's transaction timeout")
      : Failure(.unreachable, "no broker gives the checkpoint topic", at: place)
  }
}
