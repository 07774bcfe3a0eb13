import Change
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import Synchronization
import TestServers
import Testing

/// Definitions, privileges and writers that get in a snapshot's way.
@Suite(.serialized) struct SnapshotTroubleTests {
  private func server(rows: Int = 2000) throws -> MariaDBServer {
    let server = try MariaDBServer()
    try server.run(
      "CREATE DATABASE s", "USE s", "CREATE TABLE s.t (id INT PRIMARY KEY, v INT, note VARCHAR(200))",
      "INSERT INTO s.t SELECT seq, seq, REPEAT('n', 100) FROM seq_1_to_\(rows)")
    return server
  }

  private func options(_ server: MariaDBServer, user: String = "root") throws -> MariaDBSourceOptions {
    var options = MariaDBSourceOptions(url: try MariaDBURL("mariadb://\(user)@127.0.0.1:\(server.port)/"))
    options.tables = ["s.*"]
    options.chunkRows = 100
    options.batchBytes = 4096
    return options
  }

  private func grant(_ server: MariaDBServer, select: String...) throws {
    try server.run("CREATE USER r@'%'", "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO r@'%'")
    for name in select { try server.run("GRANT SELECT ON \(name) TO r@'%'") }
  }

  @Test func `rows of a table that the user may not read stop the stream behind the snapshot`() async throws {
    let server = try server(rows: 10)
    try server.run("CREATE TABLE s.secret (id INT PRIMARY KEY)", "INSERT INTO s.secret VALUES (1)")
    try grant(server, select: "s.t")
    let run = LiveRun(try options(server, user: "r"))
    #expect(await run.reaches { $0.target.count("s.t") == 10 })
    try await server.awaitReaders()
    try server.run("INSERT INTO s.t VALUES (11, 1, '')", "INSERT INTO s.secret VALUES (2)")
    let failure = await run.failure()
    #expect(
      failure?.code == .permission && failure?.message.contains("s.secret") == true, "\(String(describing: failure))")
    #expect(failure?.hint.contains("GRANT SELECT ON `s`.`secret`") == true)
    #expect(run.output.target.count("s.secret") == 0)
    var without = try options(server, user: "r")
    without.tables = ["s.*", "!s.secret"]
    let second = LiveRun(without, from: [run.output.target.checkpoint], until: .now)
    try await second.finished()
    #expect(second.output.target.rows.keys.allSatisfy { $0.table == "t" })
  }

  @Test func `a table that is made during a snapshot comes from the log alone`() async throws {
    let server = try server()
    let made = Mutex(false)
    let output = LiveOutput { number in
      guard number == 5,
        !made.withLock({
          let old = $0; $0 = true; return old
        })
      else { return }
      try server.run(
        "CREATE TABLE s.u (id INT PRIMARY KEY)", "INSERT INTO s.u VALUES (1), (2)", "DELETE FROM s.u WHERE id = 1",
        "CREATE TABLE s.gone (id INT PRIMARY KEY)", "INSERT INTO s.gone VALUES (1)", "DROP TABLE s.gone",
        "UPDATE s.t SET v = 0 WHERE id IN (1, 1999)")
    }
    let run = LiveRun(try options(server), until: .never, output: output)
    #expect(await run.reaches { _ in made.withLock { $0 } })
    #expect(await run.reaches { ($0.batches.last?.position.text ?? "") == "0-1-10" })
    try await run.stopped()
    let target = run.output.target
    #expect(target.faults.isEmpty, "\(target.faults)")
    #expect(target.count("s.u") == 1 && target.count("s.t") == 2000 && target.count("s.gone") == 0)
    #expect(target.schemaChanges == ["create s.u", "create s.gone", "drop s.gone"])
  }
}
