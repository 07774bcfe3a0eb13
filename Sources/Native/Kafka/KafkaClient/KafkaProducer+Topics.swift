import CRdKafka

/// What a topic is made with; nil: the broker's own setting.
package struct NewKafkaTopic: Hashable, Sendable {
  package var name: String
  package var partitions: Int?
  package var replication: Int?
  /// `retention.ms`, `cleanup.policy`.
  package var settings: [String: String]

  package init(name: String, partitions: Int?, replication: Int?, settings: [String: String]) {
    self.name = name
    self.partitions = partitions
    self.replication = replication
    self.settings = settings
  }
}

extension KafkaProducer {
  /// The topics of the cluster that this client may see, with how many partitions each has. Creates none.
  package func topics(milliseconds: Int32) throws(KafkaError) -> [String: Int] {
    try metadata(of: nil, milliseconds: milliseconds).mapValues { $0.partitions }
  }

  /// How many partitions a topic has; nil while the cluster does not know it.
  package func partitions(of topic: KafkaTopic, milliseconds: Int32) throws(KafkaError) -> Int? {
    guard let found = try metadata(of: topic, milliseconds: milliseconds)[topic.name] else { return nil }
    switch found.error?.kind {
    case nil: return found.partitions > 0 ? found.partitions : nil
    case .unknownTopic, .unreachable: return nil
    default:
      // A leader that is still being chosen is no reason to give up; a refusal is.
      if let error = found.error, error.kind == .permission { throw error }
      return nil
    }
  }

  private func metadata(
    of topic: KafkaTopic?, milliseconds: Int32
  ) throws(KafkaError) -> [String: (partitions: Int, error: KafkaError?)] {
    var list: UnsafePointer<rd_kafka_metadata>?
    let code = unsafe rd_kafka_metadata(handle.client, topic == nil ? 1 : 0, topic?.topic, &list, milliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let list = unsafe list else { throw KafkaError(code) }
    defer { unsafe rd_kafka_metadata_destroy(list) }
    var topics: [String: (partitions: Int, error: KafkaError?)] = [:]
    for index in 0..<Int(unsafe list.pointee.topic_cnt) {
      let found = unsafe list.pointee.topics[index]
      guard let name = unsafe found.topic else { continue }
      unsafe topics[String(cString: name)] = (
        Int(found.partition_cnt), found.err == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(found.err)
      )
    }
    return topics
  }

  /// Makes a topic. One that exists already stays as it is, and that is no error.
  package func create(_ topic: NewKafkaTopic, milliseconds: Int32) throws(KafkaError) {
    let request = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) {
      buffer -> Result<OpaquePointer, KafkaError> in
      let made = unsafe rd_kafka_NewTopic_new(
        topic.name, Int32(clamping: topic.partitions ?? -1), Int32(clamping: topic.replication ?? -1),
        buffer.baseAddress, buffer.count)
      if let made = unsafe made { return .success(made) }
      let text = unsafe buffer.baseAddress.map { unsafe String(cString: $0) }
      return .failure(KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, message: text))
    }
    var new: OpaquePointer? = try request.get()
    defer { unsafe rd_kafka_NewTopic_destroy(new) }
    for (name, value) in topic.settings.sorted(by: { $0.key < $1.key }) {
      let code = unsafe rd_kafka_NewTopic_set_config(new, name, value)
      if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code) }
    }
    let answers = unsafe rd_kafka_queue_new(handle.client)
    defer { unsafe rd_kafka_queue_destroy(answers) }
    let options = unsafe rd_kafka_AdminOptions_new(handle.client, RD_KAFKA_ADMIN_OP_CREATETOPICS)
    defer { unsafe rd_kafka_AdminOptions_destroy(options) }
    _ = unsafe rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, nil, 0)
    unsafe rd_kafka_CreateTopics(handle.client, &new, 1, options, answers)
    guard let event = unsafe rd_kafka_queue_poll(answers, milliseconds + 1000) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    try unsafe KafkaProducer.check(event)
  }

  private static func check(_ event: OpaquePointer) throws(KafkaError) {
    let code = unsafe rd_kafka_event_error(event)
    if code != RD_KAFKA_RESP_ERR_NO_ERROR {
      throw KafkaError(code, message: unsafe rd_kafka_event_error_string(event).map { unsafe String(cString: $0) })
    }
    var count = 0
    guard let result = unsafe rd_kafka_event_CreateTopics_result(event),
      let topics = unsafe rd_kafka_CreateTopics_result_topics(result, &count)
    else { return }
    for index in 0..<count {
      let code = unsafe rd_kafka_topic_result_error(topics[index])
      if code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { continue }
      let text = unsafe rd_kafka_topic_result_error_string(topics[index]).map { unsafe String(cString: $0) }
      throw KafkaError(code, message: text)
    }
  }
}
