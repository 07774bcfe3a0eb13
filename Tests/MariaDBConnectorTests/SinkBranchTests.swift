import Change
import ConnectorConformance
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

/// Groups that several writers apply, and what is left of them when their process ends in between.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SinkBranchTests {
  private let items = itemsSchema()

  private func batch(_ target: SinkTestTarget, _ ids: ClosedRange<Int64>) -> Batch {
    target.batch { builder in for id in ids { builder.insert(items, [.int(id), builder.text("x"), .int(1)]) } }
  }

  private func open(_ target: SinkTestTarget) async throws -> (sink: MariaDBSink, position: Position?) {
    let sink = try target.sink { $0.workers = 3 }
    sink.sharedEntries = 1
    sink.quickEntries = 0
    return (sink, try await sink.open())
  }

  private func preparedBranches(_ target: SinkTestTarget) throws -> Int { try target.client.query("XA RECOVER").count }

  @Test func severalWritersShareAGroup() async throws {
    let target = try SinkTestTarget()
    let (sink, _) = try await open(target)
    let receipt = try await sink.deliver(batch(target, 1...20_000), target.checkpoint(1))
    #expect(receipt.outcomes[items.name] == Outcome(delivered: 20_000))
    #expect(try target.rows("SELECT COUNT(*), SUM(id) FROM items") == ["20000|\(20_000 * 20_001 / 2)"])
    try await sink.deliver(
      target.batch { builder in
        for id: Int64 in 1...20_000 { builder.delete(items, [.int(id), builder.text("x"), .int(1)]) }
      }, target.checkpoint(2))
    #expect(try target.rows("SELECT COUNT(*) FROM items") == ["0"])
    #expect(try preparedBranches(target) == 0)
    await sink.close()
  }

  @Test func aGroupThatWasPreparedOnlyIsUndone() async throws {
    let target = try SinkTestTarget()
    let (sink, _) = try await open(target)
    try await sink.deliver(batch(target, 1...5000), target.checkpoint(1))
    let second = batch(target, 5001...10_000)
    try await sink.write(second, parts: second.transactions.indices)
    try sink.begin()
    try await sink.applyAll()
    try await sink.onBranches { try $0.prepare() }
    #expect(try preparedBranches(target) == 2)
    await sink.close()
    let (next, position) = try await open(target)
    #expect(position == target.checkpoint(1).position)
    #expect(try preparedBranches(target) == 0)
    #expect(try target.rows("SELECT COUNT(*) FROM items") == ["5000"])
    await next.close()
  }

  @Test func aGroupWhoseCheckpointIsStoredIsCompleted() async throws {
    let target = try SinkTestTarget()
    let (sink, _) = try await open(target)
    try await sink.deliver(batch(target, 1...5000), target.checkpoint(1))
    let second = batch(target, 5001...10_000)
    try await sink.write(second, parts: second.transactions.indices)
    try sink.begin()
    try await sink.applyAll()
    try await sink.onBranches { try $0.prepare() }
    try sink.store(target.checkpoint(2))
    // The old writer's connections live on, as those of a process that was stopped.
    let (next, position) = try await open(target)
    #expect(position == target.checkpoint(2).position)
    #expect(try preparedBranches(target) == 0)
    #expect(try target.rows("SELECT COUNT(*) FROM items") == ["10000"])
    await sink.close()
    try await next.deliver(batch(target, 20_001...20_010), target.checkpoint(3))
    await next.close()
  }

  /// Only the connection that commits the checkpoint breaks, and only the answer is lost.
  @Test func aGroupWhoseCommitIsNotAnsweredIsEndedByTheNextOpen() async throws {
    let target = try SinkTestTarget()
    let proxy = try FaultProxy(target: target.server.port)
    let (sink, _) = try await open(target)
    try await sink.deliver(batch(target, 1...5000), target.checkpoint(1))
    await sink.close()
    let fragile = try target.sink {
      $0.workers = 3
      $0.url = try! MariaDBURL("mariadb://root@127.0.0.1:\(proxy.port)/")
    }
    fragile.sharedEntries = 1
    fragile.quickEntries = 0
    _ = try await fragile.open()
    let second = batch(target, 5001...10_000)
    try await fragile.write(second, parts: second.transactions.indices)
    try fragile.begin()
    try await fragile.applyAll()
    try await fragile.onBranches { try $0.prepare() }
    proxy.cutNextAnswer()
    #expect(throws: MariaDBError.self) { try fragile.store(target.checkpoint(2)) }
    await fragile.abandon()
    await fragile.close()
    let (next, position) = try await open(target)
    #expect(position == target.checkpoint(2).position)
    #expect(try target.rows("SELECT COUNT(*) FROM items") == ["10000"])
    #expect(try preparedBranches(target) == 0)
    await next.close()
  }

  @Test func aBadRowOfOneWritersShareIsSetAsideWithTheGroup() async throws {
    let target = try SinkTestTarget()
    try target.client.execute(
      "CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40), amount INT CHECK (amount < 5))")
    let sink = try target.sink(badRows: .quarantine) { $0.workers = 3 }
    sink.sharedEntries = 1
    _ = try await sink.open()
    let receipt = try await sink.deliver(
      target.batch { builder in
        for id: Int64 in 1...3000 {
          builder.insert(items, [.int(id), builder.text("x"), .int(id % 1000 == 7 ? 9 : 1)])
        }
      }, target.checkpoint(1))
    #expect(receipt.outcomes[items.name] == Outcome(delivered: 2997, quarantined: 3))
    #expect(try target.rows("SELECT COUNT(*) FROM \(target.state)._freshet_quarantine") == ["3"])
    await sink.close()
  }
}
