import Change
import Foundation
import PrivateServers
import TestRandom
import Testing

/// Kills the program at random moments and at every failpoint of the `mariadb` sink, under the workload of `KillTests`.
@Suite(.serialized) struct MirrorKillTests {
  private static let failpoints = ["mariadb.before_commit", "mariadb.after_commit"].flatMap { name in
    [1, 2, 5, 15].map { "\(name):\($0)" }
  }
  private static let branches = ["mariadb.after_prepare", "mariadb.before_branch_commit"].flatMap { name in
    [1, 2, 5].map { "\(name):\($0)" }
  }

  @Test(arguments: [1, 2]) func afterKillsAtAnyMomentTheTargetEqualsTheSource(workers: Int) throws {
    let server = try PrivateMariaDB()
    let target = try PrivateMariaDB(options: ["log_bin": nil, "server_id": "2"])
    try MixedWorkload.prepare(server, seedRows: 20_000)
    let directory = try TemporaryDirectory(prefix: "freshet-mirror-kills")
    let sink = "{ name: copy, type: mariadb, url: \"\(target.url())\", apply: { workers: \(workers) } }"
    let pipeline = try PipelineText.write(server, in: directory, sinks: [sink])
    let workload = MixedWorkload()
    let watch = BankWatch()
    workload.start(server, seed: KillTests.seed, secondsPerSchemaChange: 1)
    watch.start(server: target)
    var random = SeededRandom(seed: KillTests.seed)
    let failpoints = MirrorKillTests.failpoints + (workers > 1 ? MirrorKillTests.branches : [])
    let kills = KillTests.kills / 2 + failpoints.count
    for number in 0..<kills {
      let failpoint = number % 2 == 0 && number / 2 < failpoints.count ? failpoints[number / 2] : nil
      let process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"), failpoint: failpoint)
      let status = process.wait(seconds: failpoint == nil ? Double.random(in: 0.1...1.2, using: &random) : 8)
      if let status {
        try #require(status == -SIGKILL, "the program ended by itself with \(status): \(process.messages)")
        #expect(failpoint != nil)
      }
      #expect(failpoint == nil || status == -SIGKILL, "\(failpoint ?? "") was not reached: \(process.messages)")
      process.kill()
    }
    try workload.stop()
    let last = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    let (reads, violations) = watch.stop()
    // With more than one worker readers may see a group's branches apart for a moment: the page of the sink says so.
    if workers == 1 { #expect(violations.isEmpty, "\(violations.prefix(5)) of \(reads) reads") }
    #expect(reads > 50)
    let comparison = ServerComparison(source: server, target: target)
    try comparison.expectEqualTables(in: "bank")
    try comparison.expectLedger(workload.acknowledged)
    print(
      "\(kills) kills, \(workload.transactions) transactions, \(workload.schemaChanges) schema changes, \(reads) sums")
  }
}
