import Foundation
import PrivateServers
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
      \(WindowKinds.entries)
      sinks:
        - { name: copy, type: sqlite, path: "\(directory.appending("copy.db"))" }
        - { name: second, type: sqlite, path: "\(directory.appending("second.db"))" }
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("shop.yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test func afterKillsTheLastResultOfEachWindowIsWhatAQueryAtTheSourceGives() throws {
    let server = try PrivateMariaDB()
    try WindowShop.prepare(server)
    let directory = try TemporaryDirectory(prefix: "freshet-window-kills")
    let path = try WindowTests.pipeline(server, in: directory)
    var random = SeededRandom(seed: KillTests.seed)
    var number = 0
    try WindowShop.runUnderKills(
      path, server, in: directory, failpoints: WindowTests.failpoints, seconds: 0.5...2.5, patience: 6,
      number: &number, &random, change: WindowShop.change)
    #expect(number > 500)
    for database in ["copy.db", "second.db"] {
      try WindowShop.expectResults(in: directory.appending(database), of: server)
      try WindowKinds.expectResults(in: directory.appending(database), of: [server], someAreLate: true)
    }
    // Of the results on the way, too, there are the same as in a run over the same log that nobody kills.
    let calm = try TemporaryDirectory(prefix: "freshet-window-calm")
    let process = try FreshetProcess(
      ["run", try WindowTests.pipeline(server, in: calm), "--until", "now"], log: calm.appending("run.log"))
    #expect(process.wait(seconds: 120) == 0, "\(process.messages)")
    for database in ["copy.db", "second.db"] {
      try WindowKinds.expectEqualResults(in: directory.appending(database), and: calm.appending("copy.db"))
    }
  }
}
