import Change
import MemoryConnector
import Pipeline
import Testing

@Suite(.timeLimit(.minutes(1))) struct DeliveryTests {
  @Test func aLoneTransactionIsCommittedAtOnce() async throws {
    let log = MemoryLog()
    let target = MemoryTarget()
    let run = Shop.run(log, into: target)
    let running = Task { try await run.run(until: .never) }
    for number in 1...5 {
      log.append(Shop.transaction(number))
      try await target.wait { $0.journal.count == number }
      #expect(target.content.commits == number)
    }
    run.requestStop()
    try await running.value
    #expect(target.content.commits == 5)
    #expect(run.status.state == .finished)
  }

  @Test func whatComesDuringACommitIsTheNextGroup() async throws {
    let log = MemoryLog()
    let target = MemoryTarget()
    target.faults.block(.commit)
    let run = Shop.run(log, into: target)
    let running = Task { try await run.run(until: .never) }
    log.append(Shop.transaction(1))
    try await target.faults.waitUntilBlocked()
    for number in 2...50 { log.append(Shop.transaction(number)) }
    try await eventually { run.status.source.transactions == 50 }
    target.faults.lift(.commit)
    try await target.wait { $0.journal.count == 50 }
    #expect(target.content.commits == 2)
    run.requestStop()
    try await running.value
    #expect(Shop.sequences(target) == Array(1...50))
  }

  @Test func aGroupIsCommittedWhenItHoldsItsBytes() async throws {
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: Shop.log(1...100), transactionsPerBatch: 1),
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
    try await run.run(until: .now)
    #expect(target.content.commits == 100)
    #expect(Shop.sequences(target) == Array(1...100))
  }

  @Test func aSchemaChangeIsAGroupOfItsOwnWhereTheSinkAsksForIt() async throws {
    let change = SchemaChange(
      kind: .truncate, table: Shop.orders.name, before: Shop.orders, after: Shop.orders, statement: "")
    let definition = MemoryTransaction(at: EventTime(microseconds: 5500), [.schema(change)])
    let transactions = (1...5).map { Shop.transaction($0) } + [definition] + (6...9).map { Shop.transaction($0) }
    for separates in [true, false] {
      let target = MemoryTarget()
      let traits = SinkTraits(commitInterval: 50_000_000, separatesSchemaChanges: separates)
      let run = Shop.run(
        MemorySourceDefinition(log: MemoryLog(transactions)),
        into: [("copy", MemorySinkDefinition(target: target, traits: traits))])
      try await run.run(until: .now)
      let groups = Dictionary(grouping: target.content.journal, by: \.commit).mapValues { Set($0.map(\.sequence)) }
      let alone = groups.values.contains([6])
      #expect(alone == separates)
      #expect(Shop.sequences(target) == Array(1...10))
    }
  }

  @Test func aSchemaChangeAtTheBeginOfALongTransactionIsCommittedRightBehindIt() async throws {
    let change = SchemaChange(
      kind: .truncate, table: Shop.orders.name, before: Shop.orders, after: Shop.orders, statement: "")
    let long = MemoryTransaction(
      at: EventTime(microseconds: 1500),
      [.schema(change)] + (0..<100).map { .insert(Shop.orders, [.int(Int64(1000 + $0)), .text("x")]) })
    let target = MemoryTarget()
    let traits = SinkTraits(commitInterval: 50_000_000, separatesSchemaChanges: true)
    let run = Shop.run(
      MemorySourceDefinition(
        log: MemoryLog([Shop.transaction(1), long] + (3...6).map { Shop.transaction($0) }), batchBytes: 500,
        transactionsPerBatch: 1),
      into: [("copy", MemorySinkDefinition(target: target, traits: traits))])
    try await run.run(until: .now)
    let groups = Dictionary(grouping: target.content.journal, by: \.commit).mapValues { Set($0.map(\.sequence)) }
    #expect(groups.values.contains([2]))
    #expect(target.content.journal.count == 106)
  }

  @Test func rowsOfASnapshotAndOfTheLogShareNoGroup() async throws {
    let snapshot = (1...5).map { number in
      MemoryTransaction(
        at: EventTime(microseconds: 1), [.insert(Shop.orders, [.int(Int64(number)), .text("x")])], isSnapshot: true)
    }
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(
        log: MemoryLog(snapshot + (6...9).map { Shop.transaction($0) }), transactionsPerBatch: 1),
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(commitInterval: 50_000_000)))])
    try await run.run(until: .now)
    let groups = Dictionary(grouping: target.content.journal, by: \.commit).mapValues { Set($0.map(\.sequence)) }
    #expect(groups.values.allSatisfy { $0.isSubset(of: [1, 2, 3, 4, 5]) || $0.isDisjoint(with: [1, 2, 3, 4, 5]) })
    #expect(target.content.journal.count == 9)
  }

  @Test func commitsKeepTheDistanceThatTheSinkAsksForWhileMoreIsComing() async throws {
    let log = MemoryLog()
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: log, transactionsPerBatch: 1),
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(commitInterval: 300_000_000)))])
    let running = Task { try await run.run(until: .never) }
    log.append(Shop.transaction(1))
    try await target.wait { $0.commits == 1 }
    let began = ContinuousClock.now
    for number in 2...20 {
      log.append(Shop.transaction(number))
      try await Task.sleep(nanoseconds: 1_000_000)
    }
    try await target.wait { $0.journal.count == 20 }
    let commits = target.content.commits
    #expect(commits <= 2 + Int((ContinuousClock.now - began) / .milliseconds(300)))
    run.requestStop()
    try await running.value
  }

  @Test func theBeginningOfATransactionIsHeldUntilItsEndComes() async throws {
    let log = MemoryLog([Shop.transaction(1), Shop.transaction(2, rows: 500), Shop.transaction(3)])
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: log, batchBytes: 1024),
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
    try await run.run(until: .now)
    let content = target.content
    for sequence in UInt64(1)...3 {
      #expect(Set(content.journal.filter { $0.sequence == sequence }.map(\.commit)).count == 1)
    }
    #expect(content.journal.count == 502)
    #expect(content.checkpoint?.position.text == "3")
  }

  @Test func aHugeTransactionIsPassedOnInPiecesWithoutACommitBetween() async throws {
    let text = String(repeating: "x", count: 1000)
    let log = MemoryLog([Shop.transaction(1), Shop.transaction(2, rows: 20_000, text: text), Shop.transaction(3)])
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: log, batchBytes: 256 << 10),
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1 << 20)))])
    let running = Task { try await run.run(until: .now) }
    try await running.value
    let content = target.content
    #expect(content.journal.count == 20_002)
    #expect(Set(content.journal.filter { $0.sequence == 2 }.map(\.commit)).count == 1)
    // 20 MB in pieces of 256 KiB: the sink got them one by one.
    #expect(target.faults.visits(of: .write) > 40)
    #expect(run.report.sinks["copy"]?.accounting.unaccounted == 0)
  }

  @Test func watermarksAreStoredWithTheDataTheyCover() async throws {
    let log = Shop.log(1...10)
    let target = MemoryTarget()
    try await Shop.run(log, into: target).run(until: .now)
    #expect(target.content.checkpoint?.watermark == EventTime(microseconds: 9999))
  }

  @Test func twoSinksAtDifferentCheckpointsBothGetEverythingOnce() async throws {
    let log = Shop.log(1...40)
    let targets = [MemoryTarget(), MemoryTarget(), MemoryTarget()]
    try await Shop.run(log, into: targets[0]).run(until: .position("7"))
    try await Shop.run(log, into: targets[1]).run(until: .position("23"))
    let run = Shop.run(
      MemorySourceDefinition(log: log, transactionsPerBatch: 5),
      into: targets.enumerated().map { ("copy\($0)", MemorySinkDefinition(target: $1)) })
    try await run.run(until: .now)
    for target in targets {
      #expect(Shop.sequences(target) == Array(1...40))
      #expect(target.content.checkpoint?.position.text == "40")
    }
    #expect(run.status.sinks.map(\.reading.skippedTransactions) == [7, 23, 0])
    #expect(run.status.sinks.map(\.reading.rowsRead) == [33, 17, 40])
    #expect(run.status.sinks.allSatisfy { $0.reading.unaccounted == 0 })
  }

  @Test func aCheckpointNeverMovesBackWhileASinkCatchesUp() async throws {
    let log = Shop.log(1...40)
    let ahead = MemoryTarget()
    try await Shop.run(log, into: ahead).run(until: .position("30"))
    let run = Shop.run(
      MemorySourceDefinition(log: log, transactionsPerBatch: 1),
      into: [("ahead", MemorySinkDefinition(target: ahead)), ("new", MemorySinkDefinition(target: MemoryTarget()))])
    try await run.run(until: .position("20"))
    #expect(ahead.content.checkpoint?.position.text == "30")
    #expect(Shop.sequences(ahead) == Array(1...30))
  }

  @Test func aHugeTransactionThatASinkHasIsSkippedInAllItsPieces() async throws {
    let text = String(repeating: "x", count: 1000)
    let log = MemoryLog([Shop.transaction(1, rows: 12_000, text: text), Shop.transaction(2)])
    let first = MemoryTarget()
    let second = MemoryTarget()
    try await Shop.run(log, into: first).run(until: .position("1"))
    let run = Shop.run(
      MemorySourceDefinition(log: log, batchBytes: 256 << 10),
      into: [("first", MemorySinkDefinition(target: first)), ("second", MemorySinkDefinition(target: second))])
    try await run.run(until: .now)
    #expect(first.content.journal.count == 12_001)
    #expect(second.content.journal.count == 12_001)
  }
}
