import Change
import Formats
import KafkaClient
import Logging
import Pipeline
import Testing

@testable import KafkaConnector

/// The topic of the checkpoint: what it must be, and how long a start waits for it.
@Suite(.timeLimit(.minutes(1))) struct CheckpointTopicTests {
  private func topic(_ change: (inout KafkaSettings) -> Void = { _ in }) throws -> CheckpointTopic {
    var settings = KafkaSettings(
      brokers: "127.0.0.1:1", topic: try TopicTemplate("t"),
      encoding: EncodingContext(connector: "mariadb", name: "", logFileBase: ""))
    change(&settings)
    return CheckpointTopic(
      settings: settings, pipeline: "shop", sink: "events",
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  @Test func onlyACompactedTopicKeepsTheCheckpoint() throws {
    let topic = try topic()
    #expect(try topic.check(.success("compact")) == nil)
    for policy in ["delete", "compact,delete", "", nil] {
      do {
        _ = try topic.check(.success(policy))
        Issue.record("\(policy ?? "none") was taken")
      } catch {
        #expect(error.code == .serverSetting)
        #expect(error.place.contains("_freshet_checkpoint"))
      }
    }
  }

  /// What a broker with this policy tells of the checkpoint topic.
  private func told(_ policy: String?) throws -> Result<String?, KafkaError> {
    let broker = try SettingsBroker(topic: "_freshet_checkpoint", policy: policy)
    defer { broker.stop() }
    var settings = try topic().settings
    settings.connection.set("bootstrap.servers", "127.0.0.1:\(broker.port)")
    settings.openTimeout = 10_000_000_000
    let client = try KafkaProducer(settings.administrationProperties)
    let directory = TopicDirectory(
      client, settings, pipeline: "shop", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try directory.load()
    return try directory.cleanupPolicy(of: "_freshet_checkpoint")
  }

  @Test func theBrokerIsAskedForThePolicy() throws {
    #expect(try told("compact").get() == "compact")
    #expect(try told("compact,delete").get() == "compact,delete")
    let refused = try told(nil)
    #expect(throws: KafkaError.self) { try refused.get() }
    #expect(try topic().check(refused)?.contains("cleanup.policy") == true)
  }

  @Test func aPlanForATopicThatLosesTheCheckpointStops() async throws {
    let broker = try SettingsBroker(topic: "_freshet_checkpoint", policy: "delete")
    defer { broker.stop() }
    let other = try TestBroker()
    var settings = try topic().settings
    settings.connection.set("bootstrap.servers", "127.0.0.1:\(broker.port)")
    let bench = try SinkBench(other, settings)
    let failure = try await SinkBench.failure { _ = try await bench.plan(settings, []) }
    #expect(failure?.code == .serverSetting, "\(failure.map { "\($0)" } ?? "none")")
  }

  @Test(.enabled(if: !TestBroker.isReal, "a real broker tells it")) func aBrokerThatDoesNotTellIsWarnedOf() async throws
  {
    let broker = try TestBroker()
    let log = RecordedLog()
    let bench = try SinkBench(broker, try broker.settings(), logger: log.logger)
    try await bench.open()
    #expect(log.lines.filter { $0.contains("cleanup.policy") }.count == 1, "\(log.lines)")
    let plan = try await bench.plan(try broker.settings(), [])
    #expect(plan.warnings.contains { $0.contains("cleanup.policy") })
    await bench.close()
  }

  @Test func aStartOutlivesAnothersOpenTransaction() throws {
    let seconds: UInt64 = 1_000_000_000
    #expect(try topic().patience(isHidden: true) >= 330 * seconds)
    #expect(try topic().patience(isHidden: false) == 90 * seconds)
    #expect(try topic { $0.transactionTimeout = 900 * seconds }.patience(isHidden: true) >= 930 * seconds)
    #expect(try topic { $0.transactionTimeout = seconds }.patience(isHidden: true) >= 90 * seconds)
  }

  @Test func anEpochThatHasNoSuccessorIsDamaged() throws {
    func record(_ epoch: UInt64) throws -> CheckpointRecord {
      let text = """
        {"version":1,"pipeline":"p","sink":"s","epoch":\(epoch),"position":"","token":"","written_us":0}
        """
      return try CheckpointRecord(Array(text.utf8), at: "there")
    }
    #expect(try record(7).nextEpoch(at: "there") == 8)
    do {
      _ = try record(.max).nextEpoch(at: "there")
      Issue.record("the largest epoch was counted on")
    } catch let failure as Failure {
      #expect(failure.code == .corruptState)
    }
  }
}
