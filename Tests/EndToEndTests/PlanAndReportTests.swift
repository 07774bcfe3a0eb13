import Foundation
import PrivateServers
import Testing

/// What scripts read: `plan` and `--report`.
@Suite(.serialized) struct PlanAndReportTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(prefix: "freshet-report") }

  private func report(expecting status: Int32) throws -> [String: Any] {
    let result = try ShellCommand("freshet run shop.yaml --until now --report report.json", in: directory)
    #expect(result.exitStatus == status, "\(result.errors)")
    let data = try Data(contentsOf: URL(fileURLWithPath: directory.appending("report.json")))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  private func object(_ value: Any?) throws -> [String: Any] { try #require(value as? [String: Any]) }

  private static let names: Set = [
    "pipeline", "state", "seconds", "cpu_seconds", "peak_memory_bytes", "retries", "read", "sources", "sinks", "stages",
  ]

  @Test func theReportOfARunHasTheNamesThatScriptsKnow() throws {
    let server = try ShopServer.start()
    _ = try ShopServer.pipeline(server, in: directory, sink: "type: files, path: archive, format: json")
    let report = try report(expecting: 0)
    #expect(Set(report.keys) == PlanAndReportTests.names)
    #expect(report["pipeline"] as? String == "shop")
    #expect(report["state"] as? String == "finished")
    #expect(Set(try object(report["read"]).keys) == ["rows", "transactions", "bytes"])
    let sink = try object(object(report["sinks"])["copy"])
    #expect(
      Set(sink.keys).subtracting(["lag_ms"]) == [
        "rows", "rows_per_second", "position", "accounting", "commits", "tables",
      ])
    let counts: Set = ["read", "delivered", "filtered", "superseded", "quarantined", "unaccounted"]
    #expect(Set(try object(sink["accounting"]).keys) == counts)
    #expect(Set(try object(object(sink["tables"])["shop.orders"]).keys) == counts)
    #expect(try object(sink["position"])["source"] is String)
    let stages = try object(report["stages"])
    #expect(Set(stages.keys) == ["source", "order", "deliver.copy"])
    for stage in stages.values {
      #expect(Set(try object(stage).keys).subtracting(["lag_ms"]) == ["busy_seconds", "blocked_seconds"])
    }
  }

  @Test func aRunThatFailsWritesItsReportToo() throws {
    let server = try ShopServer.start()
    _ = try ShopServer.pipeline(
      server, in: directory, sink: "type: blackhole", url: "mariadb://u@127.0.0.1:\(try FreePort.find())/")
    let report = try report(expecting: 69)
    #expect(Set(report.keys) == PlanAndReportTests.names)
    #expect(report["state"] as? String == "failed")
  }

  @Test func aReportThatCannotBeWrittenIsToldBeforeTheRun() throws {
    let server = try ShopServer.start()
    _ = try ShopServer.pipeline(server, in: directory, sink: "type: files, path: archive, format: json")
    let result = try ShellCommand("freshet run shop.yaml --until now --report nowhere/r.json", in: directory)
    #expect(result.exitStatus == 74)
    #expect(result.errors.contains("nowhere: the report's folder cannot be written to"), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: directory.appending("archive")))
  }

  @Test func aPlanChangesNothingAndKnowsTheCheckpointOfAnEarlierRun() throws {
    let server = try ShopServer.start()
    _ = try ShopServer.pipeline(server, in: directory, sink: "type: sqlite, path: copy.db")
    let before = try ShellCommand("freshet plan shop.yaml", in: directory)
    #expect(before.exitStatus == 0, "\(before.errors)")
    for text in ["start a snapshot at ", "CREATE TABLE \"orders\"", "shop.orders", "decimal(12,2)"] {
      #expect(before.output.contains(text), "\(before.output)")
    }
    #expect(!FileManager.default.fileExists(atPath: directory.appending("copy.db")))
    #expect(!FileManager.default.fileExists(atPath: directory.appending("state")))
    #expect(try ShellCommand("freshet run shop.yaml --until now", in: directory).exitStatus == 0)
    let after = try ShellCommand("freshet plan shop.yaml", in: directory)
    #expect(after.output.contains("start at the sinks' checkpoints"), "\(after.output)")
  }

  @Test func aPlanThatCannotConnectShowsNoSecret() throws {
    let server = try ShopServer.start()
    for port in [server.port, try FreePort.find()] {
      _ = try ShopServer.pipeline(
        server, in: directory, sink: "type: sqlite, path: copy.db", url: "mariadb://u:${SECRET}@127.0.0.1:\(port)/")
      for command in ["freshet plan shop.yaml", "freshet plan --json shop.yaml", "freshet run shop.yaml --until now"] {
        let result = try ShellCommand(command, in: directory, environment: ["SECRET": "canary-in-the-plan"])
        #expect(result.exitStatus != 0)
        #expect(result.errors.contains("127.0.0.1:\(port)"), "\(result.errors)")
        #expect(!(result.output + result.errors).contains("canary"), "\(command)")
      }
    }
  }

  @Test func aFolderThatCannotBeMadeIsToldWithItsPath() throws {
    let server = try ShopServer.start()
    _ = try ShopServer.pipeline(server, in: directory, sink: "type: files, path: /proc/archive, format: json")
    let result = try ShellCommand("freshet run shop.yaml --until now", in: directory)
    #expect(result.exitStatus == 74)
    #expect(result.errors.contains("/proc/archive: cannot make the folder"), "\(result.errors)")
  }
}
