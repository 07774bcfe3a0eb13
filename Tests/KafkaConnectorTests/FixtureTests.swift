import Change
import DebeziumFixtures
import Flow
import Formats
import Foundation
import KafkaMock
import Logging
import MariaDBConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// A log that Debezium has read, too: its records' keys, headers and tombstones, as a consumer of the topics finds them.
@Suite(.enabled(if: DebeziumFixture.isPresent, "the fixtures lie beside the package"), .timeLimit(.minutes(1)))
struct FixtureTests {
  private struct Record: Decodable {
    struct Header: Decodable { var key: String }
    var topic: String
    var headers: [Header]
  }

  /// What of a record does not depend on when it was made: its key's text, whether it is a tombstone, and its headers' names.
  private struct Shape: Hashable, CustomStringConvertible {
    var key: String
    var isTombstone: Bool
    var headers: [String]
    var description: String { "\(key)\(isTombstone ? " tombstone" : "") \(headers)" }
  }

  /// The text of `"key":` in a fixture's line, whose order is topic, headers, key, value.
  private func key(_ line: String) throws -> String {
    let start = try #require(line.range(of: #"],"key":"#)).upperBound
    let end = try #require(line.range(of: #","value":"#, range: start..<line.endIndex)).lowerBound
    return String(line[start..<end])
  }

  private func expected(_ setting: String) throws -> [String: [Shape]] {
    var shapes: [String: [Shape]] = [:]
    for line in try DebeziumFixture.lines(setting) {
      let record = try JSONDecoder().decode(Record.self, from: Data(line.utf8))
      let names = record.headers.map(\.key).filter { $0.hasSuffix("key") }
      shapes[record.topic, default: []].append(
        Shape(
          key: DebeziumFixture.comparable(try key(line)), isTombstone: line.hasSuffix(#","value":null}"#),
          headers: names))
    }
    return shapes
  }

  private func run(_ options: DebeziumOptions, into broker: TestBroker) async throws {
    var settings = try broker.settings(.debezium(options))
    settings.topic = try TopicTemplate("golden.{schema}.{table}")
    settings.encoding.name = "golden"
    settings.partitioning = .table
    var source = MariaDBSourceOptions(files: [DebeziumFixture.folder.appending(path: "binlog.000001").path])
    source.start = .earliest
    let folder = FileManager.default.temporaryDirectory.appending(path: "freshet-kafka-\(UUID())")
    let run = PipelineRun(
      definition: PipelineDefinition(
        name: "golden", source: .init(name: "source", definition: MariaDBSourceDefinition(options: source)),
        sinks: [.init(name: "events", definition: KafkaSinkDefinition(settings: settings))],
        stateDirectory: folder.path),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await run.run(until: .now)
    try FileManager.default.removeItem(at: folder)
  }

  @Test(.enabled(if: !TestBroker.isReal, "it writes topics of fixed names")) func keysHeadersAndTombstonesAreDebeziums()
    async throws
  {
    let broker = try TestBroker()
    try await run(DebeziumOptions(), into: broker)
    var compared = 0
    for (topic, shapes) in try expected("default") where topic != "golden" {
      let seen = try broker.messages(topic).map { message in
        Shape(
          key: message.key ?? "null", isTombstone: message.payload == nil,
          headers: (message.headers ?? []).filter { $0.hasPrefix("__debezium") })
      }
      #expect(seen == shapes, "\(topic)")
      compared += seen.count
    }
    #expect(compared > 150)
  }

  @Test(.enabled(if: !TestBroker.isReal, "it writes topics of fixed names")) func keysWithSchemasAreDebeziums()
    async throws
  {
    let broker = try TestBroker()
    var options = DebeziumOptions()
    options.keySchemas = true
    options.valueSchemas = true
    try await run(options, into: broker)
    for (topic, shapes) in try expected("schemas") where topic != "golden" {
      let keys = try broker.messages(topic).map { $0.key ?? "null" }
      #expect(keys == shapes.map(\.key), "\(topic)")
    }
  }
}
