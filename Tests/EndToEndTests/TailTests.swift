import Foundation
import PrivateServers
import Testing

/// `freshet tail`, of a server and of a log file.
@Suite(.serialized) struct TailTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(prefix: "freshet-tail") }

  private func operations(_ lines: String) throws -> [String] {
    try lines.split(separator: "\n").map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return try #require(object?["op"] as? String)
    }
  }

  @Test func aServerIsShownFromTheLogsBeginningUntilNowInEveryFormat() throws {
    let server = try ShopServer.start(orders: 3)
    let command = "freshet tail '\(server.url())' --tables 'shop.orders' --from earliest --until now"
    let pretty = try ShellCommand(command, in: directory)
    #expect(pretty.exitStatus == 0, "\(pretty.errors)")
    #expect(pretty.output.split(separator: "\n").count == 4)
    #expect(pretty.output.contains("+  shop.orders"))
    let json = try ShellCommand("\(command) --format json", in: directory)
    #expect(try operations(json.output) == ["ddl", "c", "c", "c"])
    let debezium = try ShellCommand("\(command) --format debezium-json | tail -n 3", in: directory)
    #expect(try operations(debezium.output) == ["c", "c", "c"])
  }

  @Test func aLogFileIsShownWithoutAServer() throws {
    let server = try ShopServer.start(orders: 3)
    server.stop()
    let file = "\(server.dataDirectory)/binlog.000001"
    let result = try ShellCommand("freshet tail '\(file)' --tables 'shop.orders' --format json", in: directory)
    #expect(result.exitStatus == 0, "\(result.errors)")
    #expect(try operations(result.output) == ["ddl", "c", "c", "c"])
  }

  @Test func changesAppearWhileTheyHappenAndASignalEndsTheView() throws {
    let server = try ShopServer.start(orders: 3)
    let log = directory.appending("tail.log")
    let tail = try FreshetProcess(["tail", server.url(), "--tables", "shop.*"], log: log)
    #expect(eventually { tail.messages.contains("reading the log") }, "\(tail.messages)")
    try server.execute("UPDATE shop.orders SET status = 'sent' WHERE id = 2")
    #expect(eventually { tail.messages.contains("id=2 status=\"paid\"→\"sent\"") }, "\(tail.messages)")
    tail.signal(SIGINT)
    #expect(tail.wait(seconds: 10) == 0, "\(tail.messages)")
  }

  @Test func aReaderThatHasSeenEnoughEndsTheViewWithoutAWord() throws {
    let server = try ShopServer.start(orders: 50_000)
    let result = try ShellCommand(
      "freshet tail '\(server.url())' --from earliest --format json | head -n 1; echo \"${PIPESTATUS[0]}\"",
      in: directory)
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.last == "0", "\(result.errors)")
    #expect(!result.errors.contains("freshet:"), "\(result.errors)")
  }

  @Test func aStartThatIsNoPositionIsToldAsThatOption() throws {
    let result = try ShellCommand("freshet tail mariadb://u@127.0.0.1:1/ --from yesterday", in: directory)
    #expect(result.exitStatus == 78)
    #expect(result.errors.contains("--from: \"yesterday\" is no GTID"), "\(result.errors)")
  }
}
