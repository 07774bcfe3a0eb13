import Foundation
import PrivateServers
import Testing

/// The examples that bring tables of their own do with them what their comments promise.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ExampleRunTests {
  private static let pipelines = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Pipelines")

  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(prefix: "freshet-example") }

  /// A server with the user that the README makes, and no more rights than it says.
  private func server() throws -> PrivateMariaDB {
    let server = try PrivateMariaDB()
    try server.execute("CREATE USER freshet@'%' IDENTIFIED BY '\(ShopServer.password)'")
    try server.execute("GRANT REPLICATION SLAVE, BINLOG MONITOR, SELECT ON *.* TO freshet@'%'")
    return server
  }

  private func load(_ file: String, into server: PrivateMariaDB) throws {
    let path = ExampleRunTests.pipelines.appendingPathComponent(file).path
    let result = try ShellCommand("mariadb --no-defaults -u root -S '\(server.socketPath)' < '\(path)'", in: directory)
    try #require(result.exitStatus == 0, "\(file): \(result.errors)")
  }

  /// The example with the ports of the servers here; what it writes lies in the directory of the test.
  private func adapted(_ file: String, _ servers: [Int: PrivateMariaDB]) throws -> String {
    var text = try String(contentsOf: ExampleRunTests.pipelines.appendingPathComponent(file), encoding: .utf8)
      .replacing("${SHOP_PASSWORD}", with: ShopServer.password)
      .replacing("${MASK_SECRET}", with: "0123456789abcdef").replacing(".freshet/", with: directory.appending(""))
    for (port, server) in servers {
      let place = "127.0.0.1:\(port)/"
      try #require(text.contains(place))
      text = text.replacing(place, with: "127.0.0.1:\(server.port)/")
    }
    let path = directory.appending("example.yaml")
    try (text + "state: \"\(directory.appending("state"))\"\n").write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private func rows(_ database: String, _ query: String, columns: Int) throws -> [[String?]] {
    try WindowShop.rows(directory.appending(database), query, columns: columns)
  }

  @Test func theNineScoresGiveTheFiguresOfThePicture() throws {
    let server = try server()
    let log = directory.appending("run.log")
    let process = try FreshetProcess(["run", try adapted("windows/scores.yaml", [3306: server])], log: log)
    try #require(try eventually { try String(contentsOfFile: log, encoding: .utf8).contains("reading the log") })
    try load("windows/scores.sql", into: server)
    // The definition, the nine scores, and 10, 10 and 16 results; the screen and the log are one file here.
    #expect(
      try eventually {
        try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").count { $0.hasPrefix("{") } >= 46
      })
    process.signal(SIGTERM)
    #expect(process.wait() == 0, "\(process.messages)")
    let results = "substr(window_start, 12, 5), total, pane_timing"
    #expect(
      try rows("scores.db", "SELECT \(results) FROM totals ORDER BY 1", columns: 3) == [
        ["12:00", "14", "late"], ["12:02", "18", "on_time"], ["12:04", "4", "on_time"], ["12:06", "12", "on_time"],
      ])
    #expect(
      try rows("scores.db", "SELECT \(results) FROM increments ORDER BY 1, pane_index", columns: 3) == [
        ["12:00", "5", "on_time"], ["12:00", "9", "late"], ["12:02", "7", "early"], ["12:02", "3", "early"],
        ["12:02", "8", "on_time"], ["12:04", "4", "early"], ["12:04", nil, "on_time"], ["12:06", "3", "early"],
        ["12:06", "9", "early"], ["12:06", nil, "on_time"],
      ])
    #expect(
      try rows("scores.db", "SELECT sum(total * pane_sign) FROM corrections", columns: 1)[0][0].flatMap(Double.init)
        == 48)
  }

  @Test func oneOrderIsToldThoughNothingElseHappensOnTheServer() throws {
    let server = try server()
    try load("revenue-per-minute/shop.sql", into: server)
    let process = try FreshetProcess(
      ["run", try adapted("revenue-per-minute/shop.yaml", [3306: server])], log: directory.appending("run.log"))
    func paid(_ orders: String) throws -> Bool {
      try eventually {
        guard FileManager.default.fileExists(atPath: directory.appending("revenue.db")) else { return false }
        let isThere = "SELECT count(*) FROM sqlite_schema WHERE name = 'revenue'"
        guard try rows("revenue.db", isThere, columns: 1)[0][0] == "1" else { return false }
        return try rows("revenue.db", "SELECT sum(orders) FROM revenue WHERE status = 'paid'", columns: 1)[0][0]
          == orders
      }
    }
    #expect(try paid("2"), "\(process.messages)")
    try server.execute("INSERT INTO shop.orders (customer, status, amount) VALUES (1, 'paid', 7)")
    #expect(try paid("3"), "\(process.messages)")
    process.signal(SIGTERM)
    #expect(process.wait() == 0, "\(process.messages)")
  }

  @Test func threeShardsComeIntoOneTable() throws {
    let (north, south, archive) = (try server(), try server(), try server())
    try load("sharded-merge/north.sql", into: north)
    try load("sharded-merge/south.sql", into: south)
    try load("sharded-merge/archive.sql", into: archive)
    let path = try adapted("sharded-merge/shop.yaml", [3301: north, 3302: south, 3303: archive])
    let result = try ShellCommand("freshet run '\(path)' --until now", in: directory)
    #expect(result.exitStatus == 0, "\(result.errors)")
    #expect(
      try rows("merged.db", "SELECT id, customer, amount FROM orders ORDER BY id", columns: 3) == [
        ["1", "Alan", "3.50"], ["2", "John", "7.00"], ["1000001", "Ada", "19.90"], ["1000002", "Grace", "5.25"],
        ["2000001", "Edsger", "120.00"],
      ])
  }

  @Test func theMaskedCopyShowsNobody() throws {
    let server = try server()
    try load("masking/shop.sql", into: server)
    let path = try adapted("masking/shop.yaml", [3306: server])
    let result = try ShellCommand("freshet run '\(path)' --until now", in: directory)
    #expect(result.exitStatus == 0, "\(result.errors)")
    #expect(
      try rows(
        "analysis.db", "SELECT length(email), name, card, notes, born FROM shop_customers ORDER BY id", columns: 5)
        == [["64", "A", "***1111", "***", nil], ["64", "G", nil, nil, nil]])
    #expect(
      try rows("analysis.db", "SELECT id, status, gross FROM shop_orders ORDER BY id", columns: 3)
        == [["1", "paid", "23.6810"], ["3", "sent", "142.8000"]])
  }
}
