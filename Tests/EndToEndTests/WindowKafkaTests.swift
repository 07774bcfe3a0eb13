import Foundation
import KafkaMock
import PrivateServers
import TestRandom
import Testing

/// Results of windows in Kafka, under kills at every failpoint of the sink and of the windows' state.
///
/// librdkafka's mock cluster shows the messages of aborted transactions, too: there a result may be seen twice, and must
/// then say the same. A real broker, named by `FRESHET_TEST_KAFKA`, must show each once.
@Suite(.serialized) struct WindowKafkaTests {
  private static let realServers = ProcessInfo.processInfo.environment["FRESHET_TEST_KAFKA"]
  private static let failpoints = [
    "kafka.before_checkpoint:2", "windows.stored:2", "kafka.before_commit:3", "kafka.after_commit:2",
    "windows.before_rename:2", "kafka.before_commit:1", "kafka.after_commit:5",
  ]

  @Test func afterKillsEachResultInTheTopicSaysOneThingAndTheLastWhatAQueryGives() throws {
    let cluster = WindowKafkaTests.realServers == nil ? try MockCluster(brokers: 1) : nil
    let servers = WindowKafkaTests.realServers ?? cluster?.bootstrapServers ?? ""
    let name = "windows-\(UUID().uuidString.prefix(8))"
    let server = try PrivateMariaDB()
    try WindowShop.prepare(server)
    let directory = try TemporaryDirectory(prefix: "freshet-window-kafka")
    let path = try WindowKafkaTests.pipeline(server, servers, name, makesTopics: cluster != nil, in: directory)
    var random = SeededRandom(seed: KillTests.seed)
    var number = 0
    try WindowShop.runUnderKills(
      path, server, in: directory, failpoints: WindowKafkaTests.failpoints, seconds: 0.4...1.2, patience: 6,
      number: &number, &random, change: WindowShop.change)
    try expectEqual(server, try results(of: "\(name).shop.revenue", servers, directory), isExact: cluster == nil)
  }

  private static func pipeline(
    _ server: PrivateMariaDB, _ servers: String, _ name: String, makesTopics: Bool, in directory: TemporaryDirectory
  ) throws -> String {
    let text = """
      pipeline: \(name)
      source:
        type: mariadb
        url: \(server.url())
        tables: ["shop.*"]
        snapshot: { mode: never }
        start: earliest
      windows:
        - name: revenue
          from: shop.orders
          event_time: happened
          max_delay: 30s
          allowed_lateness: 2h
          group_by: [status]
          window: { tumbling: 1m }
          trigger: { early: 1s, late: each }
          instead: true
          aggregate: { orders: count(), ids: sum(id) }
      sinks:
        - { name: events, type: kafka, brokers: ["\(servers)"], format: json, tls: false,
            topics: { create: \(makesTopics ? "broker" : "true") }, checkpoint_topic: \(name)-checkpoint }
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("shop.yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// A message of the topic.
  private struct Result: Hashable {
    /// The window's beginning and the status.
    var key: String
    var index: Int
    /// What it says of the rows; nil: there are none left.
    var said: String?
  }

  private func results(of topic: String, _ servers: String, _ directory: TemporaryDirectory) throws -> [Result] {
    let arguments = "-b \(servers) -C -t \(topic) -o beginning -e -q -X isolation.level=read_committed"
    let result = try ShellCommand("kcat \(arguments)", in: directory)
    try #require(result.exitStatus == 0, "\(result.errors)")
    return try result.output.split(separator: "\n").compactMap { line in
      guard let change = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else { return nil }
      let after = change["after"] as? [String: Any]
      guard let row = after ?? change["before"] as? [String: Any], let start = row["window_start"] as? String,
        let status = row["status"] as? String, let index = row["pane_index"] as? Int
      else { return nil }
      let key = start.prefix(16).replacingOccurrences(of: "T", with: " ") + "|" + status
      // What takes the last row away is told with the row before it, and has a number of its own.
      guard let after else { return Result(key: key, index: index + 1, said: nil) }
      return Result(key: key, index: index, said: "\(after["orders"] ?? "")|\(after["ids"] ?? "")")
    }
  }

  private func expectEqual(_ server: PrivateMariaDB, _ results: [Result], isExact: Bool) throws {
    #expect(results.count > 200)
    let groups = Dictionary(grouping: results, by: \.key)
    var last: [String] = []
    for (key, told) in groups {
      let different = Set(told)
      // No number is missing, and none says two things.
      #expect(different.map(\.index).sorted() == Array(0..<different.count), "\(key)")
      if isExact { #expect(told.count == different.count, "\(key)") }
      guard let said = told.last?.said else { continue }
      if !key.hasSuffix("|end") { last.append("\(key)|\(said)") }
    }
    let expected = try server.query(
      """
      SELECT DATE_FORMAT(happened, '%Y-%m-%d %H:%i'), status, COUNT(*), SUM(id) FROM shop.orders
        WHERE status <> 'end' GROUP BY 1, 2
      """)
    #expect(last.sorted() == WindowShop.sorted(expected))
  }
}
