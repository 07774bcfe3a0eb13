import Foundation
import PrivateServers
import SQLiteDatabase
import TestRandom
import Testing

/// Windows over three servers, while the program is killed, servers fall silent and come back, and one is stopped for a
/// while: the last result of each window is what a query over all servers gives.
@Suite(.serialized) struct MergedWindowKillTests {
  private static let failpoints = [
    "windows.stored:1", "order.break_noted:1", "windows.stored:2", "order.break_noted:3", "sqlite.after_commit:3",
    "order.break_noted:2", "windows.before_rename:2", "sqlite.before_commit:2",
  ]

  private static func pipeline(
    _ servers: [PrivateMariaDB], in directory: TemporaryDirectory, takesSnapshots: Bool
  ) throws -> String {
    let start =
      takesSnapshots ? "snapshot: { threads: 2, chunk_rows: 500 }" : "start: earliest, snapshot: { mode: never }"
    let sources = servers.enumerated().map { index, server in
      """
        - { name: shard\(index + 1), type: mariadb, url: "\(server.url())", tables: ["shop.*"], \(start) }
      """
    }
    let text = """
      pipeline: merged
      sources:
      \(sources.joined(separator: "\n"))
      order: { idle_after: 300ms }
      windows:
        - name: revenue
          from: shop.orders
          event_time: happened
          max_delay: 30s
          allowed_lateness: 2h
          group_by: [status]
          window: { tumbling: 1m }
          trigger: { early: 1s, late: each }
          aggregate: { orders: count(), total: sum(amount), most: max(amount) }
      \(WindowKinds.entries)
      sinks:
        - { name: copy, type: sqlite, path: "\(directory.appending("copy.db"))" }
        - { name: second, type: sqlite, path: "\(directory.appending("second.db"))" }
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("merged.yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private static func prepare(_ server: PrivateMariaDB, shard: Int, rows: Int) throws {
    try WindowShop.prepare(server)
    try server.execute("ALTER TABLE shop.orders AUTO_INCREMENT = \(shard * 1_000_000 + 1)")
    try server.execute(
      "INSERT INTO shop.orders (status, amount, happened) SELECT 'old', seq, '2026-01-01 10:00:00'"
        + " FROM shop.seq_1_to_\(rows)")
    // The silent one holds no window open, so that rows of the others come late.
    if shard == 3 { try WindowShop.completeWindows(server) }
  }

  /// The first kills are inside the snapshots, where there are some.
  @Test(arguments: [false, true])
  func afterKillsTheLastResultOfEachWindowIsWhatAQueryOverAllShardsGives(_ takesSnapshots: Bool) throws {
    let servers = try (1...3).map { _ in try PrivateMariaDB() }
    for (index, server) in servers.enumerated() {
      try MergedWindowKillTests.prepare(server, shard: index + 1, rows: takesSnapshots ? 80_000 : 20)
    }
    let directory = try TemporaryDirectory(prefix: "freshet-merged-window-kills")
    let path = try MergedWindowKillTests.pipeline(servers, in: directory, takesSnapshots: takesSnapshots)
    var random = SeededRandom(seed: KillTests.seed)
    var number = 0
    var inside = 0
    for round in 0..<12 {
      let failpoint = round % 2 == 0 ? MergedWindowKillTests.failpoints[round / 2] : nil
      let process = try FreshetProcess(["run", path], log: directory.appending("run.log"), failpoint: failpoint)
      if round == 4 { try MergedWindowKillTests.stall(servers[1]) { usleep(1_500_000) } }
      let seconds = takesSnapshots && round < 8 ? 0.15...0.8 : 1...2.5
      let end = Date().addingTimeInterval(Double.random(in: seconds, using: &random))
      while Date() < end {
        // One of the first two writes for a while; the other falls silent meanwhile. The third is silent all along.
        let writer = Int(Date().timeIntervalSince1970 * 2) % 2
        try WindowShop.change(servers[writer], number, &random)
        number += 1
        usleep(4000)
      }
      if let status = process.wait(seconds: failpoint == nil ? 0 : 3) {
        try #require(status == -SIGKILL, "the program ended by itself with \(status): \(process.messages)")
      }
      process.kill()
      if WindowShop.isInsideASnapshot(directory.appending("copy.db")) { inside += 1 }
    }
    if takesSnapshots { print("\(inside) of 12 kills were inside the snapshots") }
    #expect(!takesSnapshots || inside > 0, "\(inside) kills were inside the snapshots")
    for server in servers { try WindowShop.completeWindows(server) }
    let last = try FreshetProcess(["run", path, "--until", "now"], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    #expect(number > (takesSnapshots ? 50 : 200))
    for database in ["copy.db", "second.db"] {
      try MergedWindowKillTests.expectEqual(servers, directory.appending(database))
      try WindowKinds.expectResults(
        in: directory.appending(database), of: servers, someAreLate: !takesSnapshots)
    }
    try WindowKinds.expectEqualResults(in: directory.appending("copy.db"), and: directory.appending("second.db"))
  }

  private static func stall(_ server: PrivateMariaDB, _ body: () -> Void) throws {
    let text = try String(contentsOfFile: "\(server.directory)/server.pid", encoding: .utf8)
    let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(kill(pid, SIGSTOP) == 0)
    body()
    #expect(kill(pid, SIGCONT) == 0)
  }

  private static func expectEqual(_ servers: [PrivateMariaDB], _ database: String) throws {
    // What each server has is put together in the test's own database: no server can read the others.
    let union = try SQLiteConnection(path: database + ".union")
    try union.execute("CREATE TABLE parts (status TEXT, minute TEXT, orders INTEGER, total INTEGER, most INTEGER)")
    for server in servers {
      for row in try server.query(
        """
        SELECT status, DATE_FORMAT(happened, '%Y-%m-%d %H:%i') minute, COUNT(*), CAST(SUM(amount * 100) AS SIGNED),
          CAST(MAX(amount * 100) AS SIGNED) FROM shop.orders WHERE status <> 'end' GROUP BY status, minute
        """)
      {
        let numbers = row[2...].map { $0 ?? "NULL" }.joined(separator: ", ")
        try union.execute("INSERT INTO parts VALUES ('\(row[0] ?? "")', '\(row[1] ?? "")', \(numbers))")
      }
    }
    let connection = try SQLiteConnection(path: database, mode: .readOnly)
    let found = try rows(
      connection,
      """
      SELECT replace(substr(window_start, 1, 16), 'T', ' '), status, orders, CAST(ROUND(total * 100) AS INTEGER),
        CAST(ROUND(most * 100) AS INTEGER) FROM revenue WHERE status <> 'end'
      """)
    let expected = try rows(
      union, "SELECT minute, status, SUM(orders), SUM(total), MAX(most) FROM parts GROUP BY minute, status")
    #expect(found == expected, "\(database)")
    // The rows themselves come, too.
    let copied = try rows(
      connection,
      """
      SELECT replace(substr(happened, 1, 16), 'T', ' '), status, COUNT(*), CAST(ROUND(SUM(amount * 100)) AS INTEGER),
        CAST(ROUND(MAX(amount * 100)) AS INTEGER) FROM orders WHERE status <> 'end' GROUP BY 1, 2
      """)
    #expect(copied == expected, "\(database)")
  }

  private static func rows(_ connection: SQLiteConnection, _ query: String) throws -> [String] {
    let statement = try SQLiteStatement(connection, query)
    var rows: [String] = []
    while try statement.step() {
      rows.append((0..<5).map { statement.string($0) ?? "NULL" }.joined(separator: "|"))
    }
    return rows.sorted()
  }
}
