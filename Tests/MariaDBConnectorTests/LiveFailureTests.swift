import Change
import Flow
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

/// Each trouble is a named failure, before anything was emitted.
@Suite(.serialized) struct LiveFailureTests {
  private func server(_ options: [String: String?] = [:]) throws -> MariaDBServer {
    let server = try MariaDBServer(options: options)
    try server.run(
      "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARCHAR(40))",
      "INSERT INTO shop.orders VALUES (1, 'a')")
    return server
  }

  private func failure(_ options: MariaDBSourceOptions, from checkpoint: Position? = nil) async -> Failure? {
    await LiveRun(options, from: [checkpoint], until: .now).failure()
  }

  private func checkpoint(_ server: MariaDBServer) async throws -> Position {
    var options = try server.source(["shop.*"])
    options.start = .earliest
    let run = LiveRun(options, until: .now)
    try await run.finished()
    return try #require(run.output.target.checkpoint)
  }

  private func options(_ server: MariaDBServer, user: String, password: String = "p") throws -> MariaDBSourceOptions {
    var options = MariaDBSourceOptions(url: try MariaDBURL("mariadb://\(user):\(password)@127.0.0.1:\(server.port)/"))
    options.tables = ["shop.*"]
    return options
  }

  @Test func `a wrong password and each missing grant are named with their remedy`() async throws {
    let server = try server()
    try server.run(
      "CREATE USER good@'%' IDENTIFIED BY 'p'", "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO good@'%'",
      "GRANT SELECT ON shop.* TO good@'%'", "CREATE USER blind@'%' IDENTIFIED BY 'p'",
      "GRANT REPLICATION SLAVE ON *.* TO blind@'%'", "GRANT SELECT ON shop.* TO blind@'%'",
      "CREATE USER still@'%' IDENTIFIED BY 'p'", "GRANT BINLOG MONITOR ON *.* TO still@'%'",
      "GRANT SELECT ON shop.* TO still@'%'",
      "CREATE USER unseeing@'%' IDENTIFIED BY 'p'", "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO unseeing@'%'")
    #expect(await failure(try options(server, user: "good", password: "wrong"))?.code == .authentication)
    #expect(await failure(try options(server, user: "good")) == nil)
    for user in ["blind", "still"] {
      let failure = await failure(try options(server, user: user))
      #expect(failure?.code == .permission, "\(user): \(String(describing: failure))")
      #expect(failure?.hint.contains("GRANT") ?? false)
    }
    var unseeing = try options(server, user: "unseeing")
    unseeing.snapshotMode = .initial
    unseeing.tables = ["shop.orders"]
    let failure = await failure(unseeing)
    #expect(failure?.code == .permission && failure?.hint.contains("GRANT SELECT ON shop.orders") ?? false)
  }

  @Test func `a heartbeat table that may not be made or written is told with the statements that mend it`() async throws
  {
    let server = try server()
    try server.run(
      "CREATE USER f@'%' IDENTIFIED BY 'p'", "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO f@'%'",
      "GRANT SELECT ON shop.* TO f@'%'")
    var options = try options(server, user: "f")
    options.snapshotMode = .never
    options.heartbeatTable = TableName(namespace: "fresh`et", table: "heartbeat")
    let remedy =
      "CREATE DATABASE IF NOT EXISTS `fresh``et`; GRANT CREATE, SELECT, INSERT, UPDATE ON `fresh``et`.`heartbeat` TO "
    let made = "CREATE DATABASE `fresh``et`"
    for statements in [
      [], [made], ["GRANT CREATE, INSERT ON `fresh``et`.heartbeat TO f@'%'"],
      ["GRANT UPDATE ON `fresh``et`.heartbeat TO f@'%'"],
    ] {
      for statement in statements { try server.run(statement) }
      for told in [await failure(options), await planFailure(options)] {
        #expect(told?.code == .permission && told?.hint.hasPrefix(remedy) ?? false, "\(String(describing: told))")
        #expect(told?.message.contains("heartbeat table \"fresh`et.heartbeat\"") ?? false)
      }
    }
    try server.run("DROP DATABASE `fresh``et`", "REVOKE ALL PRIVILEGES, GRANT OPTION FROM f@'%'")
    try server.run("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO f@'%'", "GRANT SELECT ON shop.* TO f@'%'")
    for statement in remedy.split(separator: "; ") {
      try server.run(statement.hasPrefix("GRANT") ? "\(statement) f@'%'" : String(statement))
    }
    #expect(await planFailure(options) == nil)
    #expect(try server.query("SHOW TABLES FROM `fresh``et`").isEmpty, "a plan makes nothing")
    let told = await failure(options)
    #expect(told == nil, "\(String(describing: told))")
    #expect(try server.query("SELECT COUNT(*) FROM `fresh``et`.heartbeat") == [["1"]])
    // Who finds the table need not make it; who may make the database needs nobody to.
    try server.run("REVOKE CREATE ON `fresh``et`.heartbeat FROM f@'%'")
    #expect(await failure(options) == nil)
    #expect(await planFailure(options) == nil)
    options.heartbeatTable = TableName(namespace: "own", table: "heartbeat")
    #expect(await planFailure(options)?.code == .permission)
    try server.run("GRANT CREATE, SELECT, INSERT, UPDATE ON own.* TO f@'%'")
    #expect(await planFailure(options) == nil)
    #expect(await failure(options) == nil)
  }

  private func planFailure(_ options: MariaDBSourceOptions) async -> Failure? {
    let thread = DedicatedThread(name: "plan")
    defer { thread.stop() }
    do {
      _ = try await MariaDBSourceDefinition(options: options).plan(LiveRun.context(thread, nil))
      return nil
    } catch { return error as? Failure }
  }

  @Test func `a server that is shut down in order has gone, and its log is not at its end`() async throws {
    let server = try server()
    for until in [
      Until.never, .time(EventTime(seconds: UInt32.max)), .position("0-1-4000"), .position("binlog.000099:4"),
    ] {
      let run = LiveRun(try server.source(["shop.*"]), until: until)
      try await server.awaitReaders()
      try server.run("REPLACE INTO shop.orders VALUES (2, UUID())")
      #expect(await run.reaches { $0.changeCount > 0 })
      server.stop()
      let failure = await run.failure()
      #expect(failure?.code == .unreachable, "\(until): \(String(describing: failure))")
      #expect(failure?.message.contains("it may be shutting down") ?? false, "\(until): \(String(describing: failure))")
      try server.start()
    }
    let run = LiveRun(try server.source(["shop.*"]))
    try await server.awaitReaders()
    run.stop.request()
    server.stop()
    try await run.finished()
  }

  @Test func `a log that was reset is told after a snapshot, in it, and to a checkpoint that does not know its file`()
    async throws
  {
    let server = try server()
    let snapshot = LiveRun(try server.source(["shop.*"], snapshot: .initial), until: .now)
    try await snapshot.finished()
    let positions = try snapshot.output.batches.map { try MariaDBPosition($0.position) }
    let inside = try #require(positions.first { $0.snapshot != nil })
    let behind = try #require(positions.last)
    #expect(behind.snapshot == nil)
    #expect(positions.allSatisfy { $0.server.logCreated != 0 })
    var old = behind
    old.server.logCreated = 0
    var bare = old
    bare.gtids = GTIDSet()
    for position in [inside, behind, old, bare] {
      #expect(await failure(try server.source(["shop.*"], snapshot: .initial), from: position.position) == nil)
    }
    try await server.awaitNextSecond()
    // Each place lies inside an event then.
    try server.run("RESET MASTER", "INSERT INTO shop.orders SELECT seq, REPEAT('x', 40) FROM mysql.seq_100_to_400")
    for position in [inside, behind] {
      let told = await failure(try server.source(["shop.*"], snapshot: .initial), from: position.position)
      #expect(told?.code == .identity && told?.hint.contains("RESET MASTER") ?? false, "\(String(describing: told))")
    }
    for position in [old, bare] {
      let told = await failure(try server.source(["shop.*"]), from: position.position)
      #expect(told?.code == .positionLost, "\(String(describing: told))")
    }
    // The place of an event, but of another history.
    var place = old
    place.log.offset = try #require(try server.query("SHOW MASTER STATUS")[0][1].flatMap { UInt64($0) })
    let told = await failure(try server.source(["shop.*"]), from: place.position)
    #expect(told?.code == .identity, "\(String(describing: told))")
  }

  @Test func `an unreachable server can be tried again`() async throws {
    var options = MariaDBSourceOptions(url: try MariaDBURL("mariadb://root@127.0.0.1:1/"))
    options.snapshotMode = .never
    #expect(await failure(options)?.code == .unreachable)
  }

  @Test func `a server that logs statements, or nothing, is refused with the statement that mends it`() async throws {
    let statements = try server(["binlog_format": "STATEMENT"])
    let first = await failure(try statements.source(["shop.*"]))
    #expect(first?.code == .serverSetting && first?.hint.contains("binlog_format=ROW") ?? false)
    let none = try server(["log_bin": nil])
    let second = await failure(try none.source(["shop.*"]))
    #expect(second?.code == .serverSetting && second?.hint.contains("--log-bin") ?? false)
  }

  @Test func `a purged position, a reset log and a place between two events of a transaction stop the source`()
    async throws
  {
    let server = try server()
    let position = try await checkpoint(server)
    var inside = try server.source(["shop.*"])
    let events = try server.query("SHOW BINLOG EVENTS")
    let rows = try #require(events.first { $0[2]?.contains("rows") ?? false })
    inside.start = .place(LogPlace(file: rows[0] ?? "", offset: UInt64(rows[1] ?? "") ?? 0))
    #expect(await failure(inside) != nil)
    try server.run("FLUSH BINARY LOGS", "FLUSH BINARY LOGS", "INSERT INTO shop.orders VALUES (2, 'b')")
    let last = try server.query("SHOW MASTER STATUS")[0][0] ?? ""
    try await server.awaitPurge(to: last)
    #expect(await failure(try server.source(["shop.*"]), from: position)?.code == .positionLost)
    let again = LiveRun(try server.source(["shop.*"], snapshot: .whenNeeded), from: [position], until: .now)
    try await again.finished()
    #expect(again.output.target.schemaChanges == ["truncate shop.orders"])
    #expect(again.output.target.count("shop.orders") == 2)
    try await server.awaitNextSecond()
    try server.run("RESET MASTER", "INSERT INTO shop.orders VALUES (3, 'c')")
    let reset = await failure(try server.source(["shop.*"]), from: position)
    #expect(reset?.code == .identity || reset?.code == .positionLost, "\(String(describing: reset))")
    var gone = try server.source(["shop.*"])
    gone.start = .gtid(try GTIDSet("0-1-4000"))
    #expect(await failure(gone)?.code == .positionLost)
  }

  @Test func `a server of another history is refused`() async throws {
    let server = try server()
    let position = try await checkpoint(server)
    let other = try self.server(["server_id": "2"])
    let failure = await failure(try other.source(["shop.*"]), from: position)
    #expect(failure?.code == .identity, "\(String(describing: failure))")
  }

  @Test func `a connection that is half open is noticed within three heartbeats`() async throws {
    let server = try server()
    let proxy = try FaultProxy(target: server.port)
    var options = MariaDBSourceOptions(url: try MariaDBURL("mariadb://root@127.0.0.1:\(proxy.port)/"))
    options.snapshotMode = .never
    options.heartbeat = 300_000_000
    let run = LiveRun(options)
    try await server.awaitReaders()
    let stalled = Date()
    proxy.stall()
    #expect(await run.failure()?.code == .unreachable)
    #expect(Date().timeIntervalSince(stalled) < 3)
  }

  @Test func `a stream goes on at a promoted replica by GTID`() async throws {
    let primary = try server(["gtid_domain_id": "3"])
    let replica = try MariaDBServer(options: ["server_id": "2", "log_slave_updates": "1", "gtid_domain_id": "3"])
    try replica.run(
      "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=\(primary.port), MASTER_USER='root', MASTER_USE_GTID=slave_pos",
      "START SLAVE")
    try primary.run("INSERT INTO shop.orders VALUES (2, 'b')")
    let position = try await checkpoint(primary)
    try primary.run("INSERT INTO shop.orders VALUES (3, 'c')")
    let end = try primary.query("SELECT @@gtid_binlog_pos")[0][0] ?? ""
    _ = try replica.query("SELECT MASTER_GTID_WAIT('\(end)', 20)")
    primary.kill()
    try replica.run("STOP SLAVE", "INSERT INTO shop.orders VALUES (4, 'd')")
    var options = MariaDBSourceOptions(
      url: try MariaDBURL("mariadb://root@127.0.0.1:\(primary.port),127.0.0.1:\(replica.port)/"))
    options.tables = ["shop.*"]
    let run = LiveRun(options, from: [position], until: .now)
    try await run.finished()
    let keys = run.output.target.table("shop.orders").keys.sorted()
    #expect(keys == ["int(0) 3", "int(0) 4"])
  }

  @Test func `a restarted server is followed from the checkpoint`() async throws {
    let server = try server()
    let position = try await checkpoint(server)
    try server.run("INSERT INTO shop.orders VALUES (2, 'b')")
    try server.restart()
    try server.run("INSERT INTO shop.orders VALUES (3, 'c')")
    let run = LiveRun(try server.source(["shop.*"]), from: [position], until: .now)
    try await run.finished()
    #expect(run.output.target.count("shop.orders") == 2)
    #expect(run.output.target.faults.isEmpty)
  }
}
