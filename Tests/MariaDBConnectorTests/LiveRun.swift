import Change
import Flow
import Foundation
import Logging
import MariaDBClient
import MariaDBConnector
import Pipeline
import Synchronization
import TestServers

/// Collects what a source sends, and lets a test wait for it.
final class LiveOutput: SourceOutput {
  private struct State {
    var batches: [Batch] = []
    var watermark = EventTime.distantPast
    var progress: SnapshotProgress?
  }

  private let state = Mutex(State())
  /// Called with each batch's number, before it is taken; may throw to break the source.
  private let gate: @Sendable (Int) async throws -> Void

  init(gate: @escaping @Sendable (Int) async throws -> Void = { _ in }) { self.gate = gate }

  func send(_ batch: Batch) async throws {
    try await gate(state.withLock { $0.batches.count })
    state.withLock { $0.batches.append(batch) }
  }

  func advance(to watermark: EventTime) { state.withLock { $0.watermark = watermark } }
  func report(_ progress: SnapshotProgress) { state.withLock { $0.progress = progress } }

  var batches: [Batch] { state.withLock { $0.batches } }
  var watermark: EventTime { state.withLock { $0.watermark } }
  var progress: SnapshotProgress? { state.withLock { $0.progress } }
  var changeCount: Int { batches.reduce(0) { $0 + $1.changes.count } }

  var target: LiveTarget {
    var target = LiveTarget()
    for batch in batches { target.take(batch) }
    return target
  }
}

/// Holds a source's arithmetic from the task that makes it.
private final class MadeCoverage: Sendable {
  private let value = Mutex<any PositionCoverage>(MariaDBPositions())

  func set(_ coverage: any PositionCoverage) { value.withLock { $0 = coverage } }
  func get() -> any PositionCoverage { value.withLock { $0 } }
}

/// A source that runs in the background.
final class LiveRun: Sendable {
  let output: LiveOutput
  let stop = StopSignal()
  private let task: Task<Void, any Error>
  private let thread = DedicatedThread(name: "live-test")
  private let made = MadeCoverage()

  /// The source's arithmetic, once it was made.
  var coverage: any PositionCoverage { made.get() }

  init(
    _ options: MariaDBSourceOptions, from checkpoints: [Position?] = [nil], until: Until = .never,
    output: LiveOutput = LiveOutput(), directory: String? = nil
  ) {
    self.output = output
    let context = LiveRun.context(thread, directory)
    let stop = self.stop
    let made = self.made
    task = Task(executorPreference: thread) {
      let source = MariaDBSource(options: options, context: context)
      made.set(source.coverage)
      try await source.run(from: checkpoints, into: output, control: SourceControl(until: until, stop: stop))
    }
  }

  /// A context for questions that need no run.
  var planContext: ConnectorContext { LiveRun.context(thread, nil) }

  static func context(_ thread: DedicatedThread, _ directory: String?) -> ConnectorContext {
    let path = directory ?? NSTemporaryDirectory() + "freshet-live-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)  // exists: it is shared
    return ConnectorContext(
      pipeline: "test", name: "source", stateDirectory: path, memoryLimit: 64 << 20, schemaChangePolicy: .evolve,
      badRowPolicy: .stop, thread: thread, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// Waits for the source to end by itself.
  func finished() async throws {
    defer { thread.stop() }
    try await task.value
  }

  func stopped() async throws {
    stop.request()
    try await finished()
  }

  func cancelled() async {
    task.cancel()
    _ = await task.result
    thread.stop()
  }

  /// The failure that the source ends with.
  func failure() async -> Failure? {
    defer { thread.stop() }
    if case .failure(let error) = await task.result { return error as? Failure }
    return nil
  }

  /// Waits until what was sent fulfils the condition; false after `seconds`.
  func reaches(seconds: Double = 20, _ condition: @Sendable (LiveOutput) -> Bool) async -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      if condition(output) { return true }
      try? await Task.sleep(nanoseconds: 5_000_000)  // a cancelled test ends at its deadline
    }
    return condition(output)
  }
}

extension MariaDBServer {
  /// A source's options for this server.
  func source(_ tables: [String] = [], snapshot: MariaDBSourceOptions.SnapshotMode = .never) throws
    -> MariaDBSourceOptions
  {
    var options = MariaDBSourceOptions(url: try MariaDBURL(url()))
    options.tables = tables
    options.snapshotMode = snapshot
    return options
  }

  /// Returns when so many sources are reading the server's log.
  func awaitReaders(_ count: Int = 1, seconds: Double = 30) async throws {
    let connection = try client()
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      let rows = try connection.query(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
      if let text = rows[0][0], let found = Int(text), found >= count { return }
      try await Task.sleep(nanoseconds: 5_000_000)
    }
    throw Failure(.unreachable, "no source reads the log of a test's server")
  }

  /// Returns when the server's clock has gone on to another second: log files tell when they were made in seconds.
  func awaitNextSecond() async throws {
    let connection = try client()
    let begun = try connection.query("SELECT UNIX_TIMESTAMP()")
    while try connection.query("SELECT UNIX_TIMESTAMP()") == begun { try await Task.sleep(nanoseconds: 5_000_000) }
    // Times of files, which tell when a table was changed, come from the kernel's last tick: up to 10 ms ago.
    try await Task.sleep(nanoseconds: 50_000_000)
  }

  /// Returns when the server has given up its older log files.
  func awaitPurge(to file: String, seconds: Double = 30) async throws {
    let end = Date().addingTimeInterval(seconds)
    while try query("SHOW BINARY LOGS").first?[0] != file {
      // A file that a dump still reads stays; the server notices only at the next heartbeat that the reader has gone.
      guard Date() < end else { throw Failure(.inputOutput, "a test's server keeps its log files") }
      try run("PURGE BINARY LOGS TO '\(file)'")
      try await Task.sleep(nanoseconds: 20_000_000)
    }
  }

  /// The newest transaction of the log, as positions write it.
  func logEnd() throws -> String { try query("SELECT @@gtid_binlog_pos")[0][0] ?? "" }

  func run(_ statements: String...) throws {
    let connection = try client()
    for statement in statements { try connection.execute(statement) }
  }
}
