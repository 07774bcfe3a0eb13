import Change
import Formats
import KafkaClient
import Pipeline

extension KafkaOptions {
  /// Reads a block whose keys and types were checked.
  static func settings(_ block: OptionBlock) throws(Failure) -> KafkaSettings {
    let brokers = block.strings("brokers").map(\.text).filter { !$0.isEmpty }
    guard !brokers.isEmpty else {
      throw Failure(.configuration, "\"brokers\" is missing", at: block.place(of: "brokers"))
    }
    let topic = try block.require(try template("topic", block), "topic")
    var settings = KafkaSettings(
      brokers: brokers.joined(separator: ","), topic: topic, encoding: FormatOptions.encoding(block))
    settings.schemaTopic = try template("schema_topic", block)
    settings.format = try format(block)
    settings.raw = block.block("raw").map { RawOptions($0) }
    // Readers of plain JSON do not expect messages without a value, unless they are asked for.
    settings.writesTombstones = block.has("tombstones.on.delete") && block.boolean("tombstones.on.delete") == true
    settings.includesSchemaChanges = block.boolean("include.schema.changes") ?? true
    try readDelivery(block, &settings)
    try readMessages(block, &settings)
    try readTopics(block, &settings)
    try readConnection(block, &settings)
    return settings
  }

  private static func format(_ block: OptionBlock) throws(Failure) -> KafkaSettings.Format {
    switch block.string("format") {
    case "debezium-json": .debezium(try FormatOptions.debezium(block))
    case "canal-json": .canal(CanalOptions(block))
    case "maxwell": .maxwell(MaxwellOptions(block))
    default: .json
    }
  }

  private static func template(_ name: String, _ block: OptionBlock) throws(Failure) -> TopicTemplate? {
    guard let text = block.string(name) else { return nil }
    do {
      return try TopicTemplate(text)
    } catch {
      throw error.at(block.place(of: name))
    }
  }

  private static func readDelivery(_ block: OptionBlock, _ settings: inout KafkaSettings) throws(Failure) {
    settings.guarantee =
      block.string("delivery").flatMap { KafkaSettings.Guarantee(rawValue: $0) } ?? settings.guarantee
    settings.transactionalId = block.string("transactional_id")
    settings.transactionTimeout = block.duration("transaction_timeout") ?? settings.transactionTimeout
    guard (1_000_000_000...86_400_000_000_000).contains(settings.transactionTimeout) else {
      throw Failure(
        .configuration, "\"transaction_timeout\" must be from 1s to 24h", at: block.place(of: "transaction_timeout"))
    }
    settings.commitInterval = block.duration("commit_interval") ?? settings.commitInterval
    settings.lingerMilliseconds = Int(min(900_000, (block.duration("linger") ?? 5_000_000) / 1_000_000))
    settings.watermarkInterval = block.duration("watermarks")
    settings.checkpointTopic = try topicName("checkpoint_topic", block) ?? settings.checkpointTopic
    settings.quarantineTopic = try topicName("quarantine_topic", block)
  }

  /// A topic that is written with its own name, so it must be one that Kafka takes.
  private static func topicName(_ name: String, _ block: OptionBlock) throws(Failure) -> String? {
    guard let text = block.string(name) else { return nil }
    guard !text.isEmpty, TopicTemplate.safe(text) == text else {
      throw Failure(
        .configuration, "\"\(name)\" is not a name that Kafka takes", at: block.place(of: name),
        hint: "1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-'")
    }
    return text
  }

  private static func readMessages(_ block: OptionBlock, _ settings: inout KafkaSettings) throws(Failure) {
    settings.keyColumns = try columns("key_columns", block)
    settings.encoding.keyColumns = settings.keyColumns
    settings.partitioning =
      block.string("partition_by").flatMap { KafkaSettings.Partitioning(rawValue: $0) } ?? settings.partitioning
    settings.partitionColumns = try columns("partition_columns", block)
    if settings.partitionColumns.isEmpty == (settings.partitioning == .columns) {
      throw Failure(
        .configuration, "\"partition_by: columns\" and \"partition_columns\" belong together",
        at: block.place(of: settings.partitioning == .columns ? "partition_by" : "partition_columns"))
    }
    for (text, _) in block.strings("headers") {
      if let header = KafkaSettings.Header(rawValue: text), !settings.headers.contains(header) {
        settings.headers.append(header)
      }
    }
    settings.compression = block.string("compression") ?? settings.compression
    settings.messageLimit = block.size("max_message_bytes") ?? settings.messageLimit
    guard (4096...999_000_000).contains(settings.messageLimit) else {
      throw Failure(
        .configuration, "\"max_message_bytes\" must be from 4KiB to 999000000", at: block.place(of: "max_message_bytes")
      )
    }
  }

  /// Reads `{ schema.table: [column, …], … }`.
  private static func columns(_ name: String, _ block: OptionBlock) throws(Failure) -> [TableName: [String]] {
    var result: [TableName: [String]] = [:]
    for entry in try entries(name, block.node(name)) {
      let parts = entry.key.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw Failure(.configuration, "\"\(name)\" takes tables as schema.table", at: entry.keyPlace)
      }
      var names: [String] = []
      switch entry.value.content {
      case .scalar(let text, _): names = [text]
      case .list(let items): names = items.compactMap(\.text)
      case .map, .empty: break
      }
      guard !names.isEmpty else {
        throw Failure(.configuration, "\"\(name)\" takes a list of columns", at: entry.value.place)
      }
      result[TableName(namespace: String(parts[0]), table: String(parts[1]))] = names
    }
    return result
  }

  static func entries(_ name: String, _ node: OptionNode?) throws(Failure) -> [OptionNode.Entry] {
    guard let node else { return [] }
    guard case .map(let entries) = node.content else {
      throw Failure(.configuration, "\"\(name)\" must be a block of keys and values", at: node.place)
    }
    var seen: Set<String> = []
    for entry in entries where !seen.insert(entry.key).inserted {
      throw Failure(.configuration, "\(NearestName.quoted(entry.key)) is written twice", at: entry.keyPlace)
    }
    return entries
  }

  private static func readTopics(_ block: OptionBlock, _ settings: inout KafkaSettings) throws(Failure) {
    guard let topics = block.block("topics") else { return }
    settings.newTopics.maker = topics.string("create").flatMap { .init(rawValue: $0) } ?? .sink
    settings.newTopics.partitions = topics.integer("partitions")
    settings.newTopics.replication = topics.integer("replication")
    for entry in try entries("settings", topics.node("settings")) {
      guard let text = entry.value.text else {
        throw Failure(.configuration, "a topic's setting must be a text", at: entry.value.place)
      }
      settings.newTopics.settings[entry.key] = text
    }
    if let retention = topics.duration("retention") {
      settings.newTopics.settings["retention.ms"] = "\(retention / 1_000_000)"
    }
    if let policy = topics.string("cleanup_policy") { settings.newTopics.settings["cleanup.policy"] = policy }
  }
}
