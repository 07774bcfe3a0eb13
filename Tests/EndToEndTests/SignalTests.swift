import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// What a signal does to a running pipeline.
@Suite(.serialized) struct SignalTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(prefix: "freshet-signal") }

  private func count(_ table: String) throws -> Int {
    guard FileManager.default.fileExists(atPath: directory.appending("copy.db")) else { return -1 }
    let connection = try SQLiteConnection(path: directory.appending("copy.db"), mode: .readOnly)
    guard let statement = try? SQLiteStatement(connection, "SELECT COUNT(*) FROM \(table)"), try statement.step()
    else { return -1 }  // the table is not there yet
    return Int(statement.string(0) ?? "") ?? -1
  }

  private func start(_ server: PrivateMariaDB, _ arguments: [String] = [], sink: String = "") throws -> FreshetProcess {
    let file = try ShopServer.pipeline(
      server, in: directory, sink: "type: sqlite, path: \"\(directory.appending("copy.db"))\"\(sink)")
    return try FreshetProcess(["run", file] + arguments, log: directory.appending("run.log"))
  }

  @Test func aTermSignalDrainsAndTheNextRunGoesOnWithNothingLost() throws {
    let server = try ShopServer.start()
    let report = directory.appending("report.json")
    let run = try start(server, ["--report", report])
    #expect(try eventually { try count("orders") == 100 }, "\(run.messages)")
    try server.execute(ShopServer.insertion(20_000))
    #expect(try eventually { try count("orders") > 100 || run.messages.contains("progress") }, "\(run.messages)")
    run.signal(SIGTERM)
    #expect(run.wait(seconds: 30) == 0, "\(run.messages)")
    let content = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report)))
    let sink = try #require(((content as? [String: Any])?["sinks"] as? [String: Any])?["copy"] as? [String: Any])
    let accounting = try #require(sink["accounting"] as? [String: Int])
    #expect(accounting["unaccounted"] == 0)
    #expect(accounting["delivered"] == (try count("orders")))
    #expect(try start(server, ["--until", "now"]).wait(seconds: 30) == 0)
    #expect(try count("orders") == 20_100)
  }

  @Test func aSecondSignalEndsARunAtOnceThatCannotDrain() throws {
    let server = try ShopServer.start()
    let run = try start(server, sink: ", busy_timeout: 5m")
    #expect(try eventually { try count("orders") == 100 }, "\(run.messages)")
    // Another program keeps the file to itself: what was read cannot be delivered.
    let owner = try SQLiteConnection(path: directory.appending("copy.db"))
    try owner.execute("BEGIN IMMEDIATE")
    try server.execute(ShopServer.insertion(10))
    usleep(500_000)
    run.signal(SIGTERM)
    #expect(run.wait(seconds: 1) == nil, "a run that has not delivered what it read must not end")
    run.signal(SIGTERM)
    #expect(run.wait(seconds: 10) == 75, "\(run.messages)")
    #expect(run.messages.contains("ended at once; the next run goes on from the checkpoint"))
    try owner.execute("ROLLBACK")
    #expect(try start(server, ["--until", "now"]).wait(seconds: 30) == 0)
    #expect(try count("orders") == 110)
  }

  @Test func aSignalThatComesTwiceAtOnceIsOneWish() throws {
    let server = try ShopServer.start()
    let run = try start(server)
    #expect(try eventually { try count("orders") == 100 }, "\(run.messages)")
    run.signal(SIGTERM)
    run.signal(SIGINT)
    #expect(run.wait(seconds: 30) == 0, "\(run.messages)")
  }

  @Test func aRunWithoutATerminalTellsItsProgressEveryTenSeconds() throws {
    let server = try ShopServer.start()
    let run = try start(server)
    #expect(eventually(seconds: 15) { run.messages.contains(" progress ") }, "\(run.messages)")
    #expect(run.messages.contains("rows=100") && run.messages.contains("state=running"), "\(run.messages)")
    run.signal(SIGINT)
    #expect(run.wait(seconds: 30) == 0, "\(run.messages)")
    #expect(run.messages.contains("shop: finished after"), "\(run.messages)")
  }
}
