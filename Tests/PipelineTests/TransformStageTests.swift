import Change
import Foundation
import MemoryConnector
import Pipeline
import Testing

@Suite(.timeLimit(.minutes(1))) struct TransformStageTests {
  private static let deletions = "{ only: { operations: [insert, update] } }"

  /// Each transaction inserts a row, and deletes it again.
  private static func log(_ count: Int) -> MemoryLog {
    MemoryLog(
      (1...count).map { number in
        let row: [MemoryValue] = [.int(Int64(number)), .text("new")]
        return MemoryTransaction(
          at: EventTime(microseconds: Int64(number) * 1000), [.insert(Shop.orders, row), .delete(Shop.orders, row)])
      })
  }

  private static func sinks(_ targets: [MemoryTarget]) -> [(name: String, definition: any SinkDefinition)] {
    targets.enumerated().map { ("copy\($0)", MemorySinkDefinition(target: $1)) }
  }

  @Test func whatARuleLeavesOutIsFilteredForEverySink() async throws {
    let targets = [MemoryTarget(), MemoryTarget()]
    let run = Shop.run(
      MemorySourceDefinition(log: TransformStageTests.log(10)), into: TransformStageTests.sinks(targets),
      transforms: try TransformTrial.definitions(
        "\(TransformStageTests.deletions), { route: { from: 'shop.orders', to: 'warehouse.sales' } }"))
    try await run.run(until: .now)
    for sink in run.report.sinks.values {
      #expect(Set(sink.tables.keys) == ["shop.orders"])
      let accounting = try #require(sink.tables["shop.orders"])
      #expect(accounting.read == 20)
      #expect(accounting.delivered == 10)
      #expect(accounting.filtered == 10)
      #expect(sink.accounting.unaccounted == 0)
    }
    for target in targets {
      #expect(target.content.tables.keys.map(\.description) == ["warehouse.sales"])
      #expect(target.content.checkpoint?.position.text == "10")
    }
    #expect(run.report.stages["transform"] != nil)
    #expect(run.report.read.rows == 20)
  }

  @Test func thePositionMovesWhenNothingIsLeftOfTheTransactions() async throws {
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: Shop.log(1...10), transactionsPerBatch: 1), into: TransformStageTests.sinks([target]),
      transforms: try TransformTrial.definitions("{ only: { operations: delete } }"))
    try await run.run(until: .now)
    #expect(target.content.checkpoint?.position.text == "10")
    #expect(target.content.journal.isEmpty)
    let accounting = try #require(run.report.sinks["copy0"]?.accounting)
    #expect(accounting.read == 10)
    #expect(accounting.filtered == 10)
  }

  @Test func whatASinkAlreadyHasIsNotCountedAgainAfterARetry() async throws {
    let targets = [MemoryTarget(), MemoryTarget()]
    // One sink fails once in the middle; the other, which is ahead then, leaves out what it has.
    targets[0].faults.fail(.commit, visit: 3, with: Failure(.conflict, "ordered by the test"))
    let run = Shop.run(
      MemorySourceDefinition(log: TransformStageTests.log(20), transactionsPerBatch: 1),
      into: targets.enumerated().map {
        ("copy\($0)", MemorySinkDefinition(target: $1, traits: SinkTraits(groupBytes: 1)))
      },
      transforms: try TransformTrial.definitions(TransformStageTests.deletions))
    try await run.run(until: .now)
    #expect(run.status.retries == 1)
    for (sink, target) in zip(run.report.sinks.sorted { $0.key < $1.key }.map(\.value), targets) {
      #expect(sink.accounting.read == 40)
      #expect(sink.accounting.filtered == 20)
      #expect(sink.accounting.unaccounted == 0)
      #expect(Shop.sequences(target) == Array(1...20))
    }
  }

  @Test func mergedTablesAreAccountedForByTheirNamesAtTheSource() async throws {
    let tables = (1...3).map {
      TableSchema(name: TableName(namespace: "shop", table: "orders_\($0)"), columns: Shop.orders.columns, key: [0])
    }
    let transactions = (0..<30).map { number in
      MemoryTransaction(
        at: EventTime(microseconds: Int64(number)), [.insert(tables[number % 3], [.int(Int64(number)), .null])])
    }
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: MemoryLog(transactions), transactionsPerBatch: 7),
      into: TransformStageTests.sinks([target]),
      transforms: try TransformTrial.definitions("{ route: { from: 'shop\\..*', to: 'all.orders', merge: true } }"))
    try await run.run(until: .now)
    let accounts = try #require(run.report.sinks["copy0"]?.tables)
    #expect(accounts.count == 3)
    for account in accounts.values {
      #expect(account.read == 10)
      #expect(account.delivered == 10)
      #expect(account.unaccounted == 0)
    }
    #expect(target.content.tables.values.map(\.rowCount) == [30])
  }

  @Test func watermarksComeThroughWithoutData() async throws {
    let log = MemoryLog()
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: log), into: TransformStageTests.sinks([target]),
      transforms: try TransformTrial.definitions(TransformStageTests.deletions))
    let running = Task { try await run.run(until: .never) }
    log.append(Shop.transaction(1))
    try await target.wait { $0.journal.count == 1 }
    log.promise(EventTime(microseconds: 5_000_000))
    try await eventually { run.status.source.watermark.microseconds == 5_000_000 }
    // Rows of a snapshot promise nothing themselves.
    log.append(
      MemoryTransaction(
        at: EventTime(microseconds: 6_000_000), [.insert(Shop.orders, [.int(9), .null])], isSnapshot: true))
    try await target.wait { $0.journal.count == 2 }
    #expect((target.content.checkpoint?.watermark.microseconds ?? 0) >= 5_000_000)
    run.requestStop()
    try await running.value
  }

  @Test func aTransformThatCannotGoOnEndsThePipelineWithItsReason() async throws {
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: Shop.log(1...1000), transactionsPerBatch: 1),
      into: TransformStageTests.sinks([target]),
      transforms: try TransformTrial.definitions("{ mask: { table: shop.orders, columns: { nothing: redact } } }"))
    await #expect(throws: Failure.self) { try await run.run(until: .now) }
    #expect(run.status.state == .failed)
    #expect(target.content.journal.isEmpty)
  }

  @Test func aSinkThatFailsEndsThePipelineThroughTheTransforms() async throws {
    let target = MemoryTarget()
    target.faults.fail(.write, visit: 2, with: Failure(.diskFull, "ordered by the test"))
    let run = Shop.run(
      MemorySourceDefinition(log: Shop.log(1...1000), transactionsPerBatch: 1),
      into: TransformStageTests.sinks([target]),
      transforms: try TransformTrial.definitions(TransformStageTests.deletions))
    do {
      try await run.run(until: .never)
      Issue.record("it ended well")
    } catch {
      #expect((error as? Failure)?.code == .diskFull)
    }
  }

  @Test func cancellationReachesAStageThatWaitsForAFullSink() async throws {
    let target = MemoryTarget()
    target.faults.block(.write)
    let run = Shop.run(
      MemorySourceDefinition(
        log: MemoryLog((1...200).map { Shop.transaction($0, rows: 1000) }), transactionsPerBatch: 1),
      into: TransformStageTests.sinks([target]),
      transforms: try TransformTrial.definitions(TransformStageTests.deletions))
    let running = Task { try await run.run(until: .never) }
    try await target.faults.waitUntilBlocked()
    running.cancel()
    target.faults.lift(.write)
    await #expect(throws: CancellationError.self) { try await running.value }
    #expect(run.status.state == .cancelled)
  }

  @Test func theNumbersOfChangesInATransactionAreThoseThatTheSinksGet() throws {
    // The same transaction in one batch, and in two.
    let row: [MemoryValue] = [.int(1), .null]
    let changes: [MemoryChange] = [
      .insert(Shop.orders, row), .delete(Shop.orders, row), .insert(Shop.orders, row), .delete(Shop.orders, row),
    ]
    let chain = try TransformTrial.chain("{ only: { operations: insert } }")
    let builder = BatchBuilder()
    builder.begin(commitTime: EventTime(microseconds: 1), mark: LogMark(sequence: 1), identifier: "1")
    for change in changes { change.append(to: builder, at: EventTime(microseconds: 1), offset: 0) }
    let first = try chain.apply(to: builder.take(position: Position(text: "0", token: "")))
    changes[0].append(to: builder, at: EventTime(microseconds: 1), offset: 0)
    builder.end(mark: LogMark(sequence: 1))
    let second = try chain.apply(to: builder.take(position: Position(text: "1", token: "")))
    #expect(first.transactions.map(\.count) == [2])
    #expect(second.transactions.map(\.count) == [1])
    #expect(second.transactions.map(\.preceding) == [2])
  }
}
