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

  /// The value of a topic's setting as it is in force, by Kafka's name; nil: the broker knows no such setting.
  ///
  /// It is the leader of the topic that is asked: any broker can tell, and that one has to be there in any case.
  package func setting(
    _ name: String, of topic: KafkaTopic, milliseconds: Int32
  ) throws(KafkaError) -> String? {
    let leader = try leader(of: topic, milliseconds: milliseconds)
    guard let resource = unsafe rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.name) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG)
    }
    defer { unsafe rd_kafka_ConfigResource_destroy(resource) }
    let answers = unsafe rd_kafka_queue_new(handle.client)
    defer { unsafe rd_kafka_queue_destroy(answers) }
    let options = unsafe rd_kafka_AdminOptions_new(handle.client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
    defer { unsafe rd_kafka_AdminOptions_destroy(options) }
    _ = unsafe rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, nil, 0)
    _ = unsafe rd_kafka_AdminOptions_set_broker(options, leader, nil, 0)
    var asked: OpaquePointer? = unsafe resource
    unsafe rd_kafka_DescribeConfigs(handle.client, &asked, 1, options, answers)
    guard let event = unsafe rd_kafka_queue_poll(answers, milliseconds + 1000) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    return try unsafe KafkaProducer.value(of: name, in: event)
  }

  /// The broker that leads the topic's first partition.
  private func leader(of topic: KafkaTopic, milliseconds: Int32) throws(KafkaError) -> Int32 {
    var list: UnsafePointer<rd_kafka_metadata>?
    let code = unsafe rd_kafka_metadata(handle.client, 0, topic.topic, &list, milliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let list = unsafe list else { throw KafkaError(code) }
    defer { unsafe rd_kafka_metadata_destroy(list) }
    guard unsafe list.pointee.topic_cnt > 0 else { throw KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) }
    let found = unsafe list.pointee.topics[0]
    guard unsafe found.err == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(unsafe found.err) }
    guard unsafe found.partition_cnt > 0, unsafe found.partitions[0].leader >= 0 else {
      throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT)
    }
    return unsafe found.partitions[0].leader
  }

  private static func value(of name: String, in event: OpaquePointer) throws(KafkaError) -> String? {
    let code = unsafe rd_kafka_event_error(event)
    if code != RD_KAFKA_RESP_ERR_NO_ERROR {
      throw KafkaError(code, message: unsafe rd_kafka_event_error_string(event).map { unsafe String(cString: $0) })
    }
    var count = 0
    guard let result = unsafe rd_kafka_event_DescribeConfigs_result(event),
      let resources = unsafe rd_kafka_DescribeConfigs_result_resources(result, &count), count > 0,
      let resource = unsafe resources[0]
    else { return nil }
    let refusal = unsafe rd_kafka_ConfigResource_error(resource)
    if refusal != RD_KAFKA_RESP_ERR_NO_ERROR {
      let text = unsafe rd_kafka_ConfigResource_error_string(resource).map { unsafe String(cString: $0) }
      throw KafkaError(refusal, message: text)
    }
    var entryCount = 0
    guard let entries = unsafe rd_kafka_ConfigResource_configs(resource, &entryCount) else { return nil }
    for index in 0..<entryCount {
      guard let entry = unsafe entries[index], let found = unsafe rd_kafka_ConfigEntry_name(entry),
        unsafe String(cString: found) == name
      else { continue }
      return unsafe rd_kafka_ConfigEntry_value(entry).map { unsafe String(cString: $0) }
    }
    return nil
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
