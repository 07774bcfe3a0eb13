import Change
import Foundation
import PrivateServers
import SQLiteDatabase
import TestRandom
import Testing

/// A shop whose orders are counted by windows of a minute: what the tests of windows in the running program share.
///
/// The pipelines have a window `revenue` (orders, total and most by status) and one `steps` (orders and cents, retracting).
enum WindowShop {
  static func prepare(_ server: PrivateMariaDB) throws {
    try server.execute("CREATE DATABASE shop")
    try server.execute(
      """
      CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, status VARCHAR(16) NOT NULL,
        amount DECIMAL(12,2), happened DATETIME(6) NOT NULL)
      """)
  }

  /// Whether a target's checkpoint is inside a snapshot, or it has none.
  static func isInsideASnapshot(_ database: String) -> Bool {
    do {
      let rows = try rows(database, "SELECT position FROM _freshet_checkpoint", columns: 1)
      return rows.isEmpty || rows.contains { $0[0]?.contains("snapshot") ?? true }
    } catch {
      return true
    }
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

  /// Runs a pipeline twice as often as there are failpoints, each time while the orders change, and kills it: at the next of the
  /// failpoints, or, every other time, at any moment. Then it runs until all windows are complete and told.
  /// - Parameters:
  ///   - number: of the first change; that behind the last one at the end.
  ///   - patience: seconds in which a failpoint may be reached when nothing changes any more.
  ///   - change: makes one transaction.
  static func runUnderKills(
    _ path: String, _ server: PrivateMariaDB, in directory: TemporaryDirectory, failpoints: [String],
    seconds: ClosedRange<Double>, patience: Double, number: inout Int, _ random: inout SeededRandom,
    change: (PrivateMariaDB, Int, inout SeededRandom) throws -> Void
  ) throws {
    let log = directory.appending("run.log")
    for round in 0..<(2 * failpoints.count) {
      let failpoint = round % 2 == 0 ? failpoints[round / 2] : nil
      let process = try FreshetProcess(["run", path], log: log, failpoint: failpoint)
      let end = Date().addingTimeInterval(Double.random(in: seconds, using: &random))
      while Date() < end {
        try change(server, number, &random)
        number += 1
        usleep(3000)
      }
      if let status = process.wait(seconds: failpoint == nil ? 0 : patience) {
        try #require(status == -SIGKILL, "the program ended by itself with \(status): \(process.messages)")
      }
      process.kill()
    }
    try completeWindows(server)
    let last = try FreshetProcess(["run", path, "--until", "now"], log: log)
    #expect(last.wait(seconds: 120) == 0, "\(last.messages)")
  }

  /// A row far ahead completes every window before it.
  static func completeWindows(_ server: PrivateMariaDB) throws {
    try server.execute("INSERT INTO shop.orders (status, amount, happened) VALUES ('end', 0, '2026-01-03 00:00:00')")
  }

  /// What both windows told last is what queries at the source give.
  static func expectResults(in database: String, of server: PrivateMariaDB) throws {
    let expected = try server.query(
      """
      SELECT DATE_FORMAT(happened, '%Y-%m-%d %H:%i'), status, COUNT(*), SUM(amount), MAX(amount) FROM shop.orders
        WHERE status <> 'end' GROUP BY 1, 2
      """)
    let results = try rows(
      database, "SELECT substr(window_start, 1, 16), status, orders, total, most FROM revenue", columns: 5)
    #expect(sorted(results) == sorted(expected), "\(database)")
    let sums = try server.query(
      """
      SELECT DATE_FORMAT(happened, '%Y-%m-%d %H:%i'), status, COUNT(*), CAST(SUM(amount * 100) AS SIGNED)
        FROM shop.orders WHERE status <> 'end' GROUP BY 1, 2
      """)
    let steps = try rows(
      database,
      """
      SELECT substr(window_start, 1, 16), status, SUM(pane_sign * orders),
        CAST(ROUND(SUM(pane_sign * cents)) AS INTEGER) FROM steps GROUP BY 1, 2 HAVING SUM(pane_sign * orders) <> 0
      """, columns: 4)
    #expect(sorted(steps) == sorted(sums), "\(database)")
  }

  static func rows(_ database: String, _ query: String, columns: Int) throws -> [[String?]] {
    let connection = try SQLiteConnection(path: database, mode: .readOnly)
    let statement = try SQLiteStatement(connection, query)
    var rows: [[String?]] = []
    while try statement.step() { rows.append((0..<columns).map { statement.string($0) }) }
    return rows
  }

  /// Rows of either database as lines in one order.
  static func sorted(_ rows: [[String?]]) -> [String] {
    rows.map { $0.map { ($0 ?? "NULL").replacingOccurrences(of: "T", with: " ") }.joined(separator: "|") }.sorted()
  }
}
