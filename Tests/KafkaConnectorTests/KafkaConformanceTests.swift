import Change
import ConnectorConformance
import Foundation
import KafkaMock
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// The Kafka sink as a consumer of another process sees it, in the format `json`.
struct KafkaSinkHarness: SinkHarness {
  struct Target: SinkTarget {
    let broker: TestBroker
    let settings: KafkaSettings

    var definition: any SinkDefinition { KafkaSinkDefinition(settings: settings) }

    func changes(of schema: TableSchema) async throws -> [ConformanceChange] {
      let name = settings.topic.name(pipeline: "conformance", table: schema.name)
      return try broker.messages(TopicTemplate.safe(name)).compactMap { message in
        try message.payload.flatMap { try JSONChange.read(Array($0.utf8), schema) }
      }
    }

    func block() async throws -> (@Sendable () async throws -> Void)? {
      guard let mock = broker.mock else { return nil }
      mock.setDown(broker: 1)
      return { mock.setUp(broker: 1) }
    }
  }

  var guarantee = KafkaSettings.Guarantee.exactlyOnce
  var name: String { "kafka \(guarantee.rawValue)" }
  var capabilities: SinkCapabilities { SinkCapabilities(isMirror: false) }

  func makeTarget() async throws -> Target {
    let broker = try TestBroker()
    var settings = try broker.settings()
    settings.guarantee = guarantee
    // The suite compares the order of a whole table, and the mock cluster keeps 5 MB a partition.
    settings.partitioning = .table
    settings.compression = "lz4"
    return Target(broker: broker, settings: settings)
  }

  func text(of value: MemoryValue, in column: ColumnSchema) -> String? { JSONChange.text(of: value) }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct KafkaConformanceTests {
  /// The mock cluster does not hide what a transaction holds that was aborted or is still open, and does not fence an
  /// older producer of the same transactional id; these cases need a real broker.
  static let needReal: Set<SinkConformanceCase> = [
    .nothingIsVisibleBeforeItsCommit, .aSinkResumesAtItsLastCommit, .whatWasNotCommittedIsGone,
    .aSecondWriterFencesTheFirst,
  ]

  @Test(arguments: SinkConformanceCase.allCases.filter { TestBroker.isReal || !needReal.contains($0) })
  func theKafkaSinkConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(KafkaSinkHarness()).check(conformanceCase)
  }

  /// What at least once does not promise: to hide an open group, and to fence.
  @Test(arguments: SinkConformanceCase.allCases.filter { !needReal.contains($0) })
  func theSinkConformsAtLeastOnce(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(KafkaSinkHarness(guarantee: .atLeastOnce)).check(conformanceCase)
  }
}
