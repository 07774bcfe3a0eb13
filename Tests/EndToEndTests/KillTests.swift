import Change
import Foundation
import PrivateServers
import TestRandom
import TestServers
import Testing

/// Kills the program at random moments and at every named failpoint, under a mixed workload with schema changes.
///
/// `FRESHET_TEST_KILLS` sets the number of random kills (30 in CI), `FRESHET_TEST_SEED` repeats a campaign.
@Suite(.serialized) struct KillTests {
  static let kills = Int(ProcessInfo.processInfo.environment["FRESHET_TEST_KILLS"] ?? "") ?? 30
  static let seed = UInt64(ProcessInfo.processInfo.environment["FRESHET_TEST_SEED"] ?? "") ?? 1

  /// Each is reached in every run that commits something; `n` is a hit early enough to be reached while the run lasts.
  static let failpoints = [
    "sqlite.before_commit", "sqlite.after_commit", "files.before_fsync", "files.before_rename", "files.after_rename",
  ].flatMap { name in [1, 3, 9, 20].map { "\(name):\($0)" } }

  @Test func afterKillsAtAnyMomentNothingIsLostOrRepeatedAndNoTransactionIsTorn() throws {
    let server = try PrivateMariaDB()
    try MixedWorkload.prepare(server, seedRows: 20_000)
    let directory = try TemporaryDirectory(prefix: "freshet-kills")
    let pipeline = try PipelineText.write(server, in: directory)
    let workload = MixedWorkload()
    let watch = BankWatch()
    workload.start(server, seed: KillTests.seed)
    watch.start(database: directory.appending("copy.db"))
    var random = SeededRandom(seed: KillTests.seed)
    var killed = 0
    for number in 0..<(KillTests.kills + KillTests.failpoints.count) {
      let isNamed = number % 2 == 0 && number / 2 < KillTests.failpoints.count
      let failpoint = isNamed ? KillTests.failpoints[number / 2] : nil
      let process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"), failpoint: failpoint)
      let status = process.wait(seconds: failpoint == nil ? Double.random(in: 0.1...1.5, using: &random) : 8)
      if let status {
        try #require(status == -SIGKILL, "the program ended by itself with \(status): \(process.messages)")
        #expect(failpoint != nil)
      }
      #expect(failpoint == nil || status == -SIGKILL, "\(failpoint ?? "") was not reached: \(process.messages)")
      process.kill()
      killed += 1
    }
    try workload.stop()
    let last = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    let (reads, violations) = watch.stop()
    #expect(violations.isEmpty, "\(violations.prefix(5)) of \(reads) reads")
    #expect(reads > 100)
    let comparison = CopyComparison(
      server: server, database: directory.appending("copy.db"), archive: directory.appending("archive"))
    try comparison.expectEqualTables(in: "bank")
    try comparison.expectLedger(workload.acknowledged)
    try comparison.expectSnapshot(of: "seed", rows: 20_000)
    print(
      "\(killed) kills, \(workload.transactions) transactions, \(workload.schemaChanges) schema changes, \(reads) sums")
  }

  @Test func aSnapshotThatIsKilledGoesOnAtItsLastChunk() throws {
    let server = try PrivateMariaDB()
    try MixedWorkload.prepare(server, seedRows: 400_000)
    let directory = try TemporaryDirectory(prefix: "freshet-snapshot-kills")
    let pipeline = try PipelineText.write(server, in: directory, chunkRows: 5000)
    let workload = MixedWorkload()
    workload.start(server, seed: KillTests.seed, secondsPerSchemaChange: 3600)
    var random = SeededRandom(seed: KillTests.seed)
    for _ in 0..<12 {
      let process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"))
      let status = process.wait(seconds: Double.random(in: 0.05...0.5, using: &random))
      try #require(status == nil, "the program ended by itself: \(process.messages)")
      process.kill()
    }
    try workload.stop()
    let last = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    let comparison = CopyComparison(
      server: server, database: directory.appending("copy.db"), archive: directory.appending("archive"))
    try comparison.expectEqualTables(in: "bank")
    try comparison.expectSnapshot(of: "seed", rows: 400_000)
  }
}

/// The pipeline files of the end-to-end tests.
enum PipelineText {
  static func write(
    _ server: PrivateMariaDB, tables: String = "bank.*", in directory: TemporaryDirectory, chunkRows: Int = 50_000,
    name: String = "bank", transforms: [String] = [], sinks: [String]? = nil
  ) throws -> String {
    let sinks =
      sinks ?? [
        "{ name: copy, type: sqlite, path: \"\(directory.appending("copy.db"))\" }",
        "{ name: archive, type: files, path: \"\(directory.appending("archive"))\", format: json }",
      ]
    let text = """
      pipeline: \(name)
      source:
        type: mariadb
        url: \(server.url())
        tables: ["\(tables)"]
        snapshot: { mode: initial, threads: 2, chunk_rows: \(chunkRows) }
      transforms: [\(transforms.joined(separator: ", "))]
      sinks: [\(sinks.joined(separator: ", "))]
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("\(name).yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }
}
