import Change
import Foundation
import MariaDBClient
import PrivateServers
import TestRandom
import Testing

/// What a target server does to its writers: it restarts, hangs up, makes them wait and gives way to others.
@Suite(.serialized) struct MirrorTroubleTests {
  @Test func restartsCutsDeadlocksAndLocksAtTheTargetDelayAndLoseNothing() throws {
    let server = try PrivateMariaDB()
    let target = try PrivateMariaDB(options: ["log_bin": nil, "server_id": "2", "innodb_lock_wait_timeout": "1"])
    try MixedWorkload.prepare(server, seedRows: 1000)
    let directory = try TemporaryDirectory(prefix: "freshet-mirror-trouble")
    let sink = "{ name: copy, type: mariadb, url: \"\(target.url())\" }"
    let pipeline = try PipelineText.write(server, in: directory, sinks: [sink])
    let workload = MixedWorkload()
    let watch = BankWatch()
    workload.start(server, seed: KillTests.seed, secondsPerSchemaChange: 2)
    watch.start(server: target)
    let process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"))
    try #require(eventually { try MirrorTroubleTests.ledgerCount(target) > 0 }, "\(process.messages)")
    for round in 0..<3 {
      try target.restart()
      try expectProgress(target, process, "after a restart")
      target.kill()
      try target.start()
      try expectProgress(target, process, "after a crash")
      try MirrorTroubleTests.hangUp(target)
      try expectProgress(target, process, "after its connections were ended")
      try MirrorTroubleTests.lockRows(target, seconds: 2.5)
      try expectProgress(target, process, "after a lock wait timeout in round \(round)")
    }
    try workload.stop()
    process.signal(SIGTERM)
    #expect(process.wait(seconds: 30) == 0, "\(process.messages)")
    let last = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    let (reads, violations) = watch.stop()
    #expect(violations.isEmpty, "\(violations.prefix(5)) of \(reads) reads")
    let comparison = ServerComparison(source: server, target: target)
    try comparison.expectEqualTables(in: "bank")
    try comparison.expectLedger(workload.acknowledged)
  }

  private static func ledgerCount(_ target: PrivateMariaDB) throws -> Int {
    // The table may not be there yet, and the server may be on its way up.
    guard let rows = try? target.query("SELECT COUNT(*) FROM bank.ledger") else { return 0 }
    return Int(rows[0][0] ?? "") ?? 0
  }

  private func expectProgress(_ target: PrivateMariaDB, _ process: FreshetProcess, _ when: String) throws {
    let before = try MirrorTroubleTests.ledgerCount(target)
    let goesOn = try eventually { try MirrorTroubleTests.ledgerCount(target) > before }
    try #require(goesOn, "no progress \(when): \(process.messages)")
  }

  /// Ends every connection but this one.
  private static func hangUp(_ target: PrivateMariaDB) throws {
    let connection = try target.client()
    for row in try connection.query("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()") {
      // It may have ended by itself meanwhile.
      if let id = row[0] { _ = try? connection.execute("KILL CONNECTION \(id)") }
    }
  }

  /// Holds every account, so that transfers wait longer than the server lets them.
  private static func lockRows(_ target: PrivateMariaDB, seconds: Double) throws {
    let connection = try target.client()
    try connection.execute("BEGIN")
    // The writer may have them; then it waits less.
    _ = try? connection.query("SELECT COUNT(*) FROM bank.accounts FOR UPDATE")
    usleep(UInt32(seconds * 1e6))
    try connection.execute("ROLLBACK")
  }
}
