package import Change
import Flow
import Formats
import KafkaClient
import Logging
package import Pipeline

/// Writes changes as messages to Kafka, with the checkpoint as a message of the same Kafka transaction.
///
/// *Durability*: `commit` waits until every message is acknowledged by all in-sync replicas and commits the transaction:
/// readers with `isolation.level=read_committed` see the group and its checkpoint, or neither. *Fencing*: `open` registers
/// the transactional id, and the broker refuses older producers of it from then on. *At least once*: data is acknowledged
/// first and the checkpoint after it, so what lies between them is repeated after a crash. *After a failure* the sink
/// refuses everything; whatever became of an unfinished commit, the next `open` finds out.
package final class KafkaSink: Sink {
  package let traits: SinkTraits
  private let settings: KafkaSettings
  private let context: ConnectorContext

  private var writer: MessageWriter?
  private(set) var sender: RecordSender?
  private var checkpoints: TargetTopic?
  private var watermarks: WatermarkRecords
  /// What was stored before: what is promised stays promised.
  private var promised = EventTime.distantPast
  /// The topics that are known to have been written to, by this sink and those before it.
  private var written: Set<String> = []
  /// How many topics the directory had when all of them were noted.
  private var told = 0
  private var epoch: UInt64 = 0
  private var isBroken = false

  package init(_ settings: KafkaSettings, _ context: ConnectorContext) {
    self.settings = settings
    self.context = context
    watermarks = WatermarkRecords(interval: settings.watermarkInterval)
    traits = SinkTraits(groupBytes: 256 << 20, commitInterval: settings.commitInterval)
  }

  package func open() async throws -> Position? {
    let isTransactional = settings.guarantee == .exactlyOnce
    let properties = settings.producerProperties(
      transactionalId: isTransactional ? settings.transactionalId(context) : nil, memory: context.memoryLimit)
    let writer = try MessageWriter(
      properties, transactionTimeout: isTransactional ? settings.transactionTimeout : nil, place: settings.brokers,
      logger: context.logger)
    let directory = TopicDirectory(writer.producer, settings, pipeline: context.pipeline, logger: context.logger)
    if context.badRowPolicy == .quarantine { try directory.reserve(settings.quarantineTopic(of: context.pipeline)) }
    // First, because librdkafka looks for the coordinator only every half second while it has no connection.
    try directory.load()
    try writer.open(timeout: settings.openTimeout)
    let topic = CheckpointTopic(
      settings: settings, pipeline: context.pipeline, sink: context.name, logger: context.logger)
    checkpoints = try directory.topic(named: settings.checkpointTopic, topic.creation)
    if let warning = try topic.check(directory.cleanupPolicy(of: settings.checkpointTopic)) {
      context.logger.warning("\(warning)")
    }
    let content = try topic.read()
    let found = content.checkpoint
    epoch = try found?.nextEpoch(at: topic.place) ?? 1
    promised = found?.watermark.map { EventTime(microseconds: $0) } ?? .distantPast
    // A checkpoint may hold one that its readers were not told.
    let told = EventTime(microseconds: promised.microseconds == .min ? .min : promised.microseconds - 1)
    watermarks = WatermarkRecords(interval: settings.watermarkInterval, after: told)
    written = content.topics
    if settings.watermarkInterval != nil { try directory.find(content.topics) }
    sender = RecordSender(settings, context, writer, directory)
    self.writer = writer
    return found.map { Position(text: $0.position, token: $0.token) }
  }

  package func write(_ batch: Batch, parts: Range<Int>) async throws {
    guard let sender, !isBroken else { throw unusable }
    do {
      try sender.write(batch, parts: parts)
    } catch {
      isBroken = true
      throw error
    }
  }

  package func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    guard let writer, let sender, let checkpoints, !isBroken else { throw unusable }
    promised = max(promised, checkpoint.watermark)
    let checkpoint = Checkpoint(position: checkpoint.position, watermark: promised)
    do {
      try watermarks.write(checkpoint, to: sender.directory.all, with: writer)
      if !writer.isTransactional {
        // The checkpoint must not be durable before what it covers.
        try writer.flush()
      }
      Failpoint.hit("kafka.before_checkpoint")
      try rememberTopics(of: sender.directory, in: checkpoints, with: writer)
      let record = CheckpointRecord(
        checkpoint, pipeline: context.pipeline, sink: context.name, epoch: epoch, written: WallClock.microseconds())
      let key = CheckpointRecord.key(pipeline: context.pipeline, sink: context.name)
      let value = try record.bytes
      try writer.send(
        checkpoints, partition: CheckpointTopic.partition, key: key.span.bytes, value: value.span.bytes)
      try writer.flush()
      Failpoint.hit("kafka.before_commit")
      try writer.commit()
      Failpoint.hit("kafka.after_commit")
    } catch {
      isBroken = true
      throw error
    }
    return Receipt(outcomes: sender.takeOutcomes())
  }

  /// Notes, in the transaction of their first messages, the topics that are written to: whoever goes on tells their readers
  /// how far it has come, also where nothing more is written.
  private func rememberTopics(
    of directory: TopicDirectory, in checkpoints: TargetTopic, with writer: MessageWriter
  ) throws {
    let topics = directory.all
    // They only get more, and those that were found are among those that were written to.
    guard topics.count > told else { return }
    for topic in topics.sorted(by: { $0.name < $1.name }) where written.insert(topic.name).inserted {
      let record = WrittenTopic(pipeline: context.pipeline, sink: context.name)
      let (key, value) = (record.key(of: topic.name), WrittenTopic.value)
      try writer.send(
        checkpoints, partition: CheckpointTopic.partition, key: key.span.bytes, value: value.span.bytes)
    }
    told = topics.count
  }

  package func close() async {
    writer?.close()
    sender = nil
    checkpoints = nil
    writer = nil
  }

  private var unusable: Failure {
    Failure(
      .internal, isBroken ? "the sink has failed before and takes nothing more" : "the sink is not open",
      at: settings.brokers)
  }
}

extension KafkaSettings {
  /// The name that fences: one for each sink of each pipeline.
  func transactionalId(_ context: ConnectorContext) -> String {
    // No name holds the slash, so no two pairs of names make one.
    transactionalId ?? "freshet-\(context.pipeline)/\(context.name)"
  }
}
