package import Change
package import Formats
package import KafkaClient

/// A Kafka sink's options, read.
package struct KafkaSettings: Sendable {
  package enum Format: Sendable {
    case json
    case debezium(DebeziumOptions)
    case canal(CanalOptions)
    case maxwell(MaxwellOptions)
  }

  package enum Guarantee: String, Sendable, CaseIterable {
    case exactlyOnce = "exactly_once"
    case atLeastOnce = "at_least_once"
  }

  /// What decides the partition of a row's message.
  package enum Partitioning: String, Sendable, CaseIterable { case key, table, columns }

  package enum Header: String, Sendable, CaseIterable {
    case schema, table, op, position, tx
    case timestamp = "ts_us"

    /// The header's name, as Debezium's unwrapping transform names them.
    package var name: String { "__" + rawValue }
  }

  /// How missing topics are made.
  package struct NewTopics: Hashable, Sendable {
    package enum Maker: String, Sendable {
      case sink = "true"
      /// Its `auto.create.topics.enable` makes a topic when it is asked for, with its own settings.
      case broker
      case nobody = "false"
    }

    package var maker = Maker.sink
    /// nil: as many as the broker gives.
    package var partitions: Int?
    package var replication: Int?
    /// `retention.ms`, `cleanup.policy` and others, by Kafka's names.
    package var settings: [String: String] = [:]

    package init() {}
  }

  /// `host:port,…`, for people.
  package var brokers: String
  /// How to reach and trust the brokers, for every client.
  package var connection: KafkaProperties
  /// Properties of librdkafka that the user has written.
  package var properties = KafkaProperties()
  package var topic: TopicTemplate
  /// Where changes of schemas go in formats that name no topic for them.
  package var schemaTopic: TopicTemplate?
  package var format = Format.json
  /// The tables whose messages are columns as they are; nil: none.
  package var raw: RawOptions?
  package var guarantee = Guarantee.exactlyOnce
  /// nil: made of the pipeline's and the sink's name.
  package var transactionalId: String?
  /// The broker gives a transaction up after this long, in nanoseconds.
  package var transactionTimeout: UInt64 = 300_000_000_000
  /// The least time between two commits while more is coming, in nanoseconds.
  package var commitInterval: UInt64 = 10_000_000
  package var lingerMilliseconds = 5
  package var checkpointTopic = "_freshet_checkpoint"
  package var keyColumns: [TableName: [String]] = [:]
  package var partitioning = Partitioning.key
  package var partitionColumns: [TableName: [String]] = [:]
  package var newTopics = NewTopics()
  package var compression = "none"
  package var headers: [Header] = []
  /// Key, value and headers of one message have at most this many bytes.
  package var messageLimit = 1_000_000
  /// nil: made of the pipeline's name.
  package var quarantineTopic: String?
  /// Nanoseconds between two watermark records; nil: none are written.
  package var watermarkInterval: UInt64?
  package var writesTombstones = false
  package var includesSchemaChanges = true
  /// What a broker must answer within, in nanoseconds, while the sink opens.
  package var openTimeout: UInt64 = 30_000_000_000
  package var encoding: EncodingContext

  package init(brokers: String, topic: TopicTemplate, encoding: EncodingContext) {
    self.brokers = brokers
    self.topic = topic
    self.encoding = encoding
    connection = KafkaProperties()
    connection.set("bootstrap.servers", brokers)
  }

  /// Where a pipeline's rows go that cannot be sent.
  func quarantineTopic(of pipeline: String) -> String { quarantineTopic ?? "\(pipeline).quarantine" }

  package var formatName: String {
    switch format {
    case .json: "json"
    case .debezium: "debezium-json"
    case .canal: "canal-json"
    case .maxwell: "maxwell"
    }
  }

  /// Whether the format leaves rows out, or columns of them, whatever they hold.
  var skipsRows: Bool {
    if raw != nil { return true }
    guard case .debezium(let options) = format else { return false }
    return !options.skippedOperations.isDisjoint(with: ["c", "u", "d"])
  }

  package func makeEncoder(_ context: EncodingContext) -> any RecordEncoder {
    let encoder = formatEncoder(context)
    return raw.map { RawRecordEncoder($0, others: encoder, context: context) } ?? encoder
  }

  private func formatEncoder(_ context: EncodingContext) -> any RecordEncoder {
    switch format {
    case .json: records(of: JSONChangeEncoder(context: context), context)
    case .debezium(let options): DebeziumChangeEncoder(options: options, context: context)
    case .canal(let options): records(of: CanalChangeEncoder(options: options), context)
    case .maxwell(let options): records(of: MaxwellChangeEncoder(options: options, context: context), context)
    }
  }

  private func records(of lines: any ChangeEncoder, _ context: EncodingContext) -> LineRecordEncoder {
    LineRecordEncoder(
      lines, context: context, tombstones: writesTombstones, includesSchemaChanges: includesSchemaChanges)
  }
}
