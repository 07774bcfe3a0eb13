import Change
import Foundation
import PrivateServers
import SQLiteDatabase
import TestRandom
import Testing

/// Windows in the running program: whatever happens on the way, the last result of each window is what a query over the
/// source gives.
@Suite(.serialized) struct WindowTests {
  private static let failpoints = [
    "windows.before_rename:1", "windows.stored:1", "windows.before_rename:2", "windows.stored:2",
    "sqlite.before_commit:2",
    "sqlite.after_commit:3", "sqlite.before_commit:1", "sqlite.after_commit:1",
  ]

  private static func pipeline(_ server: PrivateMariaDB, in directory: TemporaryDirectory) throws -> String {
    let common =
      "from: shop.orders, event_time: happened, max_delay: 30s, allowed_lateness: 2h, group_by: [status],"
      + " window: { tumbling: 1m }, trigger: { early: 1s, late: each }"
    let text = """
      pipeline: shop
      source:
        type: mariadb
        url: \(server.url())
        tables: ["shop.*"]
        snapshot: { mode: never }
        start: earliest
      windows:
        - { name: revenue, \(common), aggregate: { orders: count(), total: sum(amount), most: max(amount) } }
        - { name: steps, \(common), accumulation: retracting, aggregate: { orders: count(), cents: sum(amount * 100) } }
      sinks:
        - { name: copy, type: sqlite, path: "\(directory.appending("copy.db"))" }
        - { name: second, type: sqlite, path: "\(directory.appending("second.db"))" }
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("shop.yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// One random transaction over the orders.
  static func change(_ server: PrivateMariaDB, _ number: Int, _ random: inout SeededRandom) throws {
    let status = ["'new'", "'paid'", "'sent'"].randomElement(using: &random) ?? "'new'"
    let second = number / 4 + Int.random(in: 0...120, using: &random)
    let time = "TIMESTAMP'2026-01-01 10:00:00' + INTERVAL \(second) SECOND"
    let cents = Int.random(in: -500...9999, using: &random)
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<5:
      try server.execute(
        "INSERT INTO shop.orders (status, amount, happened) SELECT \(status), (\(cents) + CAST(seq AS SIGNED)) / 100, \(time)"
          + " FROM shop.seq_1_to_\(Int.random(in: 1...20, using: &random))")
    case 5..<8:
      try server.execute(
        "UPDATE shop.orders SET status = \(status), amount = \(cents) / 100, happened = \(time)"
          + " ORDER BY RAND() LIMIT 3")
    default: try server.execute("DELETE FROM shop.orders ORDER BY RAND() LIMIT 2")
    }
  }

  @Test func afterKillsTheLastResultOfEachWindowIsWhatAQueryAtTheSourceGives() throws {
    let server = try PrivateMariaDB()
    try server.execute("CREATE DATABASE shop")
    try server.execute(
      """
      CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, status VARCHAR(16) NOT NULL,
        amount DECIMAL(12,2), happened DATETIME(6) NOT NULL)
      """)
    let directory = try TemporaryDirectory(prefix: "freshet-window-kills")
    let path = try WindowTests.pipeline(server, in: directory)
    var random = SeededRandom(seed: KillTests.seed)
    var number = 0
    for round in 0..<16 {
      let failpoint = round % 2 == 0 ? WindowTests.failpoints[round / 2] : nil
      let process = try FreshetProcess(["run", path], log: directory.appending("run.log"), failpoint: failpoint)
      let end = Date().addingTimeInterval(Double.random(in: 0.5...2.5, using: &random))
      while Date() < end {
        try WindowTests.change(server, number, &random)
        number += 1
        usleep(3000)
      }
      if let status = process.wait(seconds: failpoint == nil ? 0 : 6) {
        try #require(status == -SIGKILL, "the program ended by itself with \(status): \(process.messages)")
      }
      process.kill()
    }
    // A row far ahead completes every window before it.
    try server.execute("INSERT INTO shop.orders (status, amount, happened) VALUES ('end', 0, '2026-01-03 00:00:00')")
    let last = try FreshetProcess(["run", path, "--until", "now"], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    #expect(number > 500)
    for database in ["copy.db", "second.db"] { try expectEqual(server, directory.appending(database)) }
  }

  private func expectEqual(_ server: PrivateMariaDB, _ database: String) throws {
    let expected = try server.query(
      """
      SELECT DATE_FORMAT(happened, '%Y-%m-%d %H:%i'), status, COUNT(*), SUM(amount), MAX(amount) FROM shop.orders
        WHERE status <> 'end' GROUP BY 1, 2
      """)
    let results = try WindowTests.rows(
      database, "SELECT substr(window_start, 1, 16), status, orders, total, most FROM revenue", columns: 5)
    #expect(results == WindowTests.sorted(expected), "\(database)")
    let steps = try WindowTests.rows(
      database,
      """
      SELECT substr(window_start, 1, 16), status, SUM(pane_sign * orders),
        CAST(ROUND(SUM(pane_sign * cents)) AS INTEGER) FROM steps GROUP BY 1, 2 HAVING SUM(pane_sign * orders) <> 0
      """, columns: 4)
    let sums = try server.query(
      """
      SELECT DATE_FORMAT(happened, '%Y-%m-%d %H:%i'), status, COUNT(*), CAST(SUM(amount * 100) AS SIGNED)
        FROM shop.orders WHERE status <> 'end' GROUP BY 1, 2
      """)
    #expect(steps == WindowTests.sorted(sums), "\(database)")
  }

  static func sorted(_ rows: [[String?]]) -> [String] {
    rows.map { $0.map { ($0 ?? "NULL").replacingOccurrences(of: "T", with: " ") }.joined(separator: "|") }.sorted()
  }

  static func rows(_ database: String, _ query: String, columns: Int) throws -> [String] {
    let connection = try SQLiteConnection(path: database, mode: .readOnly)
    let statement = try SQLiteStatement(connection, query)
    var rows: [[String?]] = []
    while try statement.step() { rows.append((0..<columns).map { statement.string($0) }) }
    return sorted(rows)
  }
}
