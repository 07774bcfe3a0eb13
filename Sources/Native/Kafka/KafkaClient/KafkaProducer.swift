import CRdKafka

/// Produces messages to Kafka, with or without transactions.
///
/// *Thread*: one at a time; calls block as long as their time limit says. *Delivery*: librdkafka counts the messages that
/// no broker has acknowledged yet; `flush` is through when there are none. Only failures are reported one by one
/// (`delivery.report.only.error`), and `takeFailure` hands the first one over, so a message costs no event and no closure.
/// *Memory*: bounded by `queue.buffering.max.kbytes` and `queue.buffering.max.messages`.
package final class KafkaProducer {
  let handle: KafkaHandle
  /// The first delivery that has failed since it was last asked for, and how many have.
  private var failure: DeliveryFailure?
  /// What librdkafka says of brokers and connections, newest last, at most a few.
  private var notices: [KafkaError] = []

  /// A message that was not delivered, and never will be.
  package struct DeliveryFailure: Error, Sendable {
    package var error: KafkaError
    package var topic: String
    package var partition: Int32
    /// Bytes of key and value.
    package var size: Int
    /// How many messages have failed.
    package var count: Int
  }

  package init(_ properties: KafkaProperties) throws(KafkaError) {
    var properties = properties
    properties.set("delivery.report.only.error", "true")
    handle = try KafkaHandle(.producer, properties)
  }

  package func topic(_ name: String) throws(KafkaError) -> KafkaTopic { try KafkaTopic(name, handle) }

  package var fatalError: KafkaError? { handle.fatalError }

  /// Hands a copy of a message to librdkafka. Returns nil when it has taken it; `.queueFull` asks to poll and try again.
  @inline(__always)
  package func produce(
    _ topic: KafkaTopic, partition: Int32, key: RawSpan?, value: RawSpan?
  ) -> KafkaError? {
    let (keyAddress, keySize) = KafkaProducer.address(of: key)
    let (valueAddress, valueSize) = KafkaProducer.address(of: value)
    let code = unsafe freshet_kafka_produce(
      topic.topic, partition, valueAddress, valueSize, keyAddress, keySize)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(code)
  }

  /// The same with headers, which are used up only when the message is taken.
  package func produce(
    _ topic: KafkaTopic, partition: Int32, key: RawSpan?, value: RawSpan?, headers: inout KafkaHeaders
  ) -> KafkaError? {
    let (keyAddress, keySize) = KafkaProducer.address(of: key)
    let (valueAddress, valueSize) = KafkaProducer.address(of: value)
    var code = RD_KAFKA_RESP_ERR_NO_ERROR
    headers.offer { list in
      code = unsafe freshet_kafka_produce_with_headers(
        handle.client, topic.topic, partition, valueAddress, valueSize, keyAddress, keySize, list)
      return code == RD_KAFKA_RESP_ERR_NO_ERROR
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(code)
  }

  /// The address is used only while the caller holds the span; an empty value has an address, so that it is not null.
  @inline(__always)
  private static func address(of span: RawSpan?) -> (UnsafeRawPointer?, Int) {
    guard let span else { return (nil, 0) }
    return unsafe span.withUnsafeBytes { bytes in
      unsafe (bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1), bytes.count)
    }
  }

  /// Messages that librdkafka holds: queued, in flight, or failed and not yet reported.
  package var outstanding: Int { Int(unsafe rd_kafka_outq_len(handle.client)) }

  /// Sends what is queued without waiting for `linger.ms`, until all is acknowledged or `milliseconds` are over.
  /// Returns whether nothing is outstanding any more; failures are then known.
  package func flush(milliseconds: Int32) -> Bool {
    let result = unsafe rd_kafka_flush(handle.client, milliseconds)
    poll(milliseconds: 0)
    return result == RD_KAFKA_RESP_ERR_NO_ERROR
  }

  /// Drops every message that is not acknowledged; each becomes a failure.
  package func purge() {
    // Fails only for flags that do not exist.
    _ = unsafe rd_kafka_purge(
      handle.client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
    poll(milliseconds: 0)
  }

  /// Takes in what librdkafka has to tell, waiting for the first of it at most `milliseconds`.
  package func poll(milliseconds: Int32) {
    var wait = milliseconds
    while let event = unsafe rd_kafka_queue_poll(handle.events, wait) {
      unsafe take(event)
      unsafe rd_kafka_event_destroy(event)
      wait = 0
    }
  }

  private func take(_ event: OpaquePointer) {
    switch unsafe rd_kafka_event_type(event) {
    case RD_KAFKA_EVENT_DR:
      while let message = unsafe rd_kafka_event_message_next(event) { unsafe take(message) }
    case RD_KAFKA_EVENT_ERROR:
      let text = unsafe rd_kafka_event_error_string(event).map { unsafe String(cString: $0) }
      var error = KafkaError(unsafe rd_kafka_event_error(event), message: text)
      error.isFatal = unsafe rd_kafka_event_error_is_fatal(event) != 0
      notices.append(error)
      if notices.count > 8 { notices.removeFirst() }
    default: break
    }
  }

  private func take(_ message: UnsafePointer<rd_kafka_message_t>) {
    let report = unsafe message.pointee
    guard unsafe report.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    if failure != nil {
      failure?.count += 1
      return
    }
    let topic = unsafe rd_kafka_topic_name(report.rkt).map { unsafe String(cString: $0) } ?? ""
    failure = unsafe DeliveryFailure(
      error: KafkaError(report.err), topic: topic, partition: report.partition, size: report.len + report.key_len,
      count: 1)
  }

  /// The first delivery that has failed since the last call; nil: none has.
  package func takeFailure() -> DeliveryFailure? {
    defer { failure = nil }
    return failure
  }

  package var hasFailure: Bool { failure != nil }

  /// What librdkafka has said of brokers and connections since the last call, oldest first.
  package func takeNotices() -> [KafkaError] {
    defer { notices.removeAll(keepingCapacity: true) }
    return notices
  }
}
