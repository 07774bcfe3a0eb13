import Formats
import Pipeline

/// The options of a `kafka` sink.
enum KafkaOptions {
  static let target: [Option] = [
    Option("brokers", .list(.string), isRequired: true, "Brokers to begin with, `host:port`, one or more."),
    Option(
      "topic", .string, default: "{pipeline}.{schema}.{table}",
      "The topic of a table's changes; {pipeline}, {schema} and {table} stand for the names."),
    Option(
      "format", .choice(["json", "debezium-json", "canal-json", "maxwell"]), default: "json",
      "What a message's key and value are."),
    Option(
      "raw", .block(RawOptions.options),
      "Tables whose messages are columns as they are, such as those of an outbox; the others have the format."),
    Option(
      "schema_topic", .string,
      "The topic of schema changes; by default the pipeline's name, or topic.prefix, as Debezium has it."),
    Option(
      "topics",
      .block([
        Option(
          "create", .choice(["true", "false", "broker"]), default: "true",
          "Make topics that are missing; or leave that to the broker's auto.create.topics.enable."),
        Option("partitions", .integer(1...100_000), "Partitions of a new topic; by default what the broker gives."),
        Option("replication", .integer(1...1000), "Copies of a new topic; by default what the broker gives."),
        Option("retention", .duration, "How long a new topic keeps messages; by default what the broker gives."),
        Option(
          "cleanup_policy", .choice(["delete", "compact", "compact,delete"]),
          "What a new topic forgets; by default what the broker gives."),
        Option("settings", .anything, "Other settings of new topics, by Kafka's names."),
      ]), "How topics are made."),
  ]

  static let delivery: [Option] = [
    Option(
      "delivery", .choice(KafkaSettings.Guarantee.allCases.map(\.rawValue)), default: "exactly_once",
      "exactly_once writes transactions; at_least_once writes without, and repeats messages after a crash."),
    Option(
      "transactional_id", .string, "The producer's identity, which fences; by default freshet-{pipeline}/{sink}."),
    Option(
      "transaction_timeout", .duration, default: "5m",
      "The broker gives up a transaction that is older; at most its transaction.max.timeout.ms."),
    Option(
      "checkpoint_topic", .string, default: "_freshet_checkpoint", "The compacted topic that keeps the checkpoint."),
    Option("commit_interval", .duration, default: "10ms", "The least time between two commits while more is coming."),
    Option("linger", .duration, default: "5ms", "How long messages wait for others to go in one request."),
    Option("watermarks", .duration, "The least time between two watermark records; without it there are none."),
    Option(
      "quarantine_topic", .string,
      "Where rows go that cannot be sent, with `on_bad_row: quarantine`; by default {pipeline}.quarantine."),
  ]

  static let messages: [Option] = [
    Option(
      "key_columns", .anything,
      "The columns of a message's key by table, `{ shop.orders: [customer_id] }`; by default the table's key."),
    Option(
      "partition_by", .choice(KafkaSettings.Partitioning.allCases.map(\.rawValue)), default: "key",
      "What chooses the partition: the key as Java's clients do, the table, or partition_columns."),
    Option(
      "partition_columns", .anything,
      "With partition_by columns: the columns by table, `{ shop.orders: [region] }`; other tables go by key."),
    Option(
      "headers", .list(.choice(KafkaSettings.Header.allCases.map(\.rawValue))),
      "Headers of each message: `__table` for table, and so on."),
    Option(
      "compression", .choice(["none", "gzip", "snappy", "lz4", "zstd"]), default: "none",
      "How batches of messages are compressed."),
    Option(
      "max_message_bytes", .size, default: "1000000",
      "The largest message, key and headers included; the topic's max.message.bytes must be 2 KiB more."),
  ]

  static let connection: [Option] = [
    Option(
      "tls",
      .either([
        .boolean,
        .block([
          Option("ca", .path, "Certificates to trust, PEM; by default the system's."),
          Option("certificate", .path, "This client's certificate, PEM."),
          Option("key", .path, "The certificate's private key, PEM."),
          Option("key_password", .string, "The private key's password."),
          Option(
            "insecure", .boolean, default: "false", "Trust any certificate and any name. Whoever listens can read."),
        ]),
      ]), "Encrypt, and verify the brokers' certificates and names."),
    Option(
      "sasl",
      .block([
        Option(
          "mechanism", .choice(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]), isRequired: true, "How to log in."),
        Option("username", .string, isRequired: true, "The user."),
        Option("password", .string, isRequired: true, "The user's password."),
      ]), "Log in to the brokers."),
    Option("properties", .anything, "Properties of librdkafka by its names, but for those that the guarantees need."),
  ]
}
