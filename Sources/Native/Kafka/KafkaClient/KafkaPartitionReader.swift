import CRdKafka

/// Reads one partition from its beginning, outside of any consumer group.
///
/// *Thread*: one at a time. With `isolation.level=read_committed` only messages of committed transactions come, and the
/// end that is met lies before the first transaction that is still open.
package final class KafkaPartitionReader {
  /// What one read gives.
  package enum Reading: Sendable {
    case message(key: [UInt8]?, value: [UInt8]?, offset: Int64)
    /// Nothing more that may be read: the next message would have this offset.
    case end(offset: Int64)
    /// The time is over.
    case nothing
  }

  private let handle: KafkaHandle
  private let topic: KafkaTopic
  private let partition: Int32

  package init(_ properties: KafkaProperties, topic name: String, partition: Int32) throws(KafkaError) {
    var properties = properties
    properties.set("enable.partition.eof", "true")
    properties.set("enable.auto.offset.store", "false")
    properties.set("auto.offset.reset", "earliest")
    handle = try KafkaHandle(.consumer, properties)
    topic = try KafkaTopic(name, handle)
    self.partition = partition
    // librdkafka asks for offsets only every half second while it does not know the partition's leader.
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = unsafe rd_kafka_metadata(handle.client, 0, topic.topic, &metadata, 2000)
    if code == RD_KAFKA_RESP_ERR_NO_ERROR { unsafe rd_kafka_metadata_destroy(metadata) }
    if unsafe rd_kafka_consume_start(topic.topic, partition, Int64(RD_KAFKA_OFFSET_BEGINNING)) != 0 {
      throw KafkaError(rd_kafka_last_error())
    }
  }

  deinit { _ = unsafe rd_kafka_consume_stop(topic.topic, partition) }

  /// The partition's end as the broker has told it with the last answer, transactions that are still open included.
  package var highWatermark: Int64 {
    var (low, high): (Int64, Int64) = (0, 0)
    // Without an answer so far both stay at what says so, below 0.
    _ = unsafe rd_kafka_get_watermark_offsets(handle.client, topic.name, partition, &low, &high)
    return high
  }

  package func read(milliseconds: Int32) throws(KafkaError) -> Reading {
    while let event = unsafe rd_kafka_queue_poll(handle.events, 0) { unsafe rd_kafka_event_destroy(event) }
    guard let message = unsafe rd_kafka_consume(topic.topic, partition, milliseconds) else { return .nothing }
    defer { unsafe rd_kafka_message_destroy(message) }
    let content = unsafe message.pointee
    switch unsafe content.err {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return unsafe .message(
        key: KafkaPartitionReader.copy(content.key, content.key_len),
        value: KafkaPartitionReader.copy(content.payload, content.len), offset: content.offset)
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: return unsafe .end(offset: content.offset)
    case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      return .nothing
    case let code: throw KafkaError(code)
    }
  }

  private static func copy(_ bytes: UnsafeMutableRawPointer?, _ count: Int) -> [UInt8]? {
    guard let bytes = unsafe bytes else { return nil }
    return unsafe Array(UnsafeRawBufferPointer(start: bytes, count: count))
  }
}
