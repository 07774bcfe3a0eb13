import Change
import Foundation
import MariaDBClient
import PrivateServers
import TestRandom
import Testing

/// Random definitions and rows at the source; the target has the same tables, columns and rows in the end.
///
/// `FRESHET_TEST_HISTORIES` sets how many seeds are played (4 in CI), each with 60 definitions.
@Suite(.serialized) struct MirrorHistoryTests {
  private static let histories = UInt64(ProcessInfo.processInfo.environment["FRESHET_TEST_HISTORIES"] ?? "") ?? 4

  @Test(arguments: [false, true]) func randomDefinitionsAndRowsArriveAsTheyAre(isKilled: Bool) throws {
    let server = try PrivateMariaDB()
    let target = try PrivateMariaDB(options: ["log_bin": nil, "server_id": "2"])
    var definitions = 0
    for seed in 1...MirrorHistoryTests.histories {
      let directory = try TemporaryDirectory(prefix: "freshet-mirror-history")
      for statement in ["DROP DATABASE IF EXISTS h", "CREATE DATABASE h"] { try server.execute(statement) }
      for statement in ["DROP DATABASE IF EXISTS h", "DROP DATABASE IF EXISTS freshet"] {
        try target.execute(statement)
      }
      let sink = "{ name: copy, type: mariadb, url: \"\(target.url())\" }"
      let pipeline = try PipelineText.write(server, tables: "h.*", in: directory, sinks: [sink])
      var history = RandomSchema(seed: seed)
      var random = SeededRandom(seed: seed)
      let client = try server.client()
      var process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"))
      // The snapshot of nothing is over: from here on all comes from the log.
      try #require(eventually { process.messages.contains("reading the log") }, "\(process.messages)")
      for step in 0..<60 {
        for statement in history.step() { try client.execute(statement) }
        guard isKilled, step % 8 == 7 else { continue }
        usleep(UInt32.random(in: 0...300_000, using: &random))
        #expect(process.wait(seconds: 0.001) == nil, "seed \(seed) ended: \(process.messages)")
        process.kill()
        process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"))
      }
      definitions += history.definitions
      if isKilled {
        process.kill()
      } else {
        process.signal(SIGTERM)
        #expect(process.wait(seconds: 30) == 0, "seed \(seed): \(process.messages)")
      }
      let last = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("run.log"))
      #expect(last.wait(seconds: 60) == 0, "seed \(seed): \(last.messages)")
      try ServerComparison(source: server, target: target).expectEqualTables(in: "h")
    }
    #expect(definitions == 60 * Int(MirrorHistoryTests.histories))
  }
}
