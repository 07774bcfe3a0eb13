import Change
import Flow
import KafkaClient
import Logging
import Pipeline

/// A topic that messages go to.
final class TargetTopic {
  let name: String
  let topic: KafkaTopic
  let partitions: Int

  init(_ topic: KafkaTopic, partitions: Int) {
    name = topic.name
    self.topic = topic
    self.partitions = partitions
  }
}

/// What a topic is for. Two uses never share one: what is compacted, partitioned or read for one would break the other.
private enum TopicUse: Hashable, CustomStringConvertible {
  case checkpoint
  case table(TableName)
  /// All tables whose template gives this name.
  case tables(String)
  /// Schema changes, marks of transactions, or rows set aside.
  case beside(String)

  var description: String {
    switch self {
    case .checkpoint: "the checkpoint"
    case .table(let name): "table \(NearestName.quoted(name.description))"
    case .tables(let name): "the tables of topic \(NearestName.quoted(name))"
    case .beside(let name): "the records beside the rows, of topic \(NearestName.quoted(name))"
    }
  }
}

/// The topics of one sink, each looked up or made when the first message goes to it.
///
/// How many partitions a topic has is asked once, so that a key stays in its partition for as long as the sink runs.
/// *Thread*: the sink's; a look-up blocks on it.
final class TopicDirectory {
  private static let step: Int32 = 1000

  private let producer: KafkaProducer
  private let settings: KafkaSettings
  private let pipeline: String
  private let logger: Logger
  private var topics: [String: TargetTopic] = [:]
  /// What each topic's name was made for, to find two uses that became one topic.
  private var uses: [String: TopicUse] = [:]
  /// The cluster's topics when the sink was opened, with their partitions.
  private var known: [String: Int] = [:]

  init(_ producer: KafkaProducer, _ settings: KafkaSettings, pipeline: String, logger: Logger) {
    self.producer = producer
    self.settings = settings
    self.pipeline = pipeline
    self.logger = logger
    uses[settings.checkpointTopic] = .checkpoint
  }

  /// Topics that were written to, and those that were found.
  var all: [TargetTopic] { topics.values.filter { $0.name != settings.checkpointTopic } }

  /// Asks the cluster what topics there are.
  func load() throws {
    known = try retrying("ask for the topics") { milliseconds throws(KafkaError) in
      try producer.topics(milliseconds: milliseconds)
    }
  }

  /// Takes in topics that were written to before, where they are still there: of a topic that is gone there are no readers.
  func find(_ names: Set<String>) throws {
    for name in names.sorted() where name != settings.checkpointTopic && topics[name] == nil {
      guard let partitions = known[name], partitions > 0 else { continue }
      topics[name] = TargetTopic(try handle(of: name), partitions: partitions)
    }
  }

  func exists(_ name: String) -> Bool { known[name] != nil }

  /// The topic of a table's rows.
  func topic(of table: TableName) throws -> TargetTopic {
    try topic(named: plannedName(of: table), settings.newTopics)
  }

  /// The name of a table's topic, which is not looked up.
  func plannedName(of table: TableName) throws(Failure) -> String {
    let name = settings.topic.name(pipeline: pipeline, table: table)
    return try claim(name, for: settings.topic.separatesTables ? .table(table) : .tables(name))
  }

  /// The topic for records beside the rows, of a name that may hold what Kafka does not allow.
  func topic(madeOf name: String) throws -> TargetTopic {
    try topic(named: reserve(name), settings.newTopics)
  }

  /// Keeps a name for records beside the rows; returns it as Kafka takes it. No topic is looked up.
  @discardableResult
  func reserve(_ name: String) throws(Failure) -> String { try claim(name, for: .beside(name)) }

  private func claim(_ name: String, for use: TopicUse) throws(Failure) -> String {
    let safe = TopicTemplate.safe(name)
    if let other = uses[safe], other != use {
      throw Failure(
        .configuration, "\(other) and \(use) would share the topic \"\(safe)\"", at: settings.brokers,
        hint: "route a table to another name, or change the topics' names: a template without {table} gives tables one "
          + "topic on purpose, but only their rows")
    }
    uses[safe] = use
    return safe
  }

  /// A topic by its own name, made as `new` says when it is missing.
  func topic(named name: String, _ new: KafkaSettings.NewTopics) throws -> TargetTopic {
    if let topic = topics[name] { return topic }
    if known[name] == nil { try make(name, new) }
    let handle = try handle(of: name)
    let topic = TargetTopic(handle, partitions: try partitions(of: handle))
    topics[name] = topic
    known[name] = topic.partitions
    return topic
  }

  private func handle(of name: String) throws(Failure) -> KafkaTopic {
    do {
      return try producer.topic(name)
    } catch {
      throw error.failure("use a topic", at: "topic \"\(name)\"")
    }
  }

  private func make(_ name: String, _ new: KafkaSettings.NewTopics) throws {
    if new.maker == .broker { return }
    guard new.maker == .sink else {
      throw Failure(
        .targetShape, "the topic does not exist, and the sink may not make it", at: "topic \"\(name)\"",
        hint: "make it, or write `topics: { create: true }`")
    }
    let topic = NewKafkaTopic(
      name: name, partitions: new.partitions, replication: new.replication, settings: new.settings)
    do {
      try producer.create(topic, milliseconds: 10_000)
    } catch {
      throw error.failure("make a topic", at: "topic \"\(name)\"")
    }
    logger.info("made a topic", metadata: ["topic": "\(name)"])
  }

  /// Waits until the cluster tells the topic's partitions.
  private func partitions(of topic: KafkaTopic) throws -> Int {
    let deadline = MonotonicTime.now() &+ settings.openTimeout
    while true {
      do throws(KafkaError) {
        if let count = try producer.partitions(of: topic, milliseconds: TopicDirectory.step) { return count }
      } catch {
        if error.kind != .unreachable { throw error.failure("use a topic", at: "topic \"\(topic.name)\"") }
      }
      try Task.checkCancellation()
      guard MonotonicTime.now() < deadline else {
        throw Failure(.unreachable, "no broker tells the partitions of the topic", at: "topic \"\(topic.name)\"")
      }
      producer.poll(milliseconds: 20)
    }
  }

  /// What a topic does with old records, by its setting `cleanup.policy`; an error when the broker does not tell.
  func cleanupPolicy(of name: String) throws -> Result<String?, KafkaError> {
    let deadline = MonotonicTime.now() &+ settings.openTimeout
    let topic = try topics[name]?.topic ?? handle(of: name)
    while true {
      do throws(KafkaError) {
        return .success(try producer.setting("cleanup.policy", of: topic, milliseconds: TopicDirectory.step))
      } catch {
        // A topic that was just made is not known to every broker at once.
        guard error.kind == .unreachable || error.kind == .unknownTopic else { return .failure(error) }
        guard MonotonicTime.now() < deadline else {
          throw error.failure("ask for a topic's settings", at: "topic \"\(name)\", \(settings.brokers)")
        }
      }
      try Task.checkCancellation()
      producer.poll(milliseconds: 20)
    }
  }

  /// Repeats a request until it is answered or the sink's time to open is over.
  private func retrying<Answer>(
    _ attempt: String, _ request: (Int32) throws(KafkaError) -> Answer
  ) throws -> Answer {
    let deadline = MonotonicTime.now() &+ settings.openTimeout
    while true {
      do throws(KafkaError) {
        return try request(TopicDirectory.step)
      } catch {
        let cause = producer.takeNotices().first { $0.kind == .authentication } ?? error
        guard cause.kind == .unreachable, MonotonicTime.now() < deadline else {
          throw cause.failure(attempt, at: settings.brokers)
        }
      }
      try Task.checkCancellation()
    }
  }
}
