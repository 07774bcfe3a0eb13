import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// A server that is shut down in order and started again while pipelines read it without end.
@Suite(.serialized) struct ServerRestartTests {
  @Test(arguments: [1, 2]) func aPipelineWaitsForTheServerAndGetsWhatIsWrittenBehindItsStart(sources: Int) throws {
    let servers = try (0..<sources).map { _ in try PrivateMariaDB() }
    for (index, server) in servers.enumerated() { try ShardWorkload.prepare(server, shard: index + 1, rows: 5) }
    let directory = try TemporaryDirectory(prefix: "freshet-restart")
    let pipeline = try MergeKillTests.pipeline(servers, copy: nil, in: directory)
    let run = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"))
    for (index, server) in servers.enumerated() { try insert(index + 1, "before", server) }
    #expect(try eventually { try count("before", directory) == sources }, "\(run.messages)")
    let readers = { run.messages.components(separatedBy: "reading the log").count - 1 }
    #expect(eventually { readers() >= sources }, "\(run.messages)")
    try servers[0].restart()
    for (index, server) in servers.enumerated() { try insert(index + 1, "behind", server) }
    #expect(try eventually { try count("behind", directory) == sources }, "\(run.messages)")
    #expect(run.messages.contains("it may be shutting down"), "\(run.messages)")
    run.signal(SIGTERM)
    #expect(run.wait(seconds: 30) == 0, "\(run.messages)")
  }

  private func insert(_ shard: Int, _ body: String, _ server: PrivateMariaDB) throws {
    let key = "(SELECT MAX(id) + 2 FROM \(ShardWorkload.schema(shard)).orders o)"
    try server.execute("INSERT INTO \(ShardWorkload.schema(shard)).orders SELECT \(key), 1.5, '\(body)'")
  }

  private func count(_ body: String, _ directory: TemporaryDirectory) throws -> Int {
    let path = directory.appending("copy.db")
    guard FileManager.default.fileExists(atPath: path) else { return -1 }
    // The table may not be there yet, or the file busy.
    guard let connection = try? SQLiteConnection(path: path, mode: .readWrite),
      let statement = try? SQLiteStatement(connection, "SELECT COUNT(*) FROM orders WHERE body = '\(body)'"),
      (try? statement.step()) == true
    else { return -1 }
    return Int(statement.string(0) ?? "") ?? -1
  }
}
