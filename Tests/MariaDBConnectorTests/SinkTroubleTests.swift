import Change
import ConnectorConformance
import Flow
import Glibc
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

@Suite(.serialized, .timeLimit(.minutes(2))) struct SinkTroubleTests {
  private let items = itemsSchema()

  private func batch(_ target: SinkTestTarget, _ ids: ClosedRange<Int64>, _ name: String = "x") -> Batch {
    target.batch { builder in for id in ids { builder.insert(items, [.int(id), builder.text(name), .int(1)]) } }
  }

  @Test(arguments: [Int64(5), 400])
  func aWriterThatWasOvertakenIsRefusedAndHasChangedNothing(_ lastId: Int64) async throws {
    let target = try SinkTestTarget()
    let first = try target.sink()
    _ = try await first.open()
    try await first.deliver(batch(target, 1...3), target.checkpoint(1))
    let second = try target.sink()
    #expect(try await second.open() == target.checkpoint(1).position)
    try await first.write(batch(target, 4...lastId), parts: 0..<1)
    let failure = await #expect(throws: Failure.self) { try await first.commit(target.checkpoint(2)) }
    #expect(failure?.code == .fenced)
    await first.close()
    try await second.deliver(batch(target, 5...6), target.checkpoint(3))
    #expect(try target.rows("SELECT id FROM items") == ["1", "2", "3", "5", "6"])
    await second.close()
  }

  @Test func aWriterThatIsStuckInItsTransactionIsShutOut() async throws {
    let target = try SinkTestTarget()
    let first = try target.sink(memory: 2 << 20)
    _ = try await first.open()
    // Beyond the limit: written into the open transaction, which holds the checkpoint's row.
    try await first.write(batch(target, 1...20_000), parts: 0..<1)
    let second = try target.sink()
    #expect(try await second.open() == nil)
    try await second.deliver(batch(target, 1...3), target.checkpoint(1))
    await #expect(throws: Failure.self) { try await first.commit(target.checkpoint(9)) }
    await first.close()
    #expect(try target.rows("SELECT COUNT(*) FROM items") == ["3"])
    #expect(try target.position == "0-1-1")
    await second.close()
  }

  @Test func aConnectionThatBreaksBeforeTheCommitLeavesNothing() async throws {
    let target = try SinkTestTarget()
    let sink = try target.sink(memory: 2 << 20)
    _ = try await sink.open()
    try await sink.deliver(batch(target, 1...3), target.checkpoint(1))
    try await sink.write(batch(target, 4...20_000), parts: 0..<1)
    let writer = try sink.opened().connection.threadId
    try target.client.execute("KILL CONNECTION \(writer)")
    let failure = await #expect(throws: Failure.self) { try await sink.commit(target.checkpoint(2)) }
    #expect(failure?.code == .unreachable && failure?.code.remedy == .retryLater)
    await sink.close()
    let next = try target.sink()
    #expect(try await next.open() == target.checkpoint(1).position)
    #expect(try target.rows("SELECT COUNT(*) FROM items") == ["3"])
    await next.close()
  }

  @Test func aConnectionThatBreaksDuringTheCommitIsResolvedByTheNextOpen() async throws {
    let target = try SinkTestTarget()
    var after = 1
    for bytes in [0, 11, 40] {
      let proxy = try FaultProxy(target: target.server.port)
      let sink = try target.sink { $0.url = try! MariaDBURL("mariadb://root@127.0.0.1:\(proxy.port)/") }
      _ = try await sink.open()
      try await sink.write(batch(target, Int64(after * 1000)...Int64(after * 1000 + 2)), parts: 0..<1)
      // The answers of the group are cut off somewhere: whether it is committed, only the target knows.
      proxy.cut(afterBytes: bytes)
      let failure = await #expect(throws: Failure.self) { try await sink.commit(target.checkpoint(after)) }
      #expect(failure?.code == .unreachable)
      await sink.close()
      proxy.heal()
      let next = try target.sink()
      let isCommitted = try await next.open()?.text == "0-1-\(after)"
      #expect(try target.rows("SELECT COUNT(*) FROM items WHERE id >= \(after * 1000)") == [isCommitted ? "3" : "0"])
      await next.close()
      after += 1
    }
  }

  @Test func aLockThatIsNotGrantedInTimeIsAConflictToTryAgain() async throws {
    let target = try SinkTestTarget()
    let sink = try target.sink { $0.lockWaitSeconds = 1 }
    _ = try await sink.open()
    try await sink.deliver(batch(target, 1...3), target.checkpoint(1))
    try target.client.execute("START TRANSACTION")
    _ = try target.client.query("SELECT * FROM items WHERE id = 2 FOR UPDATE")
    try await sink.write(
      target.batch { $0.update(items, [.int(2), $0.text("x"), .int(1)], [.int(2), $0.text("y"), .int(1)]) },
      parts: 0..<1)
    let failure = await #expect(throws: Failure.self) { try await sink.commit(target.checkpoint(2)) }
    #expect(failure?.code == .conflict && failure?.code.remedy == .retryNow)
    try target.client.execute("ROLLBACK")
    await sink.close()
    let next = try target.sink()
    #expect(try await next.open() == target.checkpoint(1).position)
    await next.close()
  }

  @Test func aDeadlockIsAConflictToTryAgain() async throws {
    let target = try SinkTestTarget()
    let sink = try target.sink()
    _ = try await sink.open()
    try await sink.deliver(batch(target, 1...200), target.checkpoint(1))
    try target.client.execute("START TRANSACTION")
    // Heavier than the sink's transaction, so that the server gives up the sink's.
    try target.client.execute("UPDATE items SET amount = 2 WHERE id > 100")
    let other = target.client
    try await sink.write(
      target.batch { builder in
        builder.update(items, [.int(1), builder.text("x"), .int(1)], [.int(1), builder.text("y"), .int(1)])
        builder.update(items, [.int(200), builder.text("x"), .int(1)], [.int(200), builder.text("y"), .int(1)])
      }, parts: 0..<1)
    let checkpoint = target.checkpoint(2)
    // The sink holds row 1 and waits for row 200; then the other asks for row 1.
    let thread = DedicatedThread(name: "other")
    defer { thread.stop() }
    let connection = other
    let task = Task(executorPreference: thread) {
      // The server looks anew only when nobody has asked for a tenth of a second.
      repeat {
        usleep(150_000)
      } while try connection.query(
        "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
      ).isEmpty
      try connection.execute("UPDATE items SET amount = 3 WHERE id = 1")
    }
    let failure = await #expect(throws: Failure.self) { try await sink.commit(checkpoint) }
    #expect(failure?.code == .conflict)
    await sink.close()
    try await task.value
    try target.client.execute("ROLLBACK")
  }
}
