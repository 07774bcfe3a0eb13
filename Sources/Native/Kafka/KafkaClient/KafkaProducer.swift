import CRdKafka

/// Produces messages to Kafka, with or without transactions.
///
/// *Thread*: one at a time; calls block as long as their time limit says. *Delivery*: reports come as events of whole
/// requests, which `poll` takes in: it counts them, keeps the first failure for `takeFailure`, and gives the messages'
/// memory back, so that a message costs no closure and no allocation of ours. (With `delivery.report.only.error` the
/// library's own thread would free them, and fight with this one for the lock of its count of messages.)
/// *Memory*: bounded by `queue.buffering.max.kbytes` and `queue.buffering.max.messages`, reports that wait included.
package final class KafkaProducer {
  let handle: KafkaHandle
  // Touched for each message, by one thread, in calls that call nothing of ours: no run-time check is needed.

  /// The first delivery that has failed since it was last asked for, and how many have.
  @exclusivity(unchecked) private var failure: DeliveryFailure?
  /// Messages that were taken and have had no report.
  @exclusivity(unchecked) package private(set) var unreported = 0
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
    // Messages are allocated on one thread in bursts and freed in bursts: without this the C library gives their pages back
    // after each burst and asks for them again, which costs more than to fill them. What stays is bounded by the queue.
    _ = freshet_keep_freed_memory()
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
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return KafkaError(code) }
    unreported += 1
    return nil
  }

  /// The same with headers, which are used up only when the message is taken, and a time in milliseconds since 1970; 0: now.
  package func produce(
    _ topic: KafkaTopic, partition: Int32, key: RawSpan?, value: RawSpan?, headers: inout KafkaHeaders, timestamp: Int64
  ) -> KafkaError? {
    let (keyAddress, keySize) = KafkaProducer.address(of: key)
    let (valueAddress, valueSize) = KafkaProducer.address(of: value)
    var code = RD_KAFKA_RESP_ERR_NO_ERROR
    headers.offer { list in
      code = unsafe freshet_kafka_produce_with_headers(
        handle.client, topic.topic, partition, valueAddress, valueSize, keyAddress, keySize, list,
        timestamp)
      return code == RD_KAFKA_RESP_ERR_NO_ERROR
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { return KafkaError(code) }
    unreported += 1
    return nil
  }

  /// The address is used only while the caller holds the span; an empty value has an address, so that it is not null.
  @inline(__always)
  private static func address(of span: RawSpan?) -> (UnsafeRawPointer?, Int) {
    guard let span else { return (nil, 0) }
    return unsafe span.withUnsafeBytes { bytes in
      unsafe (bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1), bytes.count)
    }
  }

  /// Sends what is queued without waiting for `linger.ms`, until all is reported or `milliseconds` are over. Returns
  /// whether every message has had its report; failures are then known.
  package func flush(milliseconds: Int) -> Bool {
    for _ in 0..<milliseconds {
      poll(milliseconds: 0)
      if unreported == 0 { return true }
      // It wakes the library's threads and waits; the reports come in between.
      _ = unsafe rd_kafka_flush(handle.client, 1)
    }
    poll(milliseconds: 0)
    return unreported == 0
  }

  /// Drops the messages that are not on their way; each becomes a failure. What is on its way gets its report from the
  /// broker: of a request that nobody waits for, nobody would know when it has arrived.
  package func purgeQueue() {
    // Fails only for flags that do not exist.
    _ = unsafe rd_kafka_purge(handle.client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING)
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
      // Each is looked at: the event itself says nothing of the errors of its messages.
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
    unreported -= 1
    guard unsafe report.err != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    let count = (failure?.count ?? 0) + 1
    // What is dropped because something else has failed tells nothing, and may be reported first.
    if failure.map({ !KafkaProducer.isDropped($0.error) }) ?? false {
      failure?.count = count
      return
    }
    let topic = unsafe rd_kafka_topic_name(report.rkt).map { unsafe String(cString: $0) } ?? ""
    failure = unsafe DeliveryFailure(
      error: KafkaError(report.err), topic: topic, partition: report.partition, size: report.len + report.key_len,
      count: count)
  }

  private static func isDropped(_ error: KafkaError) -> Bool {
    error.code == RD_KAFKA_RESP_ERR__PURGE_QUEUE.rawValue || error.code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT.rawValue
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
