import Change
import Flow
import Formats
import KafkaClient
import Logging
import Pipeline
import Testing

@testable import KafkaConnector

struct OptionTests {
  private static let place = Place(file: "pipeline.yaml", line: 3, column: 5)

  private static func scalar(_ text: String) -> OptionNode { OptionNode(.scalar(text, isPlain: true), at: place) }

  private static func map(_ entries: KeyValuePairs<String, OptionNode>) -> OptionNode {
    OptionNode(
      .map(entries.map { OptionNode.Entry(key: $0.key, keyPlace: place, value: $0.value) }), at: place)
  }

  private func settings(_ entries: KeyValuePairs<String, OptionNode> = [:]) throws -> KafkaSettings {
    guard case .map(var list) = OptionTests.map(entries).content else { preconditionFailure("a map was made") }
    list.append(
      OptionNode.Entry(key: "brokers", keyPlace: OptionTests.place, value: OptionTests.scalar("127.0.0.1:1")))
    let block = OptionBlock(OptionNode(.map(list), at: OptionTests.place), options: Kafka().sinkOptions ?? [])
    if let problem = block.problems.first { throw problem }
    return try #require(try Kafka().sink(block) as? KafkaSinkDefinition).settings
  }

  private func value(_ name: String, _ properties: KafkaProperties) -> String? {
    properties.entries.first { $0.name == name }?.value.reveal()
  }

  @Test func withoutOptionsDeliveryIsExactlyOnce() throws {
    let settings = try settings()
    #expect(settings.guarantee == .exactlyOnce)
    let properties = settings.producerProperties(transactionalId: "t", memory: 96 << 20)
    #expect(value("enable.idempotence", properties) == "true")
    #expect(value("acks", properties) == "all")
    #expect(value("transaction.timeout.ms", properties) == "300000")
    #expect(value("security.protocol", properties) == "plaintext")
  }

  @Test func theClientsQueueStaysWithinTheSinksMemory() throws {
    let settings = try settings()
    for memory in [4 << 20, 24 << 20, 96 << 20, 1 << 30] {
      let properties = settings.producerProperties(transactionalId: nil, memory: memory)
      let bytes = (Int(value("queue.buffering.max.kbytes", properties) ?? "") ?? 0) << 10
      #expect(bytes <= memory / 3 && bytes >= 1 << 20 && bytes <= 64 << 20)
    }
  }

  @Test(arguments: RefusedProperty.reasons.keys.sorted())
  func aPropertyThatWouldBreakAGuaranteeIsRefusedByName(name: String) throws {
    do {
      _ = try settings(["properties": OptionTests.map([name: OptionTests.scalar("1")])])
      Issue.record("\(name) was taken")
    } catch let failure as Failure {
      #expect(failure.code == .configuration)
      #expect(failure.message.contains(name))
      #expect(!failure.hint.isEmpty)
    }
  }

  @Test func otherPropertiesPassAndUnknownOnesDoNot() throws {
    let settings = try settings(["properties": OptionTests.map(["batch.size": OptionTests.scalar("200000")])])
    #expect(value("batch.size", settings.producerProperties(transactionalId: nil, memory: 1 << 24)) == "200000")
    for (name, text) in [("no.such.property", "1"), ("batch.size", "many")] {
      #expect(throws: Failure.self) {
        try self.settings(["properties": OptionTests.map([name: OptionTests.scalar(text)])])
      }
    }
  }

  @Test func aRequestOfManyMessagesIsNoLargerThanAMessage() throws {
    func batch(_ entries: KeyValuePairs<String, OptionNode>) throws -> String? {
      value("batch.size", try settings(entries).producerProperties(transactionalId: nil, memory: 1 << 24))
    }
    #expect(try batch([:]) == "998976")
    #expect(try batch(["max_message_bytes": OptionTests.scalar("8KiB")]) == "7168")
    #expect(try batch(["max_message_bytes": OptionTests.scalar("8MiB")]) == "1000000")
    #expect(
      try batch(["properties": OptionTests.map(["batch.size": OptionTests.scalar("9000000")])]) == "998976")
  }

  @Test func everyClientHasTheUsersProperties() throws {
    let settings = try settings([
      "properties": OptionTests.map([
        "socket.connection.setup.timeout.ms": OptionTests.scalar("1234"),
        "fetch.wait.max.ms": OptionTests.scalar("400"),
      ])
    ])
    for properties in [settings.readerProperties, settings.administrationProperties] {
      #expect(value("socket.connection.setup.timeout.ms", properties) == "1234")
      #expect(value("bootstrap.servers", properties) == "127.0.0.1:1")
    }
    #expect(value("isolation.level", settings.readerProperties) == "read_committed")
    #expect(value("fetch.wait.max.ms", settings.readerProperties) == "10")
  }

  @Test func noMessageMayBeLargerThanTheClientsQueue() throws {
    let settings = try settings(["max_message_bytes": OptionTests.scalar("20MiB")])
    #expect(settings.messageLimit(memory: 96 << 20) == 20 << 20)
    #expect(settings.messageLimit(memory: 24 << 20) == 8 << 20)
    #expect(settings.messageLimit(memory: 1 << 20) == 1 << 20)
  }

  @Test func tlsVerifiesUnlessItIsToldNotTo() throws {
    let plain = try settings(["tls": OptionTests.scalar("true")]).connection
    #expect(value("security.protocol", plain) == "ssl")
    #expect(value("ssl.endpoint.identification.algorithm", plain) == "https")
    let own = try settings(["tls": OptionTests.map(["ca": OptionTests.scalar("/ca.pem")])]).connection
    #expect(value("enable.ssl.certificate.verification", own) == "true")
    #expect(value("ssl.endpoint.identification.algorithm", own) == "https")
    let open = try settings(["tls": OptionTests.map(["insecure": OptionTests.scalar("true")])]).connection
    #expect(value("enable.ssl.certificate.verification", open) == "false")
  }

  @Test func aPasswordNeverShows() throws {
    let login = OptionTests.map([
      "mechanism": OptionTests.scalar("SCRAM-SHA-512"), "username": OptionTests.scalar("me"),
      "password": OptionTests.scalar("very-secret"),
    ])
    let settings = try settings(["sasl": login, "tls": OptionTests.scalar("true")])
    #expect(value("security.protocol", settings.connection) == "sasl_ssl")
    #expect(value("sasl.password", settings.connection) == "very-secret")
    var dump = ""
    Swift.dump(settings, to: &dump)
    #expect(!dump.contains("very-secret") && !"\(settings)".contains("very-secret"))
  }

  @Test func everyMechanismIsOneThatTheLibraryHas() throws {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
      let login = OptionTests.map([
        "mechanism": OptionTests.scalar(mechanism), "username": OptionTests.scalar("me"),
        "password": OptionTests.scalar("x"),
      ])
      let settings = try settings(["sasl": login, "tls": OptionTests.scalar("true")])
      _ = try KafkaProducer(settings.administrationProperties)
    }
  }

  @Test func keysAndPartitionsAreReadByTable() throws {
    let columns = OptionTests.map([
      "shop.orders": OptionNode(.list([OptionTests.scalar("a"), OptionTests.scalar("b")]), at: OptionTests.place)
    ])
    let orders = TableName(namespace: "shop", table: "orders")
    let settings = try settings([
      "key_columns": columns, "partition_by": OptionTests.scalar("columns"), "partition_columns": columns,
    ])
    #expect(settings.encoding.keyColumns == [orders: ["a", "b"]])
    #expect(settings.partitionColumns == [orders: ["a", "b"]])
    #expect(throws: Failure.self) { try self.settings(["partition_by": OptionTests.scalar("columns")]) }
    #expect(throws: Failure.self) {
      try self.settings(["key_columns": OptionTests.map(["orders": OptionTests.scalar("a")])])
    }
  }

  @Test(arguments: [
    ("topic", "{nope}"), ("checkpoint_topic", "a b"), ("quarantine_topic", ""), ("transaction_timeout", "10ms"),
    ("max_message_bytes", "10"), ("compression", "rar"), ("delivery", "maybe"), ("headers", "all"),
  ])
  func aValueThatMakesNoSenseIsRefused(name: String, text: String) {
    #expect(throws: Failure.self) { try settings([name: OptionTests.scalar(text)]) }
  }
}
