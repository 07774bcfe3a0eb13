import CRdKafka

/// A topic as one client knows it: what a message is produced to.
package final class KafkaTopic {
  package let name: String
  let topic: OpaquePointer
  /// The client must outlive its topics.
  private let handle: KafkaHandle

  init(_ name: String, _ handle: KafkaHandle) throws(KafkaError) {
    guard let topic = unsafe rd_kafka_topic_new(handle.client, name, nil) else {
      throw KafkaError(rd_kafka_last_error())
    }
    self.name = name
    self.topic = unsafe topic
    self.handle = handle
  }

  deinit { unsafe rd_kafka_topic_destroy(topic) }
}

/// The headers of one message. Nobody else holds them, so they go into exactly one message or are freed.
package struct KafkaHeaders: ~Copyable {
  private var headers: OpaquePointer?
  /// Bytes of names and values.
  package private(set) var byteCount = 0

  package init(capacity: Int) { headers = unsafe rd_kafka_headers_new(capacity) }

  deinit { if let headers = unsafe headers { unsafe rd_kafka_headers_destroy(headers) } }

  package mutating func append(_ name: RawSpan, _ value: RawSpan) {
    byteCount += name.byteCount + value.byteCount
    unsafe name.withUnsafeBytes { name in
      unsafe value.withUnsafeBytes { value in
        // An error is possible only for a null list.
        _ = unsafe rd_kafka_header_add(
          headers, name.bindMemory(to: CChar.self).baseAddress, name.count, value.baseAddress, value.count)
      }
    }
  }

  /// Gives the list to `body`, which tells whether it has taken it over.
  mutating func offer(_ body: (OpaquePointer?) -> Bool) {
    if unsafe body(headers) { unsafe headers = nil }
  }
}
