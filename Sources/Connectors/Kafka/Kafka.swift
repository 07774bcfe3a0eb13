package import Change
import Formats
package import Pipeline

/// `type: kafka`: each change a message, with the checkpoint in the same Kafka transaction.
package struct Kafka: Connector {
  package let name = "kafka"
  package let summary =
    "Sends changes to Kafka topics as debezium-json, canal-json, maxwell or json, exactly once by Kafka's transactions."
  package let sourceOptions: [Option]? = nil

  package init() {}

  package var sinkOptions: [Option]? {
    KafkaOptions.target + KafkaOptions.delivery + KafkaOptions.messages + KafkaOptions.connection
      + FormatOptions.source + FormatOptions.debezium.filter { $0.name != "envelope" } + CanalOptions.options
      + MaxwellOptions.options
  }

  package func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition {
    KafkaSinkDefinition(settings: try KafkaOptions.settings(block))
  }
}
