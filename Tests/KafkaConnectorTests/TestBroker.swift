import Formats
import Foundation
import KafkaClient
import KafkaMock
import Pipeline
import Testing

@testable import KafkaConnector

/// The broker that a test writes to: a mock cluster of its own, or the real one that `FRESHET_TEST_KAFKA` names.
final class TestBroker: Sendable {
  static let realServers = ProcessInfo.processInfo.environment["FRESHET_TEST_KAFKA"]
  static var isReal: Bool { realServers != nil }

  /// nil: the broker is real.
  let mock: MockCluster?
  let servers: String
  /// Begins every name that this test uses, so that a real broker can keep those of others.
  let prefix = "freshet-test-\(UUID().uuidString.prefix(8))"

  init(brokers: Int = 1) throws {
    mock = TestBroker.isReal ? nil : try MockCluster(brokers: brokers)
    servers = TestBroker.realServers ?? mock?.bootstrapServers ?? ""
  }

  /// A cluster that another process has.
  init(servers: String) throws {
    mock = try MockCluster(brokers: 1)
    self.servers = servers
  }

  /// For tests that need a cluster that obeys.
  func cluster() throws -> MockCluster { try #require(mock) }

  func settings(_ format: KafkaSettings.Format = .json) throws -> KafkaSettings {
    var settings = KafkaSettings(
      brokers: servers, topic: try TopicTemplate("\(prefix).{schema}.{table}"),
      encoding: EncodingContext(connector: "mariadb", name: prefix, logFileBase: "binlog"))
    settings.format = format
    settings.connection.set("security.protocol", "plaintext")
    settings.checkpointTopic = "\(prefix)-checkpoint"
    settings.quarantineTopic = "\(prefix)-quarantine"
    settings.transactionalId = prefix
    // A mock cluster has no request for making topics, and makes them when they are asked for.
    settings.newTopics.maker = mock == nil ? .sink : .broker
    settings.commitInterval = 0
    settings.openTimeout = 10_000_000_000
    return settings
  }

  /// What kcat reads of a topic, partition by partition in order; nothing when there is no such topic.
  func messages(_ topic: String) throws -> [Message] {
    guard try kcat(["-L"]).contains("topic \"\(topic)\" with") else { return [] }
    let lines = try kcat(["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"]).split(separator: "\n")
    return try lines.map { try JSONDecoder().decode(Message.self, from: Data($0.utf8)) }
  }

  struct Message: Decodable, Hashable {
    var topic: String
    var partition: Int
    var offset: Int
    var headers: [String]?
    var key: String?
    var payload: String?
    /// Milliseconds since 1970.
    var ts: Int64?

    /// The value of a header; nil: there is none.
    func header(_ name: String) -> String? {
      guard let headers, let index = headers.firstIndex(of: name), index % 2 == 0 else { return nil }
      return headers[index + 1]
    }
  }

  private func kcat(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/kcat")
    process.arguments = arguments + ["-b", servers, "-m", "10", "-X", "fetch.wait.max.ms=20"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self)
  }
}
