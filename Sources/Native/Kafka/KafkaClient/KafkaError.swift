import CRdKafka

/// An error of librdkafka or of a broker, as they describe it. It never holds message contents or credentials.
package struct KafkaError: Error, Hashable, Sendable, CustomStringConvertible {
  /// librdkafka's number: above 0 the broker's (Kafka protocol, "Error Codes"), below 0 the library's own.
  package var code: Int32
  /// `_TRANSPORT`, `TOPIC_AUTHORIZATION_FAILED`.
  package var name: String
  package var message: String
  /// The client can do nothing any more.
  package var isFatal = false
  /// The same call may succeed when it is made again.
  package var isRetriable = false
  /// The open transaction must be aborted; then another one can begin.
  package var requiresAbort = false

  package init(code: Int32, name: String, message: String) {
    self.code = code
    self.name = name
    self.message = message
  }

  init(_ code: rd_kafka_resp_err_t, message: String? = nil) {
    let text = unsafe rd_kafka_err2str(code).map { unsafe String(cString: $0) } ?? ""
    let name = unsafe rd_kafka_err2name(code).map { unsafe String(cString: $0) } ?? ""
    self.init(code: code.rawValue, name: name, message: message ?? text)
  }

  /// Takes over librdkafka's error object and frees it; nil when there is none.
  init?(consuming error: OpaquePointer?) {
    guard let error = unsafe error else { return nil }
    let text = unsafe rd_kafka_error_string(error).map { unsafe String(cString: $0) }
    self.init(unsafe rd_kafka_error_code(error), message: text)
    isFatal = unsafe rd_kafka_error_is_fatal(error) != 0
    isRetriable = unsafe rd_kafka_error_is_retriable(error) != 0
    requiresAbort = unsafe rd_kafka_error_txn_requires_abort(error) != 0
    unsafe rd_kafka_error_destroy(error)
  }

  package var description: String { "\(message) (\(name))" }
}

extension KafkaError {
  /// What an error means for who has to go on.
  package enum Kind: Sendable {
    /// Another producer with the same transactional id has taken over, or the broker has ended the transaction.
    case fenced
    case queueFull
    case messageTooLarge
    case unknownTopic
    case topicExists
    case unsupported
    case authentication
    case permission
    case unreachable
    /// A setting that the broker or its policy does not take.
    case setting
    case other
  }

  package var kind: Kind {
    switch rd_kafka_resp_err_t(rawValue: code) {
    case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      .fenced
    case RD_KAFKA_RESP_ERR__QUEUE_FULL: .queueFull
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: .messageTooLarge
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
      RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      .unknownTopic
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: .topicExists
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION: .unsupported
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED: .authentication
    // A handshake also breaks with its connection, and then passes another time.
    case RD_KAFKA_RESP_ERR__SSL: refusesCertificate ? .authentication : .unreachable
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      .permission
    case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT,
      RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      .unreachable
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
      RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, RD_KAFKA_RESP_ERR_INVALID_CONFIG,
      RD_KAFKA_RESP_ERR__INVALID_ARG:
      .setting
    default: .other
    }
  }

  /// Whether one side has refused the other's certificate, by the words of librdkafka and of OpenSSL: both give one number
  /// for all that can happen to a handshake.
  private var refusesCertificate: Bool {
    let text = message.lowercased()
    return [
      "certificate verify failed", "verify broker certificate", "not provide a certificate", "alert bad certificate",
      "alert unsupported certificate", "alert certificate", "alert unknown ca",
    ].contains { text.contains($0) }
  }
}
