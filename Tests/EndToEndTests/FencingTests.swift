import Change
import Foundation
import PrivateServers
import SQLiteDatabase
import TestRandom
import Testing

/// Two writers on one pipeline: the newer one wins, whatever the older one was doing.
@Suite(.serialized) struct FencingTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func aWriterThatWasPausedPastATakeoverCannotCommit(seed: UInt64) throws {
    let server = try PrivateMariaDB()
    try MixedWorkload.prepare(server, seedRows: 1000)
    let directory = try TemporaryDirectory(prefix: "freshet-fencing")
    let pipeline = try PipelineText.write(server, in: directory)
    let workload = MixedWorkload()
    workload.start(server, seed: seed, secondsPerSchemaChange: 3600)
    let paused = try FreshetProcess(["run", pipeline], log: directory.appending("paused.log"))
    try FencingTests.waitForProgress(directory, beyond: "")
    usleep(UInt32(seed) * 130_000)
    try FencingTests.stopBetweenCommits(paused, directory)
    let before = FencingTests.position(directory)
    // Another id, or the source would already hang up on the first reader.
    let successor = try FreshetProcess(
      ["run", pipeline, "--set", "source.server_id=4242"], log: directory.appending("successor.log"))
    #expect(throws: Never.self, "\(successor.messages)") {
      try FencingTests.waitForProgress(directory, beyond: before)
    }
    paused.signal(SIGCONT)
    let status = try #require(paused.wait(seconds: 20), "the paused writer goes on")
    #expect(status == Failure.Code.fenced.exitStatus, "\(paused.messages)")
    #expect(paused.messages.contains("[fenced]"))
    try FencingTests.waitForProgress(directory, beyond: FencingTests.position(directory))
    try workload.stop()
    successor.signal(SIGTERM)
    #expect(successor.wait(seconds: 20) == 0, "\(successor.messages)")
    let last = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("last.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    let comparison = CopyComparison(
      server: server, database: directory.appending("copy.db"), archive: directory.appending("archive"))
    try comparison.expectEqualTables(in: "bank")
    try comparison.expectLedger(workload.acknowledged)
  }

  /// Stops the writer where it holds no lock of a target: one that is stopped within a commit rightly keeps everybody out.
  private static func stopBetweenCommits(_ process: FreshetProcess, _ directory: TemporaryDirectory) throws {
    var random = SeededRandom(seed: UInt64(process.pid))
    for _ in 0..<500 {
      process.signal(SIGSTOP)
      waitUntilStopped(process.pid)
      if isUnlocked(directory) { return }
      process.signal(SIGCONT)
      usleep(UInt32.random(in: 500...10_000, using: &random))
    }
    throw Failure(.internal, "the writer is within a commit whenever it is stopped")
  }

  /// A signal reaches each thread in its own time; one that still runs could take a lock behind the look at it.
  private static func waitUntilStopped(_ pid: Int32) {
    for _ in 0..<1000 {
      let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
      let states = tasks.compactMap { task in
        (try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/stat", encoding: .utf8))?
          .split(separator: ")").last?.split(separator: " ").first
      }
      if !states.isEmpty, states.allSatisfy({ $0 == "T" }) { return }
      usleep(200)
    }
  }

  private static func isUnlocked(_ directory: TemporaryDirectory) -> Bool {
    let lock = open(directory.appending("archive/lock"), O_RDWR)
    guard lock >= 0 else { return false }
    defer { close(lock) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0,
      let connection = try? SQLiteConnection(
        path: directory.appending("copy.db"), mode: .readWrite, busyTimeoutMilliseconds: 0),
      (try? connection.execute("BEGIN IMMEDIATE")) != nil
    else { return false }
    return (try? connection.execute("ROLLBACK")) != nil
  }

  private static func waitForProgress(_ directory: TemporaryDirectory, beyond: String, seconds: Double = 20) throws {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      let now = position(directory)
      if !now.isEmpty, now != beyond { return }
      usleep(10_000)
    }
    throw Failure(.internal, "no progress beyond \"\(beyond)\"")
  }

  /// The position that SQLite's checkpoint holds; empty while there is none.
  private static func position(_ directory: TemporaryDirectory) -> String {
    let path = directory.appending("copy.db")
    guard FileManager.default.fileExists(atPath: path),
      let connection = try? SQLiteConnection(path: path, mode: .readWrite, busyTimeoutMilliseconds: 100),
      let statement = try? SQLiteStatement(connection, "SELECT token FROM _freshet_checkpoint"),
      (try? statement.step()) == true
    else { return "" }
    return statement.string(0) ?? ""
  }
}
