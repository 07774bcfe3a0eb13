import Change
import Foundation
import KafkaMock
import Logging
import MemoryConnector
import Pipeline
import PipelineConfiguration
import Testing

@testable import KafkaConnector

/// A pipeline from a log in memory through transforms to Kafka, its blocks written as in a pipeline's file.
struct RoutedPipeline {
  let broker: TestBroker
  /// The options of the sink besides the brokers, and the blocks of `transforms:`.
  let sink: String
  let transforms: String
  var badRows = "stop"

  /// The topics that a mock cluster is to have with more than one partition.
  func run(_ transactions: [[MemoryChange]], topics: [String: Int] = [:]) async throws {
    for (topic, partitions) in topics { broker.mock?.createTopic(topic, partitions: partitions) }
    let text = """
      pipeline: \(broker.prefix)
      source: { type: memory }
      transforms: [\(transforms)]
      sinks:
        - { name: events, type: kafka, brokers: "\(broker.servers)", \(sink), tls: false,
            checkpoint_topic: \(broker.prefix)-checkpoint, topics: { create: \(broker.mock == nil ? "true" : "broker") } }
      on_bad_row: \(badRows)
      """
    let file = try PipelineFile.load(
      Array(text.utf8), name: "p.yaml", connectors: [InMemory(), Kafka()], environment: [:]
    ).get()
    let state = FileManager.default.temporaryDirectory.appending(path: "freshet-routed-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: state) }  // a folder that stays is only a nuisance
    var definition = file.definition
    definition.stateDirectory = state.path
    definition.sources[0].definition = MemorySourceDefinition(
      log: MemoryLog(
        transactions.enumerated().map { number, changes in
          MemoryTransaction(at: EventTime(seconds: UInt32(1_700_000_001 + number)), changes)
        }))
    let run = PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await run.run(until: .now)
  }
}
