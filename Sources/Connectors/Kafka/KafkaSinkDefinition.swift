package import Change
import Formats
import KafkaClient
package import Pipeline

/// A checked `kafka` block.
package struct KafkaSinkDefinition: SinkDefinition {
  package var settings: KafkaSettings

  package init(settings: KafkaSettings) { self.settings = settings }

  package func makeSink(_ context: ConnectorContext) throws -> any Sink {
    KafkaSink(named(context), context)
  }

  /// With the source's logical name, which is the pipeline's where the options do not say it.
  private func named(_ context: ConnectorContext) -> KafkaSettings {
    var settings = settings
    if settings.encoding.name.isEmpty { settings.encoding.name = context.pipeline }
    return settings
  }

  package func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    let settings = named(context)
    var plan = SinkPlan(target: "kafka \(settings.brokers), \(settings.formatName), \(settings.guarantee.rawValue)")
    // Without the transactional id: a look must not fence a pipeline that runs.
    let client: KafkaProducer
    do {
      client = try KafkaProducer(settings.administrationProperties)
    } catch {
      throw error.failure("set the client up", at: settings.brokers)
    }
    let directory = TopicDirectory(client, settings, pipeline: context.pipeline, logger: context.logger)
    try directory.load()
    if context.badRowPolicy == .quarantine { try directory.reserve(settings.quarantineTopic(of: context.pipeline)) }
    var planned: Set<String> = []
    for table in tables {
      if let problem = settings.raw?.problem(of: table, settings.encoding) { throw problem }
      let name = try directory.plannedName(of: table.name)
      if planned.insert(name).inserted { describe(name, directory, settings, &plan) }
      if settings.encoding.keyColumns[table.name] == nil, table.key.isEmpty {
        plan.warnings.append(
          "table \"\(table.name)\" has no key: its messages have none, and all go to one partition in order")
      }
    }
    let checkpoints = CheckpointTopic(
      settings: settings, pipeline: context.pipeline, sink: context.name, logger: context.logger)
    if directory.exists(settings.checkpointTopic) {
      if let warning = try checkpoints.check(directory.cleanupPolicy(of: settings.checkpointTopic)) {
        plan.warnings.append(warning)
      }
      plan.checkpoint = try checkpoints.read().checkpoint.map { Position(text: $0.position, token: $0.token) }
    } else {
      plan.statements.append("make the compacted topic \(settings.checkpointTopic)")
      if settings.newTopics.maker == .nobody {
        plan.warnings.append("topic \"\(settings.checkpointTopic)\" is missing and may not be made: a run would stop")
      }
    }
    let limit = settings.messageLimit(memory: context.memoryLimit)
    if limit < settings.messageLimit {
      plan.warnings.append(
        "rows of more than \(limit) bytes cannot be sent, although max_message_bytes is \(settings.messageLimit): "
          + "the client's queue has a third of the sink's memory, and at most 64 MiB")
    }
    warn(settings, &plan)
    return plan
  }

  private func describe(
    _ name: String, _ directory: TopicDirectory, _ settings: KafkaSettings, _ plan: inout SinkPlan
  ) {
    if directory.exists(name) { return }
    let new = settings.newTopics
    guard new.maker != .nobody else {
      plan.warnings.append("topic \"\(name)\" is missing and may not be made: a run would stop")
      return
    }
    if new.maker == .broker { return plan.statements.append("let the broker make the topic \(name)") }
    var parts = ["make the topic \(name)"]
    parts.append(new.partitions.map { "\($0) partitions" } ?? "the broker's number of partitions")
    if let replication = new.replication { parts.append("replication \(replication)") }
    for (key, value) in new.settings.sorted(by: { $0.key < $1.key }) { parts.append("\(key)=\(value)") }
    plan.statements.append(parts.joined(separator: ", "))
  }

  private func warn(_ settings: KafkaSettings, _ plan: inout SinkPlan) {
    if settings.guarantee == .atLeastOnce {
      plan.warnings.append("at_least_once repeats the messages after the last checkpoint when the sink is killed")
    }
    let security = settings.connection.entries.reduce(into: [String: String]()) { known, entry in
      if ["security.protocol", "enable.ssl.certificate.verification"].contains(entry.name) {
        known[entry.name] = entry.value.reveal()
      }
    }
    if security["enable.ssl.certificate.verification"] == "false" {
      plan.warnings.append("the brokers' certificates are not verified: whoever is on the way can read and write")
    }
    if security["security.protocol"] == "sasl_plaintext" {
      plan.warnings.append("the login is not encrypted: add `tls: true`")
    }
    if settings.newTopics.settings["cleanup.policy"]?.contains("compact") == true {
      plan.warnings.append("a compacted topic takes no messages without a key, and keeps only the newest of each key")
    }
  }
}
