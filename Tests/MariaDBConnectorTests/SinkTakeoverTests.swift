import Change
import ConnectorConformance
import Flow
import Foundation
import Glibc
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

/// Writers that come and go while something holds them up.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SinkTakeoverTests {
  private let items = itemsSchema()

  private func batch(_ target: SinkTestTarget, _ ids: ClosedRange<Int64>) -> Batch {
    target.batch { builder in for id in ids { builder.insert(items, [.int(id), builder.text("x"), .int(1)]) } }
  }

  @Test func aStuckWriterIsFoundAlsoWhenAnOlderOneIsStillConnected() async throws {
    let target = try SinkTestTarget()
    let oldest = try target.sink()
    _ = try await oldest.open()
    let stuck = try target.sink(memory: 2 << 20)
    _ = try await stuck.open()
    // Beyond the limit: written into the open transaction, which holds the checkpoint's row.
    try await stuck.write(batch(target, 1...20_000), parts: 0..<1)
    let next = try target.sink()
    #expect(try await next.open() == nil)
    try await next.deliver(batch(target, 1...3), target.checkpoint(1))
    await #expect(throws: Failure.self) { try await stuck.commit(target.checkpoint(9)) }
    // Whoever holds nobody up is not cut off: it is told that it is fenced, and does not come back.
    let fenced = await #expect(throws: Failure.self) {
      try await oldest.deliver(batch(target, 1...3), target.checkpoint(8))
    }
    #expect(fenced?.code == .fenced)
    for sink in [oldest, stuck, next] { await sink.close() }
    #expect(try target.rows("SELECT COUNT(*) FROM items") == ["3"])
  }

  @Test func preparedTransactionsOfOthersMayHaveAnyName() async throws {
    let target = try SinkTestTarget()
    let other = try target.server.client()
    for name in ["X'ff00fe', X'8081', 7", "'freshet.1', 'x'"] {
      try other.execute("XA START \(name)")
      try other.execute("XA END \(name)")
      try other.execute("XA PREPARE \(name)")
      let sink = try target.sink { $0.workers = 2 }
      await #expect(throws: Never.self) { _ = try await sink.open() }
      await sink.close()
      try other.execute("XA ROLLBACK \(name)")
    }
  }

  /// Cancels the work while another session keeps the table, and returns the seconds until it has ended.
  private func secondsToCancel(
    _ target: SinkTestTarget, _ work: @escaping @Sendable () async throws -> Void
  ) async throws -> Double {
    let holder = try target.server.client()
    try holder.execute("START TRANSACTION")
    _ = try holder.query("SELECT * FROM \(target.database).items")
    let thread = DedicatedThread(name: "cancelled")
    defer { thread.stop() }
    let task = Task(executorPreference: thread) { try await work() }
    repeat {
      usleep(50_000)
    } while try holder.query(
      "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata lock'"
    ).isEmpty
    let clock = ContinuousClock()
    let began = clock.now
    task.cancel()
    let end = await task.result
    #expect(throws: CancellationError.self) { try end.get() }
    try holder.execute("ROLLBACK")
    return Double((clock.now - began).components.seconds)
  }

  @Test func aCancellationEndsTheWaitForADefinition() async throws {
    let target = try SinkTestTarget()
    let sink = try target.sink { $0.lockWaitSeconds = 30 }
    _ = try await sink.open()
    try await sink.deliver(batch(target, 1...3), target.checkpoint(1))
    let items = items
    let wider = TableSchema(
      name: items.name,
      columns: items.columns + [ColumnSchema(name: "more", type: .integer(bits: 32, unsigned: false))],
      key: [0])
    let change = target.batch {
      $0.append(
        SchemaChange(kind: .alter, table: items.name, before: items, after: wider, statement: ""),
        time: EventTime(seconds: 2), logOffset: 0)
    }
    nonisolated(unsafe) let cancelled = sink
    #expect(try await secondsToCancel(target) { try await cancelled.write(change, parts: 0..<1) } < 5)
    await sink.close()
  }

  @Test func aCancellationEndsTheWaitForAnIndex() async throws {
    let target = try SinkTestTarget()
    let base = itemsSchema()
    let items = TableSchema(
      name: base.name, columns: base.columns, key: [0],
      indexes: [TableIndex(name: "by_amount", kind: .ordinary, parts: [.init(column: 2)])])
    let sink = try target.sink { $0.lockWaitSeconds = 30 }
    _ = try await sink.open()
    try await sink.write(target.batch { $0.insert(items, [.int(1), $0.text("x"), .int(1)]) }, parts: 0..<1)
    nonisolated(unsafe) let cancelled = sink
    let checkpoint = target.checkpoint(1)
    #expect(try await secondsToCancel(target) { _ = try await cancelled.commit(checkpoint) } < 5)
    await sink.close()
  }

  @Test func aHostThatIsGoneIsNoticedWhileAStatementRuns() throws {
    let target = try SinkTestTarget()
    let connection = try target.settings().connect(.rows)
    defer { connection.close() }
    // The kernel's list: addresses and ports, state, queues, timer and when it runs out, in hundredths of a second.
    let port = String(target.server.port, radix: 16, uppercase: true)
    let list = try #require(try FileHandle(forReadingAtPath: "/proc/net/tcp")?.readToEnd())
    let text = String(decoding: list, as: UTF8.self)
    let timers = text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      let isOurs = fields.count > 5 && fields[2].hasSuffix(":\(port)") && fields[3] == "01"
      return isOurs ? fields[5].split(separator: ":") : nil
    }
    #expect(timers.contains { $0[0] == "02" && (Int($0[1], radix: 16) ?? .max) <= 3100 }, "\(timers)")
  }
}
