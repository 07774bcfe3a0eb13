import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// Two servers with one key, merged into a file and a server.
@Suite(.serialized) struct SharedKeyTests {
  @Test func aKeyThatTwoServersHaveIsToldAndARowMayMoveBetweenThem() throws {
    let servers = try (1...2).map { _ in try PrivateMariaDB() }
    for (index, server) in servers.enumerated() { try ShardWorkload.prepare(server, shard: index + 1, rows: 300) }
    let copy = try PrivateMariaDB(options: ["log_bin": nil, "server_id": "9"])
    let directory = try TemporaryDirectory(prefix: "freshet-shared-keys")
    let log = directory.appending("run.log")
    // Read by the snapshots of both.
    for shard in 1...2 { try insert(771234567, servers[shard - 1], shard) }
    try expectRefusal(MergeKillTests.pipeline(servers, copy: copy, in: directory), key: 771234567, log: log)
    try servers[1].execute("DELETE FROM shop_2.orders WHERE id = 771234567")
    // As the hint has it: the tables and the checkpoint of each sink.
    try FileManager.default.removeItem(atPath: directory.appending("copy.db"))
    try copy.execute("DROP DATABASE IF EXISTS shop")
    try copy.execute("DROP TABLE IF EXISTS freshet._freshet_checkpoint")
    let pipeline = try MergeKillTests.pipeline(servers, copy: copy, in: directory)
    try expectEnd(pipeline, log: log)
    // By a snapshot and a log; its row moves first.
    try servers[0].execute("DELETE FROM shop_1.orders WHERE id = 771234567")
    Thread.sleep(forTimeInterval: 1.1)
    try insert(771234567, servers[1], 2)
    try expectEnd(pipeline, log: log)
    try insert(771234567, servers[0], 1)
    try expectRefusal(pipeline, key: 771234567, log: log)
    #expect(try copy.query("SELECT body FROM shop.orders WHERE id = 771234567").map { $0[0] } == ["shard 2"])
    try expectEnd(MergeKillTests.pipeline(servers, copy: copy, in: directory, order: "shared_keys: last"), log: log)
    #expect(try copy.query("SELECT body FROM shop.orders WHERE id = 771234567").map { $0[0] } == ["shard 1"])
    let connection = try SQLiteConnection(path: directory.appending("copy.db"), mode: .readOnly)
    let statement = try SQLiteStatement(connection, "SELECT body FROM orders WHERE id = 771234567")
    #expect(try statement.step())
    #expect(statement.string(0) == "shard 1")
  }

  @Test func aKeyThatTwoSnapshotsHaveIsMendedAtTheSourceThatBringsItLast() throws {
    let servers = try (1...2).map { _ in try PrivateMariaDB() }
    for (index, server) in servers.enumerated() { try ShardWorkload.prepare(server, shard: index + 1, rows: 30) }
    let copy = try PrivateMariaDB(options: ["log_bin": nil, "server_id": "9"])
    let directory = try TemporaryDirectory(prefix: "freshet-shared-keys")
    for shard in 1...2 { try insert(771234567, servers[shard - 1], shard) }
    let pipeline = try MergeKillTests.pipeline(servers, copy: copy, in: directory)
    let refused = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("refused.log"))
    #expect(refused.wait() == 65)
    let found = [1, 2].filter { refused.messages.contains("in the snapshot of source \"shard\($0)\"") }
    #expect(!refused.messages.contains("log offset") && refused.messages.contains("_freshet_checkpoint"))
    let shard = try #require(found.count == 1 ? found.first : nil, "\(refused.messages)")
    #expect(refused.messages.contains("at source \"shard\(shard)\" and start again"), "\(refused.messages)")
    try servers[shard - 1].execute("DELETE FROM shop_\(shard).orders WHERE id = 771234567")
    try expectEnd(pipeline, log: directory.appending("run.log"))
    #expect(try copy.query("SELECT body FROM shop.orders WHERE id = 771234567") == [["shard \(3 - shard)"]])
    #expect(try copy.query("SELECT COUNT(*) FROM shop.orders") == [["61"]])
  }

  private func insert(_ key: Int, _ server: PrivateMariaDB, _ shard: Int) throws {
    try server.execute("INSERT INTO shop_\(shard).orders VALUES (\(key), 1.5, 'shard \(shard)')")
  }

  private func expectEnd(_ pipeline: String, log: String) throws {
    let process = try FreshetProcess(["run", pipeline, "--until", "now"], log: log)
    #expect(process.wait() == 0, "\(process.messages)")
  }

  private func expectRefusal(_ pipeline: String, key: Int, log: String) throws {
    let process = try FreshetProcess(["run", pipeline, "--until", "now"], log: log)
    #expect(process.wait() == 65)
    #expect(process.messages.contains("brings a row with a key (id)"), "\(process.messages)")
    #expect(!process.messages.contains("\(key)"), "a value is no business of a log: \(process.messages)")
  }
}
