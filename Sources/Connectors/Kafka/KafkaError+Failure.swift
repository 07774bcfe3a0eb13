import Change
import KafkaClient

extension KafkaError {
  /// The failure of the pipeline that this error is.
  /// - Parameter attempt: what was attempted, lower case: `commit a transaction`.
  func failure(_ attempt: String, at place: String) -> Failure {
    Failure(code(), "cannot \(attempt)", at: place, hint: hint, cause: description)
  }

  private func code() -> Failure.Code {
    switch kind {
    case .fenced: .fenced
    case .unknownTopic: .targetShape
    case .unsupported, .setting: .serverSetting
    case .messageTooLarge: .limit
    case .authentication: .authentication
    case .permission: .permission
    case .unreachable: .unreachable
    case .queueFull, .topicExists, .other: .busy
    }
  }

  private var hint: String {
    switch kind {
    case .fenced: "another writer with this pipeline's transactional id is at work"
    case .unknownTopic: "make the topic, or let the sink do so with `topics: { create: true }`"
    case .unsupported: "the broker is too old for this sink, or forbids the request"
    case .permission:
      "grant WRITE and DESCRIBE on the topics and the transactional id, READ and DESCRIBE_CONFIGS on the checkpoint "
        + "topic, and CREATE where topics are to be made"
    case .messageTooLarge: "the topic's max.message.bytes must be the sink's max_message_bytes and 2 KiB more"
    default: ""
    }
  }
}
