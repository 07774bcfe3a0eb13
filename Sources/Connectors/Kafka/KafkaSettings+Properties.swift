import Change
import KafkaClient

extension KafkaSettings {
  /// The properties of the client that writes.
  /// - Parameters:
  ///   - transactionalId: nil: without transactions.
  ///   - memory: bytes that the client's queue may hold.
  func producerProperties(transactionalId: String?, memory: Int) -> KafkaProperties {
    var all = base
    all.set("enable.idempotence", "true")
    all.set("acks", "all")
    all.set("linger.ms", "\(lingerMilliseconds)")
    all.set("compression.type", compression)
    // The client counts its own overhead, too: what the sink lets pass must pass there.
    all.set("message.max.bytes", "\(min(1_000_000_000, messageLimit + 1024))")
    // More goes into one request only where a single message has more: its topic's max.message.bytes is for the request.
    let batch = min(1_000_000, messageLimit - 1024)
    let wanted = properties.entries.last { $0.name == "batch.size" }.flatMap { Int($0.value.reveal()) }
    all.set("batch.size", "\(min(batch, wanted ?? batch))")
    let queue = KafkaSettings.queueBytes(memory: memory)
    all.set("queue.buffering.max.kbytes", "\(queue >> 10)")
    // A message costs the client some 250 bytes beside its own, so small ones are limited by number.
    all.set("queue.buffering.max.messages", "\(max(1000, queue / 256))")
    if let transactionalId {
      all.set("transactional.id", transactionalId)
      all.set("transaction.timeout.ms", "\(transactionTimeout / 1_000_000)")
      all.set("message.timeout.ms", "\(transactionTimeout / 1_000_000)")
    } else {
      // Never given up: the sink waits for the broker, and its source for the sink.
      all.set("message.timeout.ms", "0")
    }
    return all
  }

  /// Bytes that the client's queue may hold.
  /// - Parameter memory: the sink's share of the pipeline's.
  static func queueBytes(memory: Int) -> Int { max(1 << 20, min(64 << 20, memory / 3)) & ~1023 }

  /// The largest message that can be sent with this share of the memory: one that is larger than the client's whole queue
  /// would wait for room for ever.
  func messageLimit(memory: Int) -> Int { min(messageLimit, KafkaSettings.queueBytes(memory: memory)) }

  /// The properties of a client that only asks and makes topics.
  var administrationProperties: KafkaProperties { base }

  /// The properties of the client that reads the checkpoint.
  var readerProperties: KafkaProperties {
    var all = base
    all.set("isolation.level", "read_committed")
    all.set("fetch.wait.max.ms", "10")
    return all
  }

  private var base: KafkaProperties {
    var all = KafkaProperties()
    all.set("client.id", "freshet")
    for entry in properties.entries { all.set(entry.name, entry.value) }
    for entry in connection.entries { all.set(entry.name, entry.value) }
    return all
  }
}

/// Properties of librdkafka that a pipeline file may not set, each with what to use instead or why.
enum RefusedProperty {
  static let reasons: [String: String] = [
    "bootstrap.servers": "brokers", "metadata.broker.list": "brokers", "transactional.id": "transactional_id",
    "transaction.timeout.ms": "transaction_timeout", "enable.idempotence": exactly, "acks": exactly,
    "request.required.acks": exactly, "max.in.flight": exactly, "max.in.flight.requests.per.connection": exactly,
    "message.timeout.ms": exactly, "delivery.timeout.ms": exactly, "retries": exactly,
    "message.send.max.retries": exactly, "enable.gapless.guarantee": exactly, "isolation.level": exactly,
    "delivery.report.only.error": exactly, "produce.offset.report": exactly, "enabled_events": exactly,
    "queuing.strategy": exactly, "partitioner": "partition_by", "message.max.bytes": "max_message_bytes",
    "queue.buffering.max.messages": "the pipeline's limits", "queue.buffering.max.kbytes": "the pipeline's limits",
    "compression.type": "compression", "compression.codec": "compression", "linger.ms": "linger",
    "queue.buffering.max.ms": "linger", "security.protocol": "tls and sasl", "sasl.mechanism": "sasl",
    "sasl.mechanisms": "sasl", "sasl.username": "sasl", "sasl.password": "sasl", "ssl.ca.location": "tls",
    "ssl.ca.pem": "tls", "ssl.certificate.location": "tls", "ssl.certificate.pem": "tls", "ssl.key.location": "tls",
    "ssl.key.pem": "tls", "ssl.key.password": "tls", "ssl.keystore.location": "tls", "ssl.keystore.password": "tls",
    "enable.ssl.certificate.verification": "tls", "ssl.endpoint.identification.algorithm": "tls",
    "log.queue": exactly, "log_level": exactly, "debug": exactly, "plugin.library.paths": exactly,
    "test.mock.num.brokers": exactly, "allow.auto.create.topics": "topics",
  ]

  private static let exactly = ""

  /// Why a property is refused; nil: it may be set.
  static func hint(for name: String) -> String? {
    guard let instead = reasons[name] else { return nil }
    return instead.isEmpty ? "the sink's guarantees rest on it" : "the option \"\(instead)\" has its place"
  }
}
