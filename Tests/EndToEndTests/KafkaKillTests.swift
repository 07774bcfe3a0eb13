import Change
import Foundation
import KafkaMock
import PrivateServers
import TestRandom
import Testing

/// Kills the program at random moments and at every failpoint of the `kafka` sink, under the workload of `KillTests`.
///
/// librdkafka's mock cluster shows the messages of aborted transactions to every reader, so there only loss can be seen,
/// and rows that nobody wrote; a real broker, named by `FRESHET_TEST_KAFKA`, must show each row once.
@Suite(.serialized) struct KafkaKillTests {
  private static let realServers = ProcessInfo.processInfo.environment["FRESHET_TEST_KAFKA"]
  private static let failpoints = ["kafka.before_checkpoint", "kafka.before_commit", "kafka.after_commit"].flatMap {
    name in [1, 2, 5].map { "\(name):\($0)" }
  }

  @Test func afterKillsAtAnyMomentNoRowIsMissingFromTheTopics() throws {
    let cluster = KafkaKillTests.realServers == nil ? try MockCluster(brokers: 1) : nil
    let servers = KafkaKillTests.realServers ?? cluster?.bootstrapServers ?? ""
    let name = "kills-\(UUID().uuidString.prefix(8))"
    let server = try PrivateMariaDB()
    try MixedWorkload.prepare(server, seedRows: 500)
    let directory = try TemporaryDirectory(prefix: "freshet-kafka-kills")
    let maker = cluster == nil ? "true" : "broker"
    let sink =
      "{ name: events, type: kafka, brokers: [\"\(servers)\"], format: json, topics: { create: \(maker) }, "
      + "checkpoint_topic: \(name)-checkpoint, tls: false }"
    let pipeline = try PipelineText.write(server, in: directory, name: name, sinks: [sink])
    let workload = MixedWorkload()
    workload.start(server, seed: KillTests.seed, secondsPerSchemaChange: 2)
    var random = SeededRandom(seed: KillTests.seed)
    for number in 0..<(KafkaKillTests.failpoints.count * 2) {
      let failpoint = number % 2 == 0 ? KafkaKillTests.failpoints[number / 2] : nil
      let process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"), failpoint: failpoint)
      let status = process.wait(seconds: failpoint == nil ? Double.random(in: 0.1...0.6, using: &random) : 10)
      #expect(failpoint == nil ? status == nil : status == -SIGKILL, "\(failpoint ?? "") \(process.messages)")
      process.kill()
    }
    try workload.stop()
    let last = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("run.log"))
    #expect(last.wait(seconds: 60) == 0, "\(last.messages)")
    let counts = try KafkaKillTests.ledger(of: "\(name).bank.ledger", servers, directory)
    let acknowledged = Set(workload.acknowledged)
    #expect(
      acknowledged.subtracting(counts.keys).isEmpty, "\(acknowledged.subtracting(counts.keys).prefix(3)) are lost")
    #expect(Set(counts.keys).subtracting(acknowledged).isEmpty)
    if cluster == nil { #expect(counts.values.allSatisfy { $0 == 1 }) }
    #expect(acknowledged.count > 500)
  }

  /// How often each row of the ledger is in the topic.
  private static func ledger(
    of topic: String, _ servers: String, _ directory: TemporaryDirectory
  ) throws -> [MixedWorkload.LedgerRow: Int] {
    let arguments = "-b \(servers) -C -t \(topic) -o beginning -e -q -X isolation.level=read_committed"
    let result = try ShellCommand("kcat \(arguments)", in: directory)
    try #require(result.exitStatus == 0, "\(result.errors)")
    var counts: [MixedWorkload.LedgerRow: Int] = [:]
    for line in result.output.split(separator: "\n") {
      guard let change = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let after = change["after"] as? [String: Any], let transaction = after["tx"] as? UInt64,
        let ordinal = after["ordinal"] as? Int
      else { continue }
      counts[MixedWorkload.LedgerRow(transaction: transaction, ordinal: ordinal), default: 0] += 1
    }
    return counts
  }
}
