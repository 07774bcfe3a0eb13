import CRdKafka
import Change

/// Owns one librdkafka client and the queue of its events.
///
/// *Thread*: used by one at a time; librdkafka has threads of its own, and what they have to tell waits in the queue until
/// somebody polls it: no callback runs. *Lifetime*: topics and headers made from it keep it alive.
final class KafkaHandle {
  enum Role { case producer, consumer }

  let client: OpaquePointer
  let events: OpaquePointer

  /// - Throws: the property that librdkafka does not take.
  init(_ role: Role, _ properties: KafkaProperties) throws(KafkaError) {
    guard let settings = unsafe rd_kafka_conf_new() else { preconditionFailure("librdkafka gives a configuration") }
    do throws(KafkaError) {
      for entry in properties.entries { try KafkaHandle.set(entry.name, entry.value.reveal(), in: settings) }
      // Log lines come as events, too: the library writes nothing to the terminal.
      try KafkaHandle.set("log.queue", "true", in: settings)
    } catch {
      unsafe rd_kafka_conf_destroy(settings)
      throw error
    }
    unsafe rd_kafka_conf_set_events(
      settings, Int32(RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG))
    let kind = role == .producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER
    let made = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) {
      buffer -> Result<OpaquePointer, KafkaError> in
      if let client = unsafe rd_kafka_new(kind, settings, buffer.baseAddress, buffer.count) { return .success(client) }
      // The configuration belongs to the client only when there is one.
      unsafe rd_kafka_conf_destroy(settings)
      let text = unsafe buffer.baseAddress.map { unsafe String(cString: $0) } ?? ""
      return .failure(KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, message: text))
    }
    client = try made.get()
    unsafe rd_kafka_set_log_queue(client, nil)
    events = unsafe rd_kafka_queue_get_main(client)
  }

  deinit {
    unsafe rd_kafka_queue_destroy(events)
    unsafe rd_kafka_destroy_flags(client, Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
  }

  static func set(_ name: String, _ value: String, in settings: OpaquePointer) throws(KafkaError) {
    let refusal = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer -> String? in
      let result = unsafe rd_kafka_conf_set(settings, name, value, buffer.baseAddress, buffer.count)
      if result == RD_KAFKA_CONF_OK { return nil }
      // librdkafka repeats the value in its message, so only the name is told of one that might be secret.
      return result == RD_KAFKA_CONF_UNKNOWN
        ? "librdkafka has no property \"\(name)\"" : "librdkafka refuses the value of property \"\(name)\""
    }
    if let refusal { throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, message: refusal) }
  }

  /// The error that has ended this client; nil: it works.
  var fatalError: KafkaError? {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
      let code = unsafe rd_kafka_fatal_error(client, buffer.baseAddress, buffer.count)
      guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
      var error = KafkaError(code, message: unsafe buffer.baseAddress.map { unsafe String(cString: $0) })
      error.isFatal = true
      return error
    }
  }
}

extension KafkaProperties {
  /// Tells the first property that librdkafka does not know or whose value it refuses, without a connection.
  package static func check(_ properties: KafkaProperties) throws(KafkaError) {
    guard let settings = unsafe rd_kafka_conf_new() else { preconditionFailure("librdkafka gives a configuration") }
    defer { unsafe rd_kafka_conf_destroy(settings) }
    for entry in properties.entries { try KafkaHandle.set(entry.name, entry.value.reveal(), in: settings) }
  }
}
