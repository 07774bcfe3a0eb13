import Foundation
import PrivateServers
import TestRandom
import Testing

/// Windows over a snapshot and the changes behind it, of servers that log whole rows and of those that do not, under kills
/// in both.
@Suite(.serialized) struct WindowSnapshotTests {
  private static let failpoints = [
    "windows.stored:1", "windows.before_rename:2", "sqlite.before_commit:3", "sqlite.after_commit:5",
    "windows.stored:3",
    "sqlite.after_commit:2",
  ]

  private static func pipeline(
    _ server: PrivateMariaDB, in directory: TemporaryDirectory, _ rest: String, sinks: [String] = ["copy"]
  ) throws -> String {
    let common =
      "from: shop.orders, event_time: happened, max_delay: 30s, allowed_lateness: 2h, group_by: [status],"
      + " window: { tumbling: 1m }\(rest)"
    let list = sinks.map { "{ name: \($0), type: sqlite, path: \"\(directory.appending("\($0).db"))\" }" }
      .joined(separator: ", ")
    let text = """
      pipeline: shop
      source:
        type: mariadb
        url: \(server.url())
        tables: ["shop.*"]
        snapshot: { mode: initial, threads: 2, chunk_rows: 500 }
      windows:
        - { name: revenue, \(common), aggregate: { orders: count(), total: sum(amount), most: max(amount) } }
        - { name: steps, \(common), accumulation: retracting, aggregate: { orders: count(), cents: sum(amount * 100) } }
        - { name: arrivals, from: shop.orders, group_by: [status], window: { tumbling: 1s }, trigger: { early: 1 },
            aggregate: { orders: count() }\(rest.contains("remember") ? ", remember: true" : "") }
      sinks: [\(list)]
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("shop.yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private static func prepare(_ server: PrivateMariaDB, rows: Int = 40_000) throws {
    try server.execute("CREATE DATABASE shop")
    try server.execute(
      """
      CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(40), status VARCHAR(16) NOT NULL,
        amount DECIMAL(12,2) DEFAULT 2.50, happened DATETIME(6) NOT NULL)
      """)
    try server.execute(
      """
      INSERT INTO shop.orders (note, status, amount, happened) SELECT 'first', ELT(1 + seq % 3, 'new', 'paid', 'sent'),
        seq / 100, TIMESTAMP'2026-01-01 10:00:00' + INTERVAL seq % 900 SECOND FROM shop.seq_1_to_\(rows)
      """)
  }

  /// One random transaction over the orders.
  private static func change(_ server: PrivateMariaDB, _ number: Int, _ random: inout SeededRandom) throws {
    let status = ["'new'", "'paid'", "'sent'"].randomElement(using: &random) ?? "'new'"
    let second = number / 4 + Int.random(in: 0...120, using: &random)
    let time = "TIMESTAMP'2026-01-01 10:00:00' + INTERVAL \(second) SECOND"
    let cents = Int.random(in: -500...9999, using: &random)
    let id = Int.random(in: 1...40_000, using: &random)
    let some = "WHERE id BETWEEN \(id) AND \(id + 3)"
    switch Int.random(in: 0..<12, using: &random) {
    case 0..<3: try server.execute("INSERT INTO shop.orders (status, happened) VALUES (\(status), \(time))")
    case 3: try server.execute("UPDATE shop.orders SET note = 'not read' \(some)")
    case 4..<6: try server.execute("UPDATE shop.orders SET status = \(status), amount = \(cents) / 100 \(some)")
    case 6..<8: try server.execute("UPDATE shop.orders SET happened = \(time) \(some)")
    case 8: try server.execute("UPDATE shop.orders SET amount = NULL, id = \(1_000_000 + number) WHERE id = \(id)")
    case 9..<11: try server.execute("DELETE FROM shop.orders \(some)")
    default: try server.execute("DELETE FROM shop.orders ORDER BY id DESC LIMIT 1")
    }
  }

  @Test(arguments: ["FULL", "MINIMAL", "NOBLOB"])
  func afterASnapshotAndKillsBehindItTheResultsAreWhatAQueryGives(_ images: String) throws {
    let server = try PrivateMariaDB(options: ["binlog_row_image": images])
    try WindowSnapshotTests.prepare(server)
    let directory = try TemporaryDirectory(prefix: "freshet-window-snapshot")
    let path = try WindowSnapshotTests.pipeline(server, in: directory, images == "FULL" ? "" : ", remember: true")
    var random = SeededRandom(seed: KillTests.seed)
    var number = 0
    let first = try FreshetProcess(["run", path, "--until", "now"], log: directory.appending("run.log"))
    while first.wait(seconds: 0.003) == nil {
      try WindowSnapshotTests.change(server, number, &random)
      number += 1
    }
    #expect(first.wait() == 0, "\(first.messages)")
    try WindowShop.runUnderKills(
      path, server, in: directory, failpoints: WindowSnapshotTests.failpoints, seconds: 0.3...1.2, patience: 3,
      number: &number, &random, change: WindowSnapshotTests.change)
    #expect(number > 200)
    try expectEqual(server, directory.appending("copy.db"))
  }

  private func expectEqual(_ server: PrivateMariaDB, _ database: String) throws {
    try WindowShop.expectResults(in: database, of: server)
    // The rows themselves come whole, too.
    let rows = try server.query("SELECT id, COALESCE(note, '-'), status, COALESCE(amount, '-') FROM shop.orders")
    let copied = try WindowShop.rows(
      database, "SELECT id, COALESCE(note, '-'), status, COALESCE(amount, '-') FROM orders", columns: 4)
    #expect(WindowShop.sorted(copied) == WindowShop.sorted(rows))
    // What every window of commit times says together.
    let counts = try server.query("SELECT status, COUNT(*) FROM shop.orders GROUP BY 1")
    let arrivals = try WindowShop.rows(
      database, "SELECT status, SUM(orders) FROM arrivals GROUP BY 1 HAVING SUM(orders) <> 0", columns: 2)
    #expect(WindowShop.sorted(arrivals) == WindowShop.sorted(counts))
  }

  @Test(arguments: zip(["FULL", "MINIMAL"], ["", ", trigger: { early: 30, late: each }"]))
  func afterKillsInsideTheSnapshotTheResultsAreWhatAQueryGives(_ images: String, _ trigger: String) throws {
    let server = try PrivateMariaDB(options: ["binlog_row_image": images])
    try WindowSnapshotTests.prepare(server, rows: 200_000)
    let directory = try TemporaryDirectory(prefix: "freshet-window-snapshot-kills")
    let sinks = ["copy", "second"]
    let path = try WindowSnapshotTests.pipeline(
      server, in: directory, (images == "FULL" ? "" : ", remember: true") + trigger, sinks: sinks)
    var random = SeededRandom(seed: KillTests.seed)
    var number = 0
    var inside = 0
    for round in 0..<16 {
      let failpoint = round % 2 == 0 ? WindowSnapshotTests.failpointsInside[round / 2] : nil
      let process = try FreshetProcess(["run", path], log: directory.appending("run.log"), failpoint: failpoint)
      let end = Date().addingTimeInterval(Double.random(in: 0.1...0.5, using: &random))
      while Date() < end {
        try WindowSnapshotTests.change(server, number, &random)
        number += 1
        usleep(2000)
      }
      if let status = process.wait(seconds: failpoint == nil ? 0 : 1.5) {
        try #require(status == -SIGKILL, "the program ended by itself with \(status): \(process.messages)")
      }
      process.kill()
      if sinks.contains(where: { WindowShop.isInsideASnapshot(directory.appending("\($0).db")) }) { inside += 1 }
    }
    print("\(inside) of 16 kills were inside the snapshot, \(number) transactions beside it")
    #expect(inside > 3, "most kills were behind the snapshot")
    try end(path, server, directory)
    for sink in sinks { try expectEqual(server, directory.appending("\(sink).db")) }
  }

  private static let failpointsInside = [
    "windows.stored:1", "windows.before_rename:2", "sqlite.before_commit:3", "windows.stored:2",
    "sqlite.after_commit:5",
    "windows.stored:3", "windows.before_rename:1", "sqlite.after_commit:9",
  ]

  /// Runs until everything is told.
  private func end(_ path: String, _ server: PrivateMariaDB, _ directory: TemporaryDirectory) throws {
    for isLast in [false, true] {
      // Behind the snapshot, whose rows come in no order of time.
      if isLast { try WindowShop.completeWindows(server) }
      let process = try FreshetProcess(["run", path, "--until", "now"], log: directory.appending("run.log"))
      #expect(process.wait(seconds: 120) == 0, "\(process.messages)")
    }
  }

  @Test func aPipelineThatIsEndedInsideTheSnapshotGoesOnWithIt() throws {
    let server = try PrivateMariaDB()
    // Enough for whoever is slow to see the first of them before the last one comes.
    let rows = 400_000
    try WindowSnapshotTests.prepare(server, rows: rows)
    for signal in [SIGKILL, SIGTERM] {
      let directory = try TemporaryDirectory(prefix: "freshet-window-snapshot-end")
      let path = try WindowSnapshotTests.pipeline(server, in: directory, "")
      let isInside = try endInsideTheSnapshot(path, directory, of: rows, by: signal)
      try #require(isInside, "the snapshot was over before it could be ended")
      try end(path, server, directory)
      try expectEqual(server, directory.appending("copy.db"))
    }
  }

  /// Ends a run when some of the rows are there; returns whether more are missing.
  private func endInsideTheSnapshot(
    _ path: String, _ directory: TemporaryDirectory, of total: Int, by signal: Int32
  ) throws -> Bool {
    let process = try FreshetProcess(["run", path], log: directory.appending("run.log"))
    let end = Date().addingTimeInterval(20)
    var rows = 0
    while Date() < end, rows < 2000 {
      usleep(2000)
      rows = countRows(directory.appending("copy.db"))
    }
    process.signal(signal)
    process.wait()
    rows = countRows(directory.appending("copy.db"))
    return rows > 0 && rows < total
  }

  /// 0 while there is no table yet.
  private func countRows(_ database: String) -> Int {
    do {
      return Int(try WindowShop.rows(database, "SELECT count(*) FROM orders", columns: 1).first?[0] ?? "") ?? 0
    } catch {
      return 0
    }
  }

  @Test func aRowOfBeforeTheWindowStopsThePipelineAndNamesTheTable() throws {
    let server = try PrivateMariaDB(options: ["binlog_row_image": "MINIMAL"])
    try WindowSnapshotTests.prepare(server)
    let directory = try TemporaryDirectory(prefix: "freshet-window-unknown")
    let path = try WindowSnapshotTests.pipeline(server, in: directory, ", remember: true")
    let text = try String(contentsOfFile: path, encoding: .utf8)
      .replacingOccurrences(of: "mode: initial, threads: 2, chunk_rows: 500", with: "mode: never")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let process = try FreshetProcess(["run", path], log: directory.appending("run.log"))
    var number = 0
    while process.wait(seconds: 0.05) == nil, number < 400 {
      number += 1
      try server.execute("UPDATE shop.orders SET amount = \(number) WHERE id = 7")
    }
    #expect(process.wait(seconds: 0).map { $0 > 0 } == true)
    #expect(process.messages.contains("does not remember"), "\(process.messages)")
    #expect(process.messages.contains("shop.orders"))
  }
}
