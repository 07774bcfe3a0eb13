import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// A shard that is added to a pipeline that runs already: it begins with its snapshot, while the others go on where they were.
@Suite(.timeLimit(.minutes(3))) struct AddedSourceTests {
  private let servers: [PrivateMariaDB]
  private let directory: TemporaryDirectory
  private let copy: String

  init() throws {
    servers = try (1...3).map { _ in try PrivateMariaDB() }
    directory = try TemporaryDirectory(prefix: "freshet-added-source")
    copy = directory.appending("copy.db")
    for (index, server) in servers.enumerated() {
      try WindowShop.prepare(server)
      try server.execute("ALTER TABLE shop.orders AUTO_INCREMENT = \(index * 1_000_000 + 1)")
      try insert(5000, into: server)
    }
  }

  /// Rows whose event times lie within one hour.
  private func insert(_ count: Int, into server: PrivateMariaDB) throws {
    try server.execute(
      "INSERT INTO shop.orders (status, amount, happened)"
        + " SELECT IF(seq % 3, 'paid', 'open'), seq / 100, '2026-01-01 10:00:00' + INTERVAL seq % 3600 SECOND"
        + " FROM shop.seq_1_to_\(count)")
  }

  private func run(shards: [Int]) throws -> FreshetProcess {
    let path = directory.appending("shards.yaml")
    let sources = shards.map { shard in
      "  - { name: shard\(shard), type: mariadb, url: \"\(servers[shard - 1].url())\", tables: [\"shop.orders\"],"
        + " snapshot: { chunk_rows: 500 } }"
    }
    try """
    pipeline: shards
    sources:
    \(sources.joined(separator: "\n"))
    order: { idle_after: 300ms }
    windows:
      - name: revenue
        from: shop.orders
        event_time: happened
        allowed_lateness: 3h
        group_by: [status]
        window: { hopping: { size: 10m, every: 5m } }
        trigger: { late: each }
        aggregate: { orders: count(), total: sum(amount) }
    sinks:
      - { name: copy, type: sqlite, path: "\(copy)" }
      - { name: lines, type: files, path: "\(directory.appending("lines"))" }
    state: "\(directory.appending("state"))"
    """.write(toFile: path, atomically: true, encoding: .utf8)
    return try FreshetProcess(["run", path, "--until", "now"], log: directory.appending("run.log"))
  }

  /// What a query over the rows of these servers gives, with the windows that each row lies in.
  private func expectEqual(shards: [Int]) throws {
    let union = try SQLiteConnection(path: ":memory:")
    try union.execute("CREATE TABLE orders (id INTEGER, status TEXT, cents INTEGER, happened TEXT)")
    try union.execute("BEGIN")
    for shard in shards {
      let rows = try servers[shard - 1].query(
        "SELECT id, status, CAST(amount * 100 AS SIGNED), DATE_FORMAT(happened, '%Y-%m-%d %H:%i:%s') FROM shop.orders")
      for row in rows {
        let values = row.map { "'\($0 ?? "")'" }.joined(separator: ", ")
        try union.execute("INSERT INTO orders VALUES (\(values))")
      }
    }
    try union.execute("COMMIT")
    let expected = try text(
      union,
      """
      WITH RECURSIVE starts(start) AS (
        SELECT datetime('2026-01-01 09:55:00') UNION ALL
        SELECT datetime(start, '+5 minutes') FROM starts WHERE start < '2026-01-01 11:00:00')
      SELECT start, status, COUNT(*), SUM(cents) FROM starts
        JOIN orders ON happened >= start AND happened < datetime(start, '+10 minutes') GROUP BY start, status
      """)
    let connection = try SQLiteConnection(path: copy, mode: .readOnly)
    // Windows that no row has passed yet are not told.
    let told = try text(
      connection,
      """
      SELECT replace(substr(window_start, 1, 19), 'T', ' '), status, orders, CAST(ROUND(total * 100) AS INTEGER)
        FROM revenue
      """)
    #expect(!told.isEmpty && told.isSubset(of: expected), "\(told.subtracting(expected))")
    #expect(expected.subtracting(told).allSatisfy { $0 >= "2026-01-01 10:50" }, "\(expected.subtracting(told))")
    #expect(
      try text(connection, "SELECT COUNT(*), CAST(ROUND(SUM(amount * 100)) AS INTEGER), 0, 0 FROM orders")
        == text(union, "SELECT COUNT(*), SUM(cents), 0, 0 FROM orders"))
  }

  private func text(_ connection: SQLiteConnection, _ query: String) throws -> Set<String> {
    let statement = try SQLiteStatement(connection, query)
    var rows: Set<String> = []
    while try statement.step() {
      rows.insert((0..<4).map { statement.string($0) ?? "NULL" }.joined(separator: "|"))
    }
    return rows
  }

  @Test func itBeginsWithItsSnapshotAndTheOthersGoOn() throws {
    let first = try run(shards: [1, 2])
    #expect(first.wait() == 0, "\(first.messages)")
    try expectEqual(shards: [1, 2])
    try insert(700, into: servers[0])
    try servers[1].execute("UPDATE shop.orders SET status = 'sent', amount = amount + 1 WHERE id % 7 = 0")
    let second = try run(shards: [1, 2, 3])
    #expect(second.wait() == 0, "\(second.messages)")
    try expectEqual(shards: [1, 2, 3])
    try insert(900, into: servers[2])
    try servers[0].execute("DELETE FROM shop.orders WHERE id % 5 = 0")
    // In another place of the list.
    let third = try run(shards: [3, 1, 2])
    #expect(third.wait() == 0, "\(third.messages)")
    try expectEqual(shards: [1, 2, 3])
    // One that is not named any more has a part in every checkpoint.
    let fourth = try run(shards: [1, 2])
    #expect(fourth.wait() != 0)
    #expect(fourth.messages.contains("shard3"), "\(fourth.messages)")
  }
}
