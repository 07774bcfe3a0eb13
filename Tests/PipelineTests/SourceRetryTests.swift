import Change
import Foundation
import Logging
import MemoryConnector
import Pipeline
import Synchronization
import Testing

/// Several sources of which one cannot be reached for a while.
@Suite(.timeLimit(.minutes(1))) struct SourceRetryTests {
  @Test func theOthersGoOnWhileOneCannotBeReached() async throws {
    let (a, b) = (Shop.log(1...3), MemoryLog([]))
    b.append(contentsOf: [SourceRetryTests.insert(7, at: 500)])
    let server = Server()
    let target = MemoryTarget()
    var definition = PipelineDefinition(
      name: "shop",
      sources: [
        .init(name: "a", definition: MemorySourceDefinition(log: a)),
        .init(name: "b", definition: RemoteSourceDefinition(log: b, server: server)),
      ], order: OrderSettings(idleAfter: 50_000_000),
      sinks: [.init(name: "copy", definition: MemorySinkDefinition(target: target))],
      stateDirectory: SourceRetryTests.state())
    definition.windowStateInterval = 0
    let run = PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let task = Task { try await run.run(until: .never) }
    try await eventually { Shop.keys(target).contains(7) }
    server.isDown.withLock { $0 = true }
    try await eventually { server.refusals.withLock { $0 > 1 } }
    a.append(contentsOf: [Shop.transaction(20)])
    a.promise(EventTime(microseconds: 30_000))
    try await eventually { Shop.keys(target).contains(20_000_000) }
    #expect(server.isDown.withLock(\.self) && run.status.state == .running)
    b.append(contentsOf: [SourceRetryTests.insert(8, at: 25_000)])
    server.isDown.withLock { $0 = false }
    try await eventually { Shop.keys(target).contains(8) }
    server.isDown.withLock { $0 = true }
    try await eventually { run.status.retries > 1 }
    run.requestStop()
    try await task.value
    #expect(Shop.keys(target).sorted() == [7, 8, 1_000_000, 2_000_000, 3_000_000, 20_000_000])
  }

  /// The first that comes behind the outage is its own: until then the sink compares places.
  @Test func whatASourceBringsFirstIsComparedAsTheObjectKnowsThatReadsIt() async throws {
    let (a, b) = (Shop.log(1...3), MemoryLog([SourceRetryTests.insert(7, at: 500)]))
    let server = Server()
    let target = MemoryTarget()
    let definition = PipelineDefinition(
      name: "shop",
      sources: [
        .init(name: "a", definition: MemorySourceDefinition(log: a)),
        .init(name: "b", definition: RemoteSourceDefinition(log: b, server: server)),
      ], order: OrderSettings(idleAfter: 50_000_000),
      sinks: [.init(name: "copy", definition: MemorySinkDefinition(target: target))],
      stateDirectory: SourceRetryTests.state())
    let run = PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let task = Task { try await run.run(until: .never) }
    try await eventually { Shop.keys(target).count == 4 }
    server.isDown.withLock { $0 = true }
    try await eventually { server.refusals.withLock { $0 > 1 } }
    b.append(contentsOf: [SourceRetryTests.insert(8, at: 25_000)])
    server.isDown.withLock { $0 = false }
    b.append(contentsOf: [SourceRetryTests.insert(9, at: 26_000)])
    try await eventually { Shop.keys(target).contains(9) }
    run.requestStop()
    try await task.value
    #expect(Shop.keys(target).sorted() == [7, 8, 9, 1_000_000, 2_000_000, 3_000_000])
  }

  @Test func aSourceThatNobodyHasEverReachedIsToldAtOnce() async throws {
    let server = Server()
    server.isDown.withLock { $0 = true }
    let definition = PipelineDefinition(
      name: "shop",
      sources: [
        .init(name: "a", definition: MemorySourceDefinition(log: Shop.log(1...3))),
        .init(name: "b", definition: RemoteSourceDefinition(log: MemoryLog([]), server: server)),
      ], order: OrderSettings(idleAfter: nil),
      sinks: [.init(name: "copy", definition: MemorySinkDefinition(target: MemoryTarget()))],
      stateDirectory: SourceRetryTests.state())
    let failure = await #expect(throws: Failure.self) {
      try await PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        .run(until: .never)
    }
    #expect(failure?.code == .unreachable)
  }

  private static func state() -> String {
    FileManager.default.temporaryDirectory.appending(path: "freshet-retry-\(UUID())").path
  }

  private static func insert(_ key: Int64, at time: Int64) -> MemoryTransaction {
    MemoryTransaction(at: EventTime(microseconds: time), [.insert(Shop.orders, [.int(key), .text("b")])])
  }
}

/// What a source is behind, and how often it was not there.
private final class Server: Sendable {
  let isDown = Mutex(false)
  let refusals = Mutex(0)
}

/// A log that is lost in the middle, and not found, while its server is down.
private struct RemoteSourceDefinition: SourceDefinition {
  let log: MemoryLog
  let server: Server

  func makeSource(_ context: ConnectorContext) throws -> any Source {
    RemoteSource(log: log, server: server)
  }

  func plan(_ context: ConnectorContext) async throws -> SourcePlan {
    try await MemorySourceDefinition(log: log).plan(context)
  }
}

private final class RemoteSource: Source {
  let log: MemoryLog
  let server: Server
  private let arithmetic = Arithmetic()

  init(log: MemoryLog, server: Server) { (self.log, self.server) = (log, server) }

  var coverage: any PositionCoverage { arithmetic }

  func run(from checkpoints: [Position?], into output: any SourceOutput, control: SourceControl) async throws {
    var places = checkpoints
    while !control.stop.isRequested {
      guard !server.isDown.withLock(\.self) else {
        server.refusals.withLock { $0 += 1 }
        throw Failure(.unreachable, "the server does not answer")
      }
      arithmetic.knowsServer.withLock { $0 = true }
      let relay = Relay(output: output)
      try await MemorySource(log: log, batchBytes: 1 << 19, transactionsPerBatch: .max).run(
        from: places, into: relay,
        control: SourceControl(until: .now, stop: control.stop, tellsStart: control.tellsStart))
      if let last = relay.last.withLock(\.self) { places = [last] }
      try await Task.sleep(nanoseconds: 1_000_000)
    }
  }
}

/// That of a source which has to know its server: what comes of another one seems to be far behind.
private final class Arithmetic: PositionCoverage {
  let knowsServer = Mutex(false)
  private let own = MemorySource(log: MemoryLog(), batchBytes: 1, transactionsPerBatch: 1).coverage

  func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool {
    guard knowsServer.withLock(\.self) else { return true }
    return try own.covers(mark, isSnapshot: isSnapshot, in: checkpoint)
  }

  func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool {
    try own.hasReached(checkpoint, at: position)
  }
}

/// Remembers how far a source has come.
private final class Relay: SourceOutput {
  private let output: any SourceOutput
  let last = Mutex<Position?>(nil)

  init(output: any SourceOutput) { self.output = output }

  func send(_ batch: consuming Batch) async throws {
    last.withLock { $0 = batch.position }
    try await output.send(batch)
  }

  func advance(to watermark: EventTime) { output.advance(to: watermark) }
  func report(_ progress: SnapshotProgress) { output.report(progress) }
}
