import Change
import Foundation
import PrivateServers
import SQLiteDatabase
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
    paused.signal(SIGSTOP)
    let successor = try FencingTests.takeOver(paused, pipeline, directory)
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

  /// Starts a second writer beside a stopped one. One that was stopped within a commit holds its target's lock, rightly;
  /// then it may go on for a moment.
  private static func takeOver(
    _ paused: FreshetProcess, _ pipeline: String, _ directory: TemporaryDirectory
  ) throws -> FreshetProcess {
    for _ in 0..<10 {
      let before = position(directory)
      let successor = try FreshetProcess(["run", pipeline], log: directory.appending("successor.log"))
      if (try? waitForProgress(directory, beyond: before, seconds: 4)) != nil { return successor }  // else: once more
      successor.kill()
      paused.signal(SIGCONT)
      usleep(20_000)
      paused.signal(SIGSTOP)
    }
    throw Failure(.internal, "no takeover in ten attempts")
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
