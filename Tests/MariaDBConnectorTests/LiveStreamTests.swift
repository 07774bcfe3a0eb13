import Change
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

@Suite(.serialized) struct LiveStreamTests {
  private static let shop = [
    "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY, amount DECIMAL(12,2), note VARCHAR(40))",
  ]

  private func server() throws -> MariaDBServer {
    let server = try MariaDBServer()
    for statement in LiveStreamTests.shop { try server.execute(statement) }
    return server
  }

  @Test func `a stream from the latest position delivers what is committed later`() async throws {
    let server = try server()
    try server.execute("INSERT INTO shop.orders VALUES (1, 1.50, 'old')")
    let run = LiveRun(try server.source(["shop.*"]))
    try await server.awaitReaders()
    try server.run("INSERT INTO shop.orders VALUES (2, 2.50, 'new')", "UPDATE shop.orders SET note='x' WHERE id=2")
    #expect(await run.reaches { $0.changeCount == 2 })
    try await run.stopped()
    #expect(run.output.target.table("shop.orders").count == 1)
    #expect(run.output.target.faults.isEmpty)
  }

  @Test func `a stream from the earliest position has every transaction, and until now ends at the log's end`()
    async throws
  {
    let server = try server()
    try server.run(
      "INSERT INTO shop.orders VALUES (1, 1.50, 'a')", "DELETE FROM shop.orders", "FLUSH BINARY LOGS",
      "INSERT INTO shop.orders VALUES (7, 1.50, 'b')")
    var options = try server.source(["shop.*"])
    options.start = .earliest
    let run = LiveRun(options, until: .now)
    try await run.finished()
    let target = run.output.target
    #expect(target.count("shop.orders") == 1)
    #expect(target.faults.isEmpty)
    #expect(target.schemaChanges == ["create shop.orders"])
    let end = try server.query("SELECT @@gtid_binlog_pos")[0][0]
    #expect(target.checkpoint?.text == end)
  }

  @Test func `commit times do not go back, also where a restart begins between them`() async throws {
    let server = try MariaDBServer()
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY)")
    var options = try server.source(["shop.t"])
    options.start = .latest
    let first = LiveRun(options, until: .now)
    try await first.finished()
    let place = try server.query("SHOW MASTER STATUS")[0]
    options.start = .place(LogPlace(file: place[0] ?? "", offset: UInt64(place[1] ?? "") ?? 0))
    try server.run("INSERT INTO shop.t VALUES (1)")
    let second = LiveRun(options, until: .now)
    try await second.finished()
    // A statement that began earlier, and ended later.
    try server.run("SET STATEMENT timestamp = 1700000000 FOR INSERT INTO shop.t VALUES (2)")
    let third = LiveRun(options, from: [second.output.target.checkpoint], until: .now)
    try await third.finished()
    let times = (second.output.batches + third.output.batches).flatMap(\.transactions).map(\.commitTime)
    #expect(times.count == 2 && times == times.sorted())
  }

  @Test func `resuming behind every batch loses and repeats nothing`() async throws {
    let server = try server()
    for number in 1...12 {
      try server.execute("INSERT INTO shop.orders VALUES (\(number), \(number), 'n')")
      if number % 4 == 0 { try server.execute("FLUSH BINARY LOGS") }
    }
    try server.execute("UPDATE shop.orders SET amount = amount + 1")
    var options = try server.source(["shop.*"])
    options.start = .earliest
    let run = LiveRun(options, until: .now, output: LiveOutput())
    try await run.finished()
    let whole = run.output.target
    for cut in run.output.batches.indices {
      var target = LiveTarget()
      for batch in run.output.batches[...cut] { target.take(batch) }
      guard let checkpoint = target.checkpoint else { continue }
      let rest = LiveRun(options, from: [checkpoint], until: .now)
      try await rest.finished()
      for batch in rest.output.batches { target.take(batch) }
      #expect(target.faults.isEmpty)
      #expect(target.rows == whole.rows)
      #expect(target.identifiers == whole.identifiers)
    }
  }
}
