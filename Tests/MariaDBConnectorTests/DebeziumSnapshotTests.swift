import Change
import DebeziumFixtures
import Foundation
import MariaDBConnector
import TestServers
import Testing

/// The fixture's final state in a server of its own, read by the snapshot, beside the rows that Debezium's snapshot gave.
@Suite(.enabled(if: DebeziumFixture.isPresent, "the reference records do not lie beside the package"))
struct DebeziumSnapshotTests {
  @Test("every row of a snapshot is the one that Debezium gives it, but for the listed differences")
  func rowsAreEqual() async throws {
    let server = try MariaDBServer()
    try run("schema.sql", on: server)
    try run("workload.sql", on: server)
    let live = LiveRun(try server.source(["golden.*"], snapshot: .only))
    try await live.finished()
    let lines = try DebeziumComparison.encoded(live.output.batches, ["include.schema.changes": "false"])
    let ours = Self.rows(lines.map { Self.shortened($0) })
    var met: Set<Int> = []
    let theirs = Self.rows(
      try DebeziumFixture.lines("snapshot").filter { !$0.hasPrefix(#"{"topic":"golden","#) }.map { line in
        var line = DebeziumFixture.comparable(line)
        for (index, difference) in DebeziumDifference.snapshot.enumerated() {
          guard let ours = difference.applied(to: line) else { continue }
          line = ours
          met.insert(index)
        }
        return line
      })
    #expect(met.count == DebeziumDifference.snapshot.count, "differences that are listed and not there")
    #expect(theirs.values.reduce(0) { $0 + $1.count } == 79)
    #expect(Set(ours.keys) == Set(theirs.keys))
    for (topic, rows) in theirs {
      #expect(ours[topic]?.count == rows.count, "\(topic)")
      for (our, their) in zip(ours[topic] ?? [], rows) { #expect(our == their, "\(topic)") }
    }
  }

  private func run(_ file: String, on server: MariaDBServer) throws {
    let client = Process()
    client.executableURL = URL(filePath: "/usr/bin/mariadb")
    client.arguments = [
      "--no-defaults", "--socket=\(server.socketPath)", "--user=root", "--default-character-set=utf8mb4",
    ]
    client.standardInput = try FileHandle(forReadingFrom: DebeziumFixture.folder.appending(path: file))
    try client.run()
    client.waitUntilExit()
    #expect(client.terminationStatus == 0, "\(file) is run")
  }

  /// The rows behind each topic, each as the record's key and `after`, sorted: a snapshot reads tables in any order.
  private static func rows(_ lines: [String]) -> [String: [String]] {
    var rows: [String: [String]] = [:]
    for line in lines {
      guard let key = line.range(of: #""key":"#), let before = line.range(of: #","value":{"before":null,"after":"#),
        let source = line.range(of: #","source":{"#, options: .backwards)
      else { continue }
      let topic = String(line[..<key.lowerBound].prefix { $0 != "," })
      rows[topic, default: []].append(
        "\(line[key.upperBound..<before.lowerBound]) \(line[before.upperBound..<source.lowerBound])")
    }
    return rows.mapValues { $0.sorted() }
  }

  /// Our line as Debezium's snapshot writes it: a TIMESTAMP without the zeros at its end, and without the columns that its
  /// driver cannot read.
  private static func shortened(_ line: String) -> String {
    var line = line
    for (pattern, replacement) in [
      (#"(T\d\d:\d\d:\d\d)\.0+Z""#, #"$1Z""#), (#"(T\d\d:\d\d:\d\d\.\d*[1-9])0+Z""#, #"$1Z""#),
      (#","u":("[0-9a-f-]{36}"|null),"u_nn":"[0-9a-f-]{36}""#, ""),
    ] {
      line = line.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
    }
    return line
  }
}
