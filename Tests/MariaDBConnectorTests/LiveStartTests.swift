import Change
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

/// Where a source begins and where it ends, at a real server.
@Suite(.serialized) struct LiveStartTests {
  /// A server whose log has transactions for the keys 1 to 9 over three files, and the place behind each.
  private func filled(_ options: [String: String?] = [:]) throws -> (MariaDBServer, [LogPlace], [String]) {
    let server = try MariaDBServer(options: options)
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)")
    var places: [LogPlace] = []
    var gtids: [String] = []
    for key in 1...9 {
      try server.run("INSERT INTO shop.t VALUES (\(key))")
      let status = try server.query("SHOW MASTER STATUS")[0]
      places.append(LogPlace(file: status[0] ?? "", offset: UInt64(status[1] ?? "") ?? 0))
      gtids.append(try server.logEnd())
      if key % 3 == 0 { try server.run("FLUSH BINARY LOGS") }
    }
    return (server, places, gtids)
  }

  private func keys(_ run: LiveRun) -> [Int] {
    run.output.target.table("shop.t").keys.compactMap { Int($0.split(separator: " ").last ?? "") }.sorted()
  }

  private func read(
    _ server: MariaDBServer, _ start: MariaDBSourceOptions.Start?, until: Until = .now
  ) async throws -> [Int] {
    var options = try server.source(["shop.*"])
    options.start = start
    let run = LiveRun(options, until: until)
    try await run.finished()
    #expect(run.output.target.faults.isEmpty)
    return keys(run)
  }

  @Test func `a source begins behind any transaction by its GTID or its place, at the beginning and at the end`()
    async throws
  {
    let (server, places, gtids) = try filled()
    #expect(try await read(server, .earliest) == Array(1...9))
    #expect(try await read(server, .latest).isEmpty)
    #expect(try await read(server, nil).isEmpty)
    for index in places.indices {
      let rest = Array(1...9).suffix(8 - index)
      #expect(try await read(server, .place(places[index])) == Array(rest), "\(places[index])")
      #expect(try await read(server, .gtid(GTIDSet(gtids[index]))) == Array(rest), "\(gtids[index])")
    }
  }

  @Test func `a source ends behind the transaction that a position names, by GTID and by place`() async throws {
    let (server, places, gtids) = try filled()
    for index in places.indices {
      #expect(try await read(server, .earliest, until: .position(gtids[index])) == Array(1...(index + 1)))
      #expect(try await read(server, .earliest, until: .position(places[index].description)) == Array(1...(index + 1)))
    }
    let failure = await LiveRun(try server.source(), until: .position("yesterday")).failure()
    #expect(failure?.code == .usage)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a source ends before the first transaction of a later time, and does not wait for one`() async throws {
    let server = try MariaDBServer()
    let begun = Int(Date().timeIntervalSince1970) - 100
    let statements =
      ["CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)"]
      + (1...4).map { "INSERT INTO shop.t VALUES (\($0))" }
    let client = try server.client()
    for (index, statement) in statements.enumerated() {
      try client.execute("SET timestamp = \(begun + 10 * index)")
      try client.execute(statement)
    }
    let times = try await times(server)
    #expect(times == (0..<6).map { EventTime(seconds: UInt32(begun + 10 * $0)) })
    for (index, time) in times.enumerated() {
      for shift in [0, 5] {
        let end = EventTime(microseconds: time.microseconds + Int64(shift) * 1_000_000)
        #expect(try await read(server, .earliest, until: .time(end)) == Array(0..<max(0, index - 1)).map { $0 + 1 })
      }
    }
    let end = try #require(times.last)
    #expect(try await read(server, .earliest, until: .time(end)) == [1, 2, 3, 4])
  }

  private func times(_ server: MariaDBServer) async throws -> [EventTime] {
    var options = try server.source(["shop.*"])
    options.start = .earliest
    let run = LiveRun(options, until: .now)
    try await run.finished()
    return run.output.target.commitTimes
  }

  @Test func `a GTID whose log was purged, or that never was, is a lost position`() async throws {
    let (server, places, gtids) = try filled()
    try await server.awaitPurge(to: places[8].file)
    for gtid in [gtids[0], "0-1-4000"] {
      var options = try server.source(["shop.*"])
      options.start = .gtid(try GTIDSet(gtid))
      let failure = await LiveRun(options, until: .now).failure()
      #expect(
        failure?.code == .positionLost && failure?.hint.isEmpty == false, "\(gtid): \(String(describing: failure))")
    }
  }

  @Test func `a plan says where the source would begin, what it would read and what to mind`() async throws {
    let (server, places, gtids) = try filled(["binlog_row_metadata": "MINIMAL"])
    try server.run("CREATE TABLE shop.heap (a INT)")
    let run = LiveRun(try server.source(), until: .now)
    try await run.finished()
    var options = try server.source(["shop.*"], snapshot: .initial)
    let plan = try await run.plan(options)
    #expect(plan.tables.map(\.schema.name.description).sorted() == ["shop.heap", "shop.t"])
    #expect(plan.start.hasPrefix("a snapshot at binlog.") && plan.server.contains("MariaDB"))
    #expect(plan.warnings.contains { $0.contains("binlog_row_metadata") })
    #expect(plan.warnings.contains { $0.contains("shop.heap") && $0.contains("no key") })
    options.start = .place(places[2])
    #expect(try await run.plan(options).start == places[2].description)
    options.start = .gtid(try GTIDSet(gtids[2]))
    #expect(try await run.plan(options).start == gtids[2])
    options.start = .place(LogPlace(file: "binlog.000099", offset: 4))
    await #expect { try await run.plan(options) } throws: { ($0 as? Failure)?.code == .positionLost }
    options = try server.source(["none.*"])
    #expect(try await run.plan(options).warnings.contains { $0.contains("no table matches") })
  }
}

extension LiveRun {
  func plan(_ options: MariaDBSourceOptions) async throws -> SourcePlan {
    try await MariaDBSourceDefinition(options: options).plan(planContext)
  }
}
