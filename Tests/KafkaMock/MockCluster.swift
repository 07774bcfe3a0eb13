import CRdKafka

/// librdkafka's mock cluster: brokers on loopback ports that speak Kafka's protocol and keep a few megabytes a partition.
///
/// It checks a client's states and its handling of errors. It does not fence an older producer, does not hide messages of
/// aborted transactions, has no admin requests (topics come into being when they are asked for) and keeps no log on disk.
/// *Thread*: any; the cluster runs on a thread of its own, and its calls hand over to that.
package final class MockCluster: @unchecked Sendable {
  // Both are set once and only handed to librdkafka, whose calls may come from any thread.
  private let client: OpaquePointer
  private let cluster: OpaquePointer

  package struct Unavailable: Error { package let message: String }

  package init(brokers: Int) throws {
    let settings = unsafe rd_kafka_conf_new()
    _ = unsafe rd_kafka_conf_set(settings, "client.id", "mock", nil, 0)
    guard let client = unsafe rd_kafka_new(RD_KAFKA_PRODUCER, settings, nil, 0) else {
      throw Unavailable(message: "librdkafka gives no client for the mock cluster")
    }
    guard let cluster = unsafe rd_kafka_mock_cluster_new(client, Int32(brokers)) else {
      unsafe rd_kafka_destroy(client)
      throw Unavailable(message: "librdkafka gives no mock cluster")
    }
    self.client = unsafe client
    self.cluster = unsafe cluster
  }

  deinit {
    unsafe rd_kafka_mock_cluster_destroy(cluster)
    unsafe rd_kafka_destroy(client)
  }

  /// `127.0.0.1:40001,127.0.0.1:40002`.
  package var bootstrapServers: String { unsafe String(cString: rd_kafka_mock_cluster_bootstraps(cluster)) }

  /// The next requests of a kind (Kafka protocol, "API keys") are answered with these error codes, one each.
  package func pushErrors(apiKey: Int16, _ codes: [Int32]) {
    let errors = codes.map { rd_kafka_resp_err_t(rawValue: $0) }
    unsafe errors.withUnsafeBufferPointer {
      unsafe rd_kafka_mock_push_request_errors_array(cluster, apiKey, $0.count, $0.baseAddress)
    }
  }

  package func clearErrors(apiKey: Int16) { unsafe rd_kafka_mock_clear_request_errors(cluster, apiKey) }

  /// The topic answers every look-up and request with this error; 0 ends that.
  package func setError(topic: String, _ code: Int32) {
    unsafe rd_kafka_mock_topic_set_error(cluster, topic, rd_kafka_resp_err_t(rawValue: code))
  }

  package func createTopic(_ name: String, partitions: Int) {
    _ = unsafe rd_kafka_mock_topic_create(cluster, name, Int32(partitions), 1)
  }

  /// Brokers count from 1.
  package func setDown(broker: Int32) { _ = unsafe rd_kafka_mock_broker_set_down(cluster, broker) }
  package func setUp(broker: Int32) { _ = unsafe rd_kafka_mock_broker_set_up(cluster, broker) }
  package func setLatency(broker: Int32, milliseconds: Int32) {
    _ = unsafe rd_kafka_mock_broker_set_rtt(cluster, broker, milliseconds)
  }

  /// - Parameter kind: `transaction` or `group`.
  package func setCoordinator(_ kind: String, key: String, broker: Int32) {
    _ = unsafe rd_kafka_mock_coordinator_set(cluster, kind, key, broker)
  }

  package func setLeader(topic: String, partition: Int32, broker: Int32) {
    _ = unsafe rd_kafka_mock_partition_set_leader(cluster, topic, partition, broker)
  }
}
