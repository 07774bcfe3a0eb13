import Change
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

/// XA transactions that are prepared while the source stops.
@Suite(.serialized) struct LivePreparedTests {
  private static func prepare(_ name: String, _ key: Int) -> [String] {
    [
      "XA START '\(name)'", "INSERT INTO shop.t VALUES (\(key), '\(name)'), (\(key + 1), '\(name)')",
      "XA END '\(name)'",
      "XA PREPARE '\(name)'",
    ]
  }

  /// Prepares over several files, and ends in another order.
  private func fill(_ server: MariaDBServer) throws {
    let main = try server.client()
    for statement in ["CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, note VARCHAR(20))"] {
      try main.execute(statement)
    }
    try main.execute("INSERT INTO shop.t VALUES (1, 'plain')")
    let (first, second, third) = (try server.client(), try server.client(), try server.client())
    for statement in Self.prepare("one", 10) { try first.execute(statement) }
    for statement in ["INSERT INTO shop.t VALUES (2, 'plain')", "FLUSH BINARY LOGS"] { try main.execute(statement) }
    for statement in Self.prepare("two", 20) { try second.execute(statement) }
    try main.execute("INSERT INTO shop.t VALUES (3, 'plain')")
    for statement in Self.prepare("three", 30) { try third.execute(statement) }
    try main.execute("FLUSH BINARY LOGS")
    try main.execute("UPDATE shop.t SET note = 'changed' WHERE id = 1")
    try second.execute("XA COMMIT 'two'")
    try main.execute("INSERT INTO shop.t VALUES (4, 'plain')")
    try first.execute("XA ROLLBACK 'one'")
    try main.execute("INSERT INTO shop.t VALUES (5, 'plain')")
    try third.execute("XA COMMIT 'three'")
    try main.execute("DELETE FROM shop.t WHERE id = 30")
  }

  private func check(_ target: LiveTarget, _ cut: Int) {
    #expect(target.faults.isEmpty, "cut \(cut): \(target.faults)")
    let keys = target.table("shop.t").keys.compactMap { Int($0.split(separator: " ").last ?? "") }.sorted()
    #expect(keys == [1, 2, 3, 4, 5, 20, 21, 31], "cut \(cut)")
  }

  @Test func `a source that stops while XA transactions are prepared loses and repeats nothing`() async throws {
    let server = try MariaDBServer()
    try fill(server)
    var options = try server.source(["shop.*"])
    options.start = .earliest
    options.batchBytes = 1
    let whole = LiveRun(options, until: .now)
    try await whole.finished()
    check(whole.output.target, -1)
    let batches = whole.output.batches
    #expect(batches.contains { $0.position.token.contains("prepared") })
    for cut in batches.indices {
      var target = LiveTarget()
      for batch in batches[...cut] { target.take(batch) }
      let rest = LiveRun(options, from: [target.checkpoint], until: .now)
      try await rest.finished()
      for batch in rest.output.batches { target.take(batch) }
      check(target, cut)
      #expect(target.identifiers == whole.output.target.identifiers, "cut \(cut)")
    }
  }

  @Test func `a server that is killed while XA transactions are prepared is followed on`() async throws {
    let server = try MariaDBServer(durability: .full)
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, note VARCHAR(20))")
    let client = try server.client()
    for statement in Self.prepare("one", 10) { try client.execute(statement) }
    try server.run("INSERT INTO shop.t VALUES (1, 'plain')")
    var options = try server.source(["shop.*"])
    options.start = .earliest
    let first = LiveRun(options)
    #expect(await first.reaches { $0.target.count("shop.t") == 1 })
    server.kill()
    #expect(await first.failure()?.code == .unreachable)
    try server.start()
    try server.run("XA COMMIT 'one'", "INSERT INTO shop.t VALUES (2, 'plain')")
    var target = first.output.target
    let second = LiveRun(options, from: [target.checkpoint], until: .now)
    try await second.finished()
    for batch in second.output.batches { target.take(batch) }
    #expect(target.faults.isEmpty && target.count("shop.t") == 4, "\(target.rows)")
  }

  @Test func `a prepared XA transaction survives a failover to a replica`() async throws {
    let primary = try MariaDBServer()
    let replica = try MariaDBServer(options: ["server_id": "2", "log_slave_updates": "1"])
    try primary.run("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, note VARCHAR(20))")
    let client = try primary.client()
    for statement in Self.prepare("one", 10) { try client.execute(statement) }
    try primary.run("INSERT INTO shop.t VALUES (1, 'plain')")
    try replica.run(
      "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=\(primary.port), MASTER_USER='root', MASTER_USE_GTID=slave_pos",
      "START SLAVE")
    _ = try replica.query("SELECT MASTER_GTID_WAIT('\(try primary.logEnd())', 20)")
    var options = try primary.source(["shop.*"])
    options.start = .earliest
    let first = LiveRun(options, until: .now)
    try await first.finished()
    var target = first.output.target
    #expect(target.checkpoint?.token.contains("prepared") ?? false)
    primary.kill()
    try replica.run("STOP SLAVE", "XA COMMIT 'one'", "INSERT INTO shop.t VALUES (2, 'plain')")
    let second = LiveRun(try replica.source(["shop.*"]), from: [target.checkpoint], until: .now)
    try await second.finished()
    for batch in second.output.batches { target.take(batch) }
    #expect(target.faults.isEmpty && target.count("shop.t") == 4, "\(target.rows)")
  }
}
