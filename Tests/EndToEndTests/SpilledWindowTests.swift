import Foundation
import PrivateServers
import Testing

/// The running program with windows whose state is many times what the memory limit leaves for it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SpilledWindowTests {
  private static let minutes = 30
  private static let rowsPerMinute = 12_000
  private static let limit = 128 << 20

  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(prefix: "freshet-spilled") }

  /// Rows of 30 minutes, each of another group with a text of 200 bytes; and at the end one for each of 30 minutes more, so that
  /// no transaction completes more than one window.
  private static let shared = Result { try makeServer() }

  private static func makeServer() throws -> PrivateMariaDB {
    let server = try PrivateMariaDB()
    try server.execute("CREATE DATABASE shop")
    try server.execute(
      """
      CREATE TABLE shop.events (id BIGINT AUTO_INCREMENT PRIMARY KEY, device BIGINT NOT NULL, amount DECIMAL(12,2),
        label VARCHAR(255), happened DATETIME(6) NOT NULL)
      """)
    let time = "TIMESTAMP'2026-01-01 10:00:00' + INTERVAL"
    for minute in 0..<minutes {
      try server.execute(
        "INSERT INTO shop.events (device, amount, label, happened)"
          + " SELECT (seq * 7919) % 1000003, seq / 100, REPEAT(SHA1(seq + \(minute)), 5),"
          + " \(time) \(minute * 60_000_000) + seq MICROSECOND FROM shop.seq_1_to_\(rowsPerMinute)")
      try server.execute("UPDATE shop.events SET amount = amount + 1 WHERE id % 50 = \(minute)")
    }
    for minute in minutes..<(2 * minutes + 2) {
      try server.execute(
        "INSERT INTO shop.events (device, amount, happened) VALUES (-1, 0, \(time) \(minute) MINUTE)")
    }
    return server
  }

  private func pipeline(_ server: PrivateMariaDB, _ sink: String) throws -> String {
    let text = """
      pipeline: spilled
      source:
        type: mariadb
        url: \(server.url())
        tables: ["shop.*"]
        snapshot: { mode: never }
        start: earliest
      windows:
        - name: totals
          from: shop.events
          event_time: happened
          max_delay: 30m
          group_by: [device]
          window: { tumbling: 1m }
          instead: true
          aggregate: { changes: count(), total: sum(amount), label: max(label) }
      sinks: [{ name: copy, \(sink) }]
      limits: { memory: 128MiB }
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("spilled.yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test func theMemoryStaysBoundedAcrossKillsAndTheResultsAreRight() throws {
    let server = try SpilledWindowTests.shared.get()
    let database = directory.appending("copy.db")
    let path = try pipeline(server, "type: sqlite, path: \"\(database)\"")
    var highest = 0
    var phases: [Int] = []
    for seconds in [4.0, 7.0] {
      let process = try FreshetProcess(["run", path], log: directory.appending("run.log"))
      let end = Date().addingTimeInterval(seconds)
      while Date() < end {
        highest = max(highest, SpilledWindowTests.residentBytes(process.pid))
        usleep(20_000)
      }
      process.kill()
      phases.append(highest >> 20)
    }
    let report = directory.appending("report.json")
    let last = try FreshetProcess(
      ["run", path, "--until", "now", "--report", report], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    let told = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report)))
    highest = max(highest, try #require((told as? [String: Any])?["peak_memory_bytes"] as? Int))
    #expect(highest > 0 && highest < SpilledWindowTests.limit, "\(highest >> 20) MiB, before the last run \(phases)")
    let expected = try server.query(
      """
      SELECT COUNT(*), SUM(total), SUM(CRC32(CONCAT(minute, device, changes, label))) FROM (
        SELECT DATE_FORMAT(happened, '%H:%i') minute, device, COUNT(*) changes, SUM(amount) total, MAX(label) label
          FROM shop.events WHERE device > 0 GROUP BY 1, 2) results
      """)
    let results = try WindowShop.rows(
      database, "SELECT substr(window_start, 12, 5), device, changes, label, total FROM totals WHERE device > 0",
      columns: 5
    ).map { $0.map { $0 ?? "" } }
    let sum = results.reduce(UInt64(0)) { $0 + UInt64(SpilledWindowTests.crc32($1[..<4].joined())) }
    let cents = results.reduce(0) { $0 + (Int($1[4].filter { $0 != "." }) ?? 0) }
    #expect(results.count == SpilledWindowTests.minutes * SpilledWindowTests.rowsPerMinute)
    #expect(expected[0][0] == "\(results.count)")
    #expect(expected[0][1]?.filter { $0 != "." } == "\(cents)")
    #expect(expected[0][2] == "\(sum)")
  }

  @Test func aDiskThatIsFullIsTold() throws {
    let server = try SpilledWindowTests.shared.get()
    let path = try pipeline(server, "type: blackhole")
    // No file may grow beyond 4 MiB; instead of a signal, writing fails.
    let result = try ShellCommand("trap '' XFSZ; ulimit -f 4096; freshet run \(path) --until now", in: directory)
    #expect(result.exitStatus == 74, "\(result.errors)")
    #expect(result.errors.contains("[diskFull]"), "\(result.errors)")
  }

  private static func residentBytes(_ pid: Int32) -> Int {
    // Before it becomes the program, a child has the memory of the tests.
    guard (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) == "freshet\n",
      let text = try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)
    else { return 0 }
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  private static let crcTable: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xedb8_8320 }
  }

  private static func crc32(_ text: String) -> UInt32 {
    ~text.utf8.reduce(~0) { crcTable[Int(($0 ^ UInt32($1)) & 0xff)] ^ $0 >> 8 }
  }
}
