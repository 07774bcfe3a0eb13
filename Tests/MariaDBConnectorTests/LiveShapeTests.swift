import Change
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

/// What a server's settings do to rows, names and times.
@Suite(.serialized) struct LiveShapeTests {
  private func server(_ options: [String: String?] = [:]) throws -> MariaDBServer {
    let server = try MariaDBServer(options: options)
    try server.run(
      "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT UNSIGNED PRIMARY KEY, note VARCHAR(40), body TEXT)")
    return server
  }

  private func change(_ server: MariaDBServer) throws {
    try server.run(
      "UPDATE shop.orders SET note='b'",
      "ALTER TABLE shop.orders ADD COLUMN extra BIGINT UNSIGNED FIRST, DROP COLUMN note",
      "INSERT INTO shop.orders VALUES (18446744073709551615, 2, 'x')",
      "UPDATE shop.orders SET id = id + 5 WHERE id = 2",
      "DELETE FROM shop.orders WHERE id = 7")
  }

  @Test(arguments: ["FULL", "MINIMAL"], ["FULL", "NOBLOB", "MINIMAL"])
  func `rows are whole under every image and metadata, across a change of the table`(metadata: String, image: String)
    async throws
  {
    let server = try server(["binlog_row_metadata": metadata, "binlog_row_image": image])
    let run = LiveRun(try server.source(["shop.*"]))
    try await server.awaitReaders()
    // With MINIMAL metadata a table is asked for at its first row, which must be read before the table changes.
    try server.execute("INSERT INTO shop.orders VALUES (4000000000, 'a', 'long')")
    #expect(await run.reaches { $0.target.count("shop.orders") == 1 })
    try change(server)
    let end = try server.query("SELECT @@gtid_binlog_pos")[0][0] ?? ""
    #expect(await run.reaches { $0.batches.last?.position.text == end })
    try await run.stopped()
    let target = run.output.target
    #expect(target.faults.isEmpty, "\(target.faults)")
    #expect(target.count("shop.orders") == 1)
    let last = run.output.batches.flatMap(\.schemas).last
    #expect(last?.columns.map(\.name) == ["extra", "id", "body"] && last?.key == [1])
  }

  @Test func `the heartbeat table gives event times in microseconds and none of its rows`() async throws {
    let server = try server()
    var options = try server.source([])
    options.heartbeatTable = TableName(namespace: "freshet", table: "heartbeat")
    options.heartbeat = 100_000_000
    try server.execute("CREATE DATABASE freshet")
    let run = LiveRun(options)
    #expect(await run.reaches { $0.watermark > .distantPast })
    try server.execute("INSERT INTO shop.orders VALUES (1, 'a', 'b')")
    #expect(await run.reaches { $0.target.count("shop.orders") == 1 })
    let inserted = Int64(Date().timeIntervalSince1970 * 1_000_000)
    #expect(await run.reaches { $0.watermark.microseconds > inserted })
    try await run.stopped()
    let target = run.output.target
    #expect(target.rows.keys.allSatisfy { $0.namespace == "shop" })
    #expect(target.commitTimes.contains { $0.microseconds % 1_000_000 != 0 })
    #expect(target.commitTimes == target.commitTimes.sorted())
  }

  @Test func `a stop ends a source that waits for the log, and a cancellation, too`() async throws {
    let server = try server()
    let stopped = LiveRun(try server.source())
    var options = try server.source()
    options.serverId = 77
    let cancelled = LiveRun(options)
    try await server.awaitReaders(2)
    let begun = Date()
    try await stopped.stopped()
    await cancelled.cancelled()
    #expect(Date().timeIntervalSince(begun) < 1.5)
  }

  @Test func `log files are read without a server, from any of their transactions`() async throws {
    let server = try server()
    try change(server)
    try server.run("FLUSH BINARY LOGS", "INSERT INTO shop.orders VALUES (9, 9, '9')")
    var live = try server.source(["shop.*"])
    live.start = .earliest
    let stream = LiveRun(live, until: .now)
    try await stream.finished()
    server.stop()
    var options = MariaDBSourceOptions(
      files: ["binlog.000001", "binlog.000002"].map { "\(server.dataDirectory)/\($0)" })
    options.tables = ["shop.*"]
    let whole = LiveRun(options)
    try await whole.finished()
    #expect(whole.output.target.rows == stream.output.target.rows)
    #expect(whole.output.target.identifiers == stream.output.target.identifiers)
    for batch in stream.output.batches.dropLast() {
      let rest = LiveRun(options, from: [batch.position])
      try await rest.finished()
      let expected = stream.output.target.identifiers
      #expect(rest.output.target.identifiers == Array(expected.suffix(rest.output.target.identifiers.count)))
      #expect(!rest.output.target.identifiers.isEmpty)
    }
  }
}
