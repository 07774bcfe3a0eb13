import Change
import Foundation
import Glibc
import KafkaMock
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// What becomes of a sink when its broker is away, refuses or answers with errors. All of it needs a cluster that obeys.
@Suite(
  .serialized, .enabled(if: !TestBroker.isReal, "a real broker gives no errors on demand"), .timeLimit(.minutes(2)))
struct FaultTests {
  /// Kafka protocol, "API keys".
  private enum Request {
    static let produce: Int16 = 0
    static let initProducerId: Int16 = 22
    static let addPartitions: Int16 = 24
    static let endTransaction: Int16 = 26
  }

  @Test func aBrokerThatGoesDownAndComesBackLosesAndRepeatsNothing() async throws {
    let broker = try TestBroker()
    let cluster = try broker.cluster()
    let bench = try SinkBench(broker, try broker.settings())
    try await bench.open()
    try await bench.insert(1...100)
    try await bench.commit()
    cluster.setDown(broker: 1)
    let returning = Task {
      try await Task.sleep(nanoseconds: 700_000_000)
      cluster.setUp(broker: 1)
    }
    try await bench.insert(101...200)
    try await bench.commit()
    try await returning.value
    await bench.close()
    #expect(Set(try bench.items().map(\.key)) == Set((1...200).map { "{\"id\":\($0)}" }))
    #expect(try bench.items().count == 200)
  }

  @Test(arguments: [Int32(90), 47])
  func aWriterThatIsFencedStopsAndSaysSo(code: Int32) async throws {
    let broker = try TestBroker()
    let bench = try SinkBench(broker, try broker.settings())
    try await bench.open()
    try await bench.insert(1...3)
    try await bench.commit()
    try broker.cluster().pushErrors(apiKey: Request.endTransaction, [code])
    try await bench.insert(4...6)
    let failure = try await SinkBench.failure { try await bench.commit() }
    #expect(failure?.code == .fenced, "\(String(describing: failure))")
    let after = try await SinkBench.failure { try await bench.insert(7...9) }
    #expect(after?.code == .internal, "a sink that has failed takes nothing more")
    await bench.close()
  }

  @Test func errorsThatPassAreWaitedFor() async throws {
    let broker = try TestBroker()
    let cluster = try broker.cluster()
    // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, CONCURRENT_TRANSACTIONS, NOT_LEADER.
    cluster.pushErrors(apiKey: Request.initProducerId, [14, 15])
    let bench = try SinkBench(broker, try broker.settings())
    try await bench.open()
    cluster.pushErrors(apiKey: Request.addPartitions, [51, 51])
    cluster.pushErrors(apiKey: Request.produce, [6, 6])
    cluster.pushErrors(apiKey: Request.endTransaction, [14, 15])
    try await bench.insert(1...50)
    try await bench.commit()
    await bench.close()
    #expect(try bench.items().count == 50)
  }

  @Test func aRefusedDeliveryAbortsTheGroup() async throws {
    let broker = try TestBroker()
    let bench = try SinkBench(broker, try broker.settings())
    try await bench.open()
    try await bench.insert(1...3)
    try await bench.commit()
    // MESSAGE_TOO_LARGE, as of a topic whose own limit is lower than the sink's.
    try broker.cluster().pushErrors(apiKey: Request.produce, [10])
    let failure = try await SinkBench.failure {
      // The first request that comes is refused: until then, there must be none with a checkpoint.
      for id in 4...1000 {
        try await bench.insert(id...id)
        try await Task.sleep(nanoseconds: 10_000_000)
      }
    }
    #expect(failure?.code == .limit, "\(failure.map { "\($0)" } ?? "none")")
    #expect(failure?.place.contains("shop.items") == true)
    let after = try await SinkBench.failure { try await bench.commit() }
    #expect(after?.code == .internal, "a sink that has failed takes nothing more")
    // Whether the group stays hidden only a real broker shows: the mock cluster hides nothing.
    await bench.close()
  }

  @Test func aTopicThatIsForbiddenIsAMatterOfPermission() async throws {
    let broker = try TestBroker()
    let cluster = try broker.cluster()
    cluster.createTopic("\(broker.prefix).shop.items", partitions: 1)
    let bench = try SinkBench(broker, try broker.settings())
    try await bench.open()
    cluster.setError(topic: "\(broker.prefix).shop.items", 29)
    let failure = try await SinkBench.failure {
      try await bench.insert(1...3)
      try await bench.commit()
    }
    #expect(failure?.code == .permission, "\(String(describing: failure))")
    await bench.close()
  }

  @Test func aMissingTopicThatMayNotBeMadeStopsTheSink() async throws {
    let broker = try TestBroker()
    try broker.cluster().createTopic("\(broker.prefix)-checkpoint", partitions: 1)
    var settings = try broker.settings()
    settings.newTopics.maker = .nobody
    let bench = try SinkBench(broker, settings)
    try await bench.open()
    let failure = try await SinkBench.failure { try await bench.insert(1...3) }
    #expect(failure?.code == .targetShape)
    #expect(failure?.place.contains("\(broker.prefix).shop.items") == true)
    await bench.close()
  }

  @Test func aTransactionThatIsHeldUpIsTriedAgain() async throws {
    let broker = try TestBroker()
    var settings = try broker.settings()
    settings.transactionTimeout = 1_000_000_000
    let bench = try SinkBench(broker, settings)
    try await bench.open()
    try await bench.insert(1...3)
    try await Task.sleep(nanoseconds: 1_200_000_000)
    let failure = try await SinkBench.failure { try await bench.insert(4...6) }
    #expect(failure?.code.remedy == .retryLater, "\(String(describing: failure))")
    await bench.close()
  }

  @Test func aTransactionThatIsTooLargeForItsTimeFailsClearly() async throws {
    let broker = try TestBroker()
    var settings = try broker.settings()
    settings.transactionTimeout = 4_000_000_000
    let bench = try SinkBench(broker, settings)
    try await bench.open()
    let note = String(repeating: "x", count: 500_000)
    let failure = try await SinkBench.failure {
      for round in 0..<400 { try await bench.insert(round * 10...round * 10 + 9, note) }
    }
    #expect(failure?.code == .limit, "\(failure.map { "\($0)" } ?? "none")")
    #expect(failure?.hint.contains("transaction_timeout") == true)
    await bench.close()
  }

  @Test func aBrokerThatIsNotThereIsUnreachableAndTriedAgain() async throws {
    let broker = try TestBroker()
    try broker.cluster().setDown(broker: 1)
    var settings = try broker.settings()
    settings.openTimeout = 1_000_000_000
    let bench = try SinkBench(broker, settings)
    let failure = try await SinkBench.failure { try await bench.open() }
    #expect(failure?.code == .unreachable, "\(String(describing: failure))")
    #expect(failure?.code.remedy == .retryLater)
    await bench.close()
  }

  @Test func aStoppedBrokerHoldsTheWriterBackInBoundedMemory() async throws {
    let broker = try TestBroker()
    let cluster = try broker.cluster()
    let bench = try SinkBench(broker, try broker.settings(), memory: 12 << 20)
    try await bench.open()
    try await bench.insert(1...10)
    try await bench.commit()
    cluster.setDown(broker: 1)
    let before = try residentBytes()
    let note = String(repeating: "x", count: 1000)
    let writing = Task { for round in 0..<200 { try await bench.insert(round * 1000...round * 1000 + 999, note) } }
    try await Task.sleep(nanoseconds: 2_000_000_000)
    let grown = try residentBytes() - before
    // 200 MB are asked for; the queue has 4 MiB.
    #expect(grown < 40 << 20, "\(grown >> 20) MiB more")
    writing.cancel()
    let cancelled = Date.now
    await #expect(throws: CancellationError.self) { try await writing.value }
    #expect(Date.now.timeIntervalSince(cancelled) < 2)
    await bench.close()
  }

  private func residentBytes() throws -> Int {
    let statm = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(statm[1]) ?? 0) * Int(getpagesize())
  }
}
