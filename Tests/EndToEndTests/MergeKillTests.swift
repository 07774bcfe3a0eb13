import Foundation
import PrivateServers
import SQLiteDatabase
import Synchronization
import TestRandom
import Testing

/// Three servers merged into one target, while the program is killed, one server is idle and one is stalled for a while.
@Suite(.serialized) struct MergeKillTests {
  @Test func afterKillsAndAStallTheTargetsHoldTheRowsOfAllShards() throws {
    let servers = try (1...3).map { _ in try PrivateMariaDB() }
    for (index, server) in servers.enumerated() { try ShardWorkload.prepare(server, shard: index + 1, rows: 5000) }
    let copy = try PrivateMariaDB(options: ["log_bin": nil, "server_id": "9"])
    let directory = try TemporaryDirectory(prefix: "freshet-merge-kills")
    let pipeline = try MergeKillTests.pipeline(servers, copy: copy, in: directory)
    // The third shard has no writer: its source is idle.
    let workloads = [ShardWorkload(shard: 1), ShardWorkload(shard: 2)]
    for (index, workload) in workloads.enumerated() { workload.start(servers[index], seed: UInt64(index) + 1) }
    let watch = ShardWatch(database: directory.appending("copy.db"), shards: 3)
    var random = SeededRandom(seed: KillTests.seed)
    let log = directory.appending("run.log")
    for number in 0..<12 {
      let process = try FreshetProcess(["run", pipeline], log: log)
      let status = process.wait(seconds: number == 6 ? 5 : Double.random(in: 0.2...1.5, using: &random))
      try #require(status == nil, "the program ended by itself with \(status ?? 0): \(process.messages)")
      if number == 6 { try MergeKillTests.stall(servers[1], during: process) }
      process.kill()
    }
    for workload in workloads { try workload.stop() }
    let report = directory.appending("report.json")
    let last = try FreshetProcess(["run", pipeline, "--until", "now", "--report", report], log: log)
    #expect(last.wait() == 0, "\(last.messages)")
    let (reads, violations) = watch.stop()
    #expect(violations.isEmpty, "\(violations.prefix(5)) of \(reads) reads")
    #expect(reads > 20)
    for table in ["accounts": "id, balance", "orders": "id, amount, body"] {
      try MergeKillTests.expectEqual(table.key, table.value, servers, copy, directory.appending("copy.db"))
    }
    try MergeKillTests.expectReport(report)
    print("\(workloads.map(\.transactions)) transactions, \(reads) sums")
  }

  @Test func logsWithoutASnapshotGoOnWhereTheyBeganAlsoBeforeAnythingCame() throws {
    let servers = try (1...2).map { _ in try PrivateMariaDB() }
    for (index, server) in servers.enumerated() { try ShardWorkload.prepare(server, shard: index + 1, rows: 5) }
    let directory = try TemporaryDirectory(prefix: "freshet-merge-start")
    let pipeline = try MergeKillTests.pipeline(servers, copy: nil, in: directory, snapshot: "never")
    let log = directory.appending("run.log")
    let first = try FreshetProcess(["run", pipeline], log: log)
    let database = directory.appending("copy.db")
    #expect(try eventually { try MergeKillTests.hasCheckpoint(database, of: ["shard1", "shard2"]) })
    first.kill()
    for (index, server) in servers.enumerated() {
      let schema = ShardWorkload.schema(index + 1)
      try server.execute("INSERT INTO \(schema).orders VALUES (\(index + 1), 1.5, 'while nobody looked')")
    }
    let second = try FreshetProcess(["run", pipeline, "--until", "now"], log: log)
    #expect(second.wait() == 0, "\(second.messages)")
    let connection = try SQLiteConnection(path: database, mode: .readOnly)
    let statement = try SQLiteStatement(connection, "SELECT group_concat(id) FROM (SELECT id FROM orders ORDER BY id)")
    #expect(try statement.step())
    #expect(statement.string(0) == "1,2")
  }

  private static func hasCheckpoint(_ database: String, of sources: [String]) throws -> Bool {
    guard FileManager.default.fileExists(atPath: database) else { return false }
    // The table may not be there yet, or the file busy.
    guard let connection = try? SQLiteConnection(path: database, mode: .readWrite),
      let statement = try? SQLiteStatement(connection, "SELECT position FROM _freshet_checkpoint"),
      (try? statement.step()) == true, let position = statement.string(0)
    else { return false }
    return sources.allSatisfy { position.contains("\($0)=") }
  }

  static func pipeline(
    _ servers: [PrivateMariaDB], copy: PrivateMariaDB?, in directory: TemporaryDirectory, snapshot: String = "initial",
    order: String = "idle_after: 1s"
  ) throws -> String {
    let sources = servers.enumerated().map { index, server in
      """
        - name: shard\(index + 1)
          type: mariadb
          url: \(server.url())
          tables: ["shop_\(index + 1).*"]
          snapshot: { mode: \(snapshot), threads: 2, chunk_rows: 1000 }
      """
    }
    let text = """
      pipeline: merged
      sources:
      \(sources.joined(separator: "\n"))
      order: { \(order) }
      transforms:
        - route: { from: 'shop_[0-9]+\\.(.*)', to: 'shop.$1', merge: true }
      sinks:
        - { name: local, type: sqlite, path: "\(directory.appending("copy.db"))" }
      \(copy.map { "  - { name: copy, type: mariadb, url: \"\($0.url())\" }" } ?? "")
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("merged.yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// Stops a server for longer than its source may be silent, and lets it go on.
  private static func stall(_ server: PrivateMariaDB, during process: FreshetProcess) throws {
    let text = try String(contentsOfFile: "\(server.directory)/server.pid", encoding: .utf8)
    let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(kill(pid, SIGSTOP) == 0)
    let status = process.wait(seconds: 5)
    #expect(kill(pid, SIGCONT) == 0)
    try #require(status == nil, "a stalled server ended the program: \(process.messages)")
    try #require(process.wait(seconds: 3) == nil, "\(process.messages)")
  }

  private static func expectEqual(
    _ table: String, _ columns: String, _ servers: [PrivateMariaDB], _ copy: PrivateMariaDB, _ database: String
  ) throws {
    let expected = try servers.enumerated().flatMap { index, server in
      try rows(server, "SELECT \(columns) FROM \(ShardWorkload.schema(index + 1)).\(table)")
    }.sorted()
    #expect(try rows(copy, "SELECT \(columns) FROM shop.\(table)").sorted() == expected, "\(table) at the server")
    let connection = try SQLiteConnection(path: database, mode: .readOnly)
    let statement = try SQLiteStatement(connection, "SELECT \(columns) FROM \(table)")
    let count = columns.split(separator: ",").count
    var found: [String] = []
    while try statement.step() {
      found.append((0..<count).map { statement.string($0) ?? "\\N" }.joined(separator: "|"))
    }
    #expect(found.sorted() == expected, "\(table) in the file")
  }

  private static func rows(_ server: PrivateMariaDB, _ query: String) throws -> [String] {
    try server.query(query).map { $0.map { $0 ?? "\\N" }.joined(separator: "|") }
  }

  private static func expectReport(_ path: String) throws {
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
    let report = try #require(json as? [String: Any])
    let sources = try #require(report["sources"] as? [String: [String: Any]])
    #expect(Set(sources.keys) == ["shard1", "shard2", "shard3"])
    for sink in try #require(report["sinks"] as? [String: [String: Any]]).values {
      #expect(Set(try #require(sink["position"] as? [String: String]).keys) == ["shard1", "shard2", "shard3"])
      #expect((sink["accounting"] as? [String: Int])?["unaccounted"] == 0)
    }
  }
}

/// Reads the sum of all balances at the target over and over: a torn transaction shows as another sum.
private final class ShardWatch: Sendable {
  private let state = Mutex((isStopped: false, reads: 0, violations: [String]()))
  private let finished = DispatchSemaphore(value: 0)

  init(database: String, shards: Int) {
    let count = shards * ShardWorkload.accounts
    Thread.detachNewThread { [self] in
      while !state.withLock({ $0.isStopped }) {
        // The table may not be there yet, or the file busy: then this reading counts for nothing.
        if let seen = try? ShardWatch.read(database), seen.count == count {
          state.withLock { state in
            state.reads += 1
            if seen.sum != count * ShardWorkload.balance { state.violations.append("sum \(seen.sum)") }
          }
        }
        usleep(5000)
      }
      finished.signal()
    }
  }

  func stop() -> (reads: Int, violations: [String]) {
    state.withLock { $0.isStopped = true }
    finished.wait()
    return state.withLock { ($0.reads, $0.violations) }
  }

  private static func read(_ database: String) throws -> (count: Int, sum: Int) {
    guard FileManager.default.fileExists(atPath: database) else { return (0, 0) }
    let connection = try SQLiteConnection(path: database, mode: .readWrite)
    let statement = try SQLiteStatement(connection, "SELECT COUNT(*), SUM(balance) FROM accounts")
    guard try statement.step() else { return (0, 0) }
    return (Int(statement.int64(0)), Int(statement.int64(1)))
  }
}
