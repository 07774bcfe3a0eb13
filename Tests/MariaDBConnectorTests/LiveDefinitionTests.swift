import Change
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

/// Definitions at a real server, known from before or asked for, and what stands in a snapshot's way.
@Suite(.serialized) struct LiveDefinitionTests {
  private static let unnamed: [String: String?] = ["binlog_row_metadata": "NO_LOG"]

  private func directory() -> String { NSTemporaryDirectory() + "freshet-definition-\(UUID().uuidString)" }

  /// The last row as its columns are called.
  private func lastRow(_ run: LiveRun) -> [String: String] {
    for batch in run.output.batches.reversed() {
      guard let change = batch.changes.last(where: { $0.operation != .schema && $0.hasAfter }) else { continue }
      var row: [String: String] = [:]
      for (index, column) in batch.schemas[Int(change.schema)].columns.enumerated() {
        row[column.name] = DecodedLog.text(batch.cells[Int(change.after) + index], batch)
      }
      return row
    }
    return [:]
  }

  @Test(arguments: ["NO_LOG", "FULL"])
  func `columns that were added before a restart are read right behind it`(metadata: String) async throws {
    let server = try MariaDBServer(options: ["binlog_row_metadata": metadata])
    let directory = directory()
    try server.run(
      "CREATE DATABASE shop",
      "CREATE TABLE shop.t (a INT PRIMARY KEY, u UUID, j JSON) CHARSET latin1",
      "INSERT INTO shop.t VALUES (1, UUID(), '[]')")
    let options = try server.source(["shop.*"], snapshot: .initial)
    var checkpoint: Position?
    for statement in [
      "SET @id = 1", "ALTER TABLE shop.t ADD c VARCHAR(10), ADD x TIMESTAMP",
      "INSERT INTO shop.t VALUES (2, '11111111-2222-3333-4444-555555555555', '{}', X'E9', NOW())",
    ] {
      try server.run(statement)
      let run = LiveRun(options, from: [checkpoint], until: .now, directory: directory)
      try await run.finished()
      checkpoint = run.output.target.checkpoint ?? checkpoint
      if !statement.hasPrefix("INSERT") { continue }
      let row = lastRow(run)
      #expect(row["c"] == "é" && row["j"] == "{}" && Set(row.keys) == ["a", "u", "j", "c", "x"], "\(row)")
      #expect(
        run.output.batches.flatMap(\.schemas).last?.columns.map(\.type).prefix(3) == [
          .integer(bits: 32, unsigned: false), .uuid, .json,
        ])
    }
  }

  @Test func `CREATE TABLE IF NOT EXISTS of a table that is there changes nothing, before and behind a restart`()
    async throws
  {
    let server = try MariaDBServer(options: Self.unnamed)
    let directory = directory()
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY, b INT)")
    var options = try server.source(["shop.*"])
    options.start = .latest
    let first = LiveRun(options, until: .now, directory: directory)
    try await first.finished()
    try await server.awaitNextSecond()
    var options2 = try server.source(["shop.*"])
    let place = try server.query("SHOW MASTER STATUS")[0]
    options2.start = .place(LogPlace(file: place[0] ?? "", offset: UInt64(place[1] ?? "") ?? 0))
    try server.run(
      "CREATE TABLE IF NOT EXISTS shop.t (x INT PRIMARY KEY, y INT)", "INSERT INTO shop.t VALUES (1, 2)",
      "CREATE TABLE IF NOT EXISTS shop.n (x INT PRIMARY KEY)")
    let second = LiveRun(options2, until: .now, directory: directory)
    try await second.finished()
    #expect(lastRow(second) == ["a": "1", "b": "2"])
    #expect(second.output.target.schemaChanges == ["create shop.n"])
    try server.run("CREATE TABLE IF NOT EXISTS shop.t (x INT PRIMARY KEY, y INT)", "INSERT INTO shop.t VALUES (3, 4)")
    let third = LiveRun(options2, from: [second.output.target.checkpoint], until: .now, directory: directory)
    try await third.finished()
    #expect(lastRow(third) == ["a": "3", "b": "4"] && third.output.target.schemaChanges.isEmpty)
  }

  @Test func `definitions that another server's log told are not taken for this one's`() async throws {
    let server = try MariaDBServer(options: Self.unnamed)
    let directory = directory()
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY, b INT)")
    let options = try server.source(["shop.*"], snapshot: .initial)
    let first = LiveRun(options, until: .now, directory: directory)
    try await first.finished()
    try await server.awaitNextSecond()
    try server.run("INSERT INTO shop.t VALUES (1, 10)")
    try await server.awaitNextSecond()
    try server.run("ALTER TABLE shop.t RENAME COLUMN b TO c")
    let checkpoint = first.output.target.checkpoint
    let second = LiveRun(options, from: [checkpoint], until: .now, directory: directory)
    try await second.finished()
    #expect(lastRow(second) == ["a": "1", "b": "10"])
    try server.run("SET GLOBAL server_id = 77", "FLUSH BINARY LOGS")
    let third = LiveRun(options, from: [checkpoint], until: .now, directory: directory)
    #expect(await third.failure()?.code == .schemaMismatch)
  }

  @Test func `writers of a table without transactions wait while a snapshot reads it, and no row comes twice`()
    async throws
  {
    let server = try MariaDBServer()
    try server.run(
      "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)",
      "CREATE TABLE shop.m (a INT) ENGINE=MyISAM", "INSERT INTO shop.m VALUES (1)")
    let output = LiveOutput { number in
      guard number == 0 else { return }
      let client = try server.client()
      try client.execute("SET SESSION lock_wait_timeout=1")
      #expect(throws: Failure.self) { try client.execute("INSERT INTO shop.m VALUES (2)") }
      try client.execute("INSERT INTO shop.t VALUES (2)")
    }
    let run = LiveRun(try server.source(["shop.*"], snapshot: .initial), output: output)
    try await server.awaitReaders()
    try server.run("INSERT INTO shop.m VALUES (3)")
    #expect(await run.reaches { $0.changeCount >= 4 })
    try await run.stopped()
    let rows = run.output.batches.flatMap { batch in batch.changes.map { batch.schemas[Int($0.schema)].name.table } }
    #expect(rows.sorted() == ["m", "m", "t", "t"])
  }

  @Test func `a snapshot refuses a table without transactions that the user may not lock`() async throws {
    let server = try MariaDBServer()
    try server.run(
      "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY)", "CREATE TABLE shop.m (a INT) ENGINE=MyISAM",
      "CREATE USER r@'%'", "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO r@'%'", "GRANT SELECT ON shop.* TO r@'%'")
    var options = MariaDBSourceOptions(url: try MariaDBURL("mariadb://r@127.0.0.1:\(server.port)/"))
    options.tables = ["shop.*"]
    let failure = await LiveRun(options, until: .now).failure()
    #expect(
      failure?.code == .serverSetting && failure?.message.contains("shop.m") == true, "\(String(describing: failure))")
    options.tables = ["shop.*", "!shop.m"]
    try await LiveRun(options, until: .now).finished()
  }

  @Test func `a source does not begin between the preparation of an XA transaction and its end`() async throws {
    let server = try MariaDBServer()
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY)")
    let client = try server.client()
    for statement in ["XA START 'x'", "INSERT INTO shop.t VALUES (1)", "XA END 'x'", "XA PREPARE 'x'"] {
      try client.execute(statement)
    }
    var latest = try server.source(["shop.*"])
    latest.start = .latest
    let busy = await LiveRun(latest, until: .now).failure()
    #expect(busy?.code == .busy && busy?.hint.contains("XA RECOVER") == true, "\(String(describing: busy))")
    let options = try server.source(["shop.*"], snapshot: .initial)
    let run = LiveRun(options)
    try await Task.sleep(nanoseconds: 300_000_000)
    try client.execute("XA COMMIT 'x'")
    try server.run("INSERT INTO shop.t VALUES (2)")
    #expect(await run.reaches { $0.target.count("shop.t") == 2 })
    try await run.stopped()
    #expect(run.output.target.faults.isEmpty)
  }

  @Test func `a further connection that a balancer leads to another server is not read`() async throws {
    let server = try MariaDBServer()
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)")
    // To the source a server that changes its id is another one.
    let output = LiveOutput { number in if number == 0 { try server.run("SET GLOBAL server_id = 77") } }
    let run = LiveRun(try server.source(["shop.*"], snapshot: .initial), until: .now, output: output)
    let failure = await run.failure()
    #expect(failure?.code == .unreachable && failure?.message.contains("77") == true, "\(String(describing: failure))")
  }

  @Test func `a row that moves into what a snapshot has read is not delivered in part`() async throws {
    let server = try MariaDBServer(options: ["binlog_row_image": "MINIMAL"])
    try server.run(
      "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY, v INT, note VARCHAR(200))",
      "INSERT INTO shop.t SELECT seq, seq, REPEAT('n', 100) FROM shop.seq_1_to_2000")
    var options = try server.source(["shop.*"], snapshot: .initial)
    options.chunkRows = 100
    options.batchBytes = 4096
    options.snapshotThreads = 1
    struct Broken: Error {}
    let first = LiveRun(options, output: LiveOutput { number in if number == 5 { throw Broken() } })
    _ = await first.failure()
    try server.run("UPDATE shop.t SET a = -1 WHERE a = 2000")
    let second = LiveRun(options, from: [first.output.target.checkpoint], until: .now)
    let failure = await second.failure()
    #expect(
      failure?.code == .serverSetting && failure?.hint.contains("binlog_row_image=FULL") == true,
      "\(String(describing: failure))")
  }

  @Test func `log files that follow each other are read as one log`() async throws {
    let server = try MariaDBServer(options: Self.unnamed)
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY)")
    let client = try server.client()
    for statement in ["XA START 'x'", "INSERT INTO shop.t VALUES (1)", "XA END 'x'", "XA PREPARE 'x'"] {
      try client.execute(statement)
    }
    try server.run("FLUSH BINARY LOGS", "INSERT INTO shop.t VALUES (2)")
    try client.execute("XA COMMIT 'x'")
    server.stop()
    try server.start()
    try server.run("INSERT INTO shop.t VALUES (3)")
    server.stop()
    var options = MariaDBSourceOptions(files: (1...3).map { "\(server.dataDirectory)/binlog.00000\($0)" })
    options.tables = ["shop.*"]
    let run = LiveRun(options)
    try await run.finished()
    #expect(run.output.target.faults.isEmpty && run.output.target.count("shop.t") == 3)
    #expect(Set(run.output.batches.flatMap(\.schemas).map { $0.columns.map(\.name) }) == [["a"]])
  }
}
