import Change
import Flow
import KafkaClient
import KafkaMock
import Logging
import Pipeline
import Testing

@testable import KafkaConnector

/// How transactions end, and what an error means.
@Suite(
  .serialized, .enabled(if: !TestBroker.isReal, "it needs a broker that is slow on demand"), .timeLimit(.minutes(1)))
struct WriterTests {
  private func writer(
    _ broker: TestBroker, memory: Int = 16 << 20, log: RecordedLog = RecordedLog()
  ) throws -> MessageWriter {
    var settings = try broker.settings()
    settings.messageLimit = 8 << 20
    settings.lingerMilliseconds = 0
    return try MessageWriter(
      settings.producerProperties(transactionalId: broker.prefix, memory: memory),
      transactionTimeout: settings.transactionTimeout, place: broker.servers, logger: log.logger)
  }

  private func target(_ name: String, _ writer: MessageWriter, _ broker: TestBroker) throws -> TargetTopic {
    broker.mock?.createTopic(name, partitions: 1)
    return TargetTopic(try writer.producer.topic(name), partitions: 1)
  }

  /// Opens a transaction in which one message is acknowledged.
  private func begin(_ writer: MessageWriter, _ topic: TargetTopic) throws {
    try writer.open(timeout: 10_000_000_000)
    try writer.send(topic, partition: 0, key: nil, value: [UInt8](repeating: 1, count: 10).span.bytes)
    try writer.flush()
  }

  @Test func whatIsOnItsWayIsNotDropped() throws {
    let broker = try TestBroker()
    let writer = try writer(broker)
    let topic = try target("things", writer, broker)
    try begin(writer, topic)
    try broker.cluster().setLatency(broker: 1, milliseconds: 1000)
    try writer.send(topic, partition: 0, key: nil, value: [UInt8](repeating: 2, count: 10).span.bytes)
    writer.producer.poll(milliseconds: 200)
    writer.producer.purgeQueue()
    #expect(writer.producer.unreported == 1, "its report is still to come")
    #expect(writer.producer.flush(milliseconds: 5000))
    #expect(writer.producer.takeFailure() == nil)
    writer.close()
  }

  @Test func aTransactionWithARequestOnItsWayIsNotEnded() throws {
    let broker = try TestBroker()
    let log = RecordedLog()
    let writer = try writer(broker, log: log)
    let topic = try target("things", writer, broker)
    try begin(writer, topic)
    try broker.cluster().setLatency(broker: 1, milliseconds: 8000)
    try writer.send(topic, partition: 0, key: nil, value: [UInt8](repeating: 2, count: 10).span.bytes)
    writer.producer.poll(milliseconds: 200)
    let began = MonotonicTime.now()
    writer.close()
    #expect(MonotonicTime.now() - began < 5_000_000_000)
    #expect(log.lines.contains { $0.contains("1 messages have no report") }, "\(log.lines)")
    try broker.cluster().setLatency(broker: 1, milliseconds: 0)
  }

  @Test func aTransactionThatIsGivenUpEndsWhenAllIsReported() throws {
    let broker = try TestBroker()
    let log = RecordedLog()
    let writer = try writer(broker, log: log)
    let topic = try target("things", writer, broker)
    try begin(writer, topic)
    try broker.cluster().setLatency(broker: 1, milliseconds: 300)
    try writer.send(topic, partition: 0, key: nil, value: [UInt8](repeating: 2, count: 10).span.bytes)
    writer.producer.poll(milliseconds: 100)
    writer.close()
    #expect(log.lines.isEmpty, "\(log.lines)")
  }

  @Test func aMessageThatNoQueueHoldsIsRefusedAndNotWaitedFor() throws {
    let broker = try TestBroker()
    let writer = try writer(broker, memory: 1 << 20)
    let topic = try target("things", writer, broker)
    try begin(writer, topic)
    do {
      try writer.send(topic, partition: 0, key: nil, value: [UInt8](repeating: 2, count: 2 << 20).span.bytes)
      Issue.record("it was taken")
    } catch let failure as Failure {
      #expect(failure.code == .limit)
    }
    writer.close()
  }

  @Test(arguments: [
    ("SSL handshake failed: error:0A000126:SSL routines::unexpected eof while reading", Failure.Code.unreachable),
    ("SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? (after 3ms)", .unreachable),
    (
      "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be "
        + "verified, verify that ssl.ca.location is correctly configured", .authentication
    ),
    ("Failed to verify broker certificate: hostname mismatch", .authentication),
    ("Broker did not provide a certificate", .authentication),
    (
      "SSL handshake failed: ssl/record/rec_layer_s3.c:1584: sslv3 alert bad certificate: SSL alert number 42",
      .authentication
    ),
    ("SSL handshake failed: tlsv13 alert certificate required", .authentication),
    ("SSL handshake failed: tlsv1 alert unknown ca", .authentication),
  ])
  func onlyARefusedCertificateIsAMatterOfTrust(message: String, code: Failure.Code) {
    let error = KafkaError(code: -181, name: "_SSL", message: message)
    #expect(error.failure("connect", at: "there").code == code)
  }

  @Test func noTwoSinksHaveOneTransactionalId() throws {
    let broker = try TestBroker()
    var settings = try broker.settings()
    settings.transactionalId = nil
    var context = try SinkBench(broker, settings).context
    (context.pipeline, context.name) = ("shop", "eu-events")
    let first = settings.transactionalId(context)
    (context.pipeline, context.name) = ("shop-eu", "events")
    #expect(settings.transactionalId(context) != first)
  }
}
