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
