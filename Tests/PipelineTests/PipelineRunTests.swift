import Change
import MemoryConnector
import Pipeline
import Testing

@Suite(.timeLimit(.minutes(1))) struct PipelineRunTests {
  @Test(arguments: [MemoryFaults.Step.write, .commit, .committed])
  func aFailureThatCanPassIsRetriedFromTheCheckpointExactlyOnce(_ step: MemoryFaults.Step) async throws {
    let target = MemoryTarget()
    for visit in [3, 4, 9] { target.faults.fail(step, visit: visit, with: Failure(.conflict, "a deadlock")) }
    let run = Shop.run(
      MemorySourceDefinition(log: Shop.log(1...200), transactionsPerBatch: 5),
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
    try await run.run(until: .now)
    #expect(Shop.sequences(target) == Array(1...200))
    #expect(run.status.retries == 3)
    #expect(run.status.state == .finished)
    #expect(run.status.sinks[0].reading.unaccounted == 0)
    #expect(target.content.epoch == 4)
  }

  @Test func severalSinksResumeEachAtItsOwnCheckpointAfterOneHasFailed() async throws {
    let first = MemoryTarget()
    let second = MemoryTarget()
    first.faults.fail(.commit, visit: 4, with: Failure(.conflict, "a deadlock"))
    second.faults.fail(.committed, visit: 7, with: Failure(.conflict, "a deadlock"))
    let traits = SinkTraits(groupBytes: 1)
    let run = Shop.run(
      MemorySourceDefinition(log: Shop.log(1...300), transactionsPerBatch: 3),
      into: [
        ("first", MemorySinkDefinition(target: first, traits: traits)),
        ("second", MemorySinkDefinition(target: second, traits: traits)),
      ])
    try await run.run(until: .now)
    #expect(Shop.sequences(first) == Array(1...300))
    #expect(Shop.sequences(second) == Array(1...300))
    #expect(run.status.sinks.allSatisfy { $0.reading.unaccounted == 0 })
  }

  @Test(arguments: [Failure.Code.diskFull, .targetShape, .fenced, .internal])
  func aFailureForAPersonEndsTheRunWithItsCode(_ code: Failure.Code) async throws {
    let target = MemoryTarget()
    target.faults.fail(.commit, visit: 2, with: Failure(code, "no"))
    let run = Shop.run(
      MemorySourceDefinition(log: Shop.log(1...50), transactionsPerBatch: 5),
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
    let failure = await #expect(throws: Failure.self) { try await run.run(until: .never) }
    #expect(failure?.code == code)
    #expect(run.status.state == .failed)
    #expect(run.status.retries == 0)
    #expect(Shop.sequences(target) == Array(1...5))
  }

  @Test func theFirstAttemptEndsAtOnceWhenNothingWasEverReached() async throws {
    let target = MemoryTarget()
    target.faults.fail(.open, visit: 1, with: Failure(.unreachable, "nobody there"))
    let run = Shop.run(Shop.log(1...5), into: target)
    let failure = await #expect(throws: Failure.self) { try await run.run(until: .never) }
    #expect(failure?.code == .unreachable)
    #expect(run.status.retries == 0)
  }

  @Test func aSinkThatCannotBeOpenedEndsTheOthersAndTheSource() async throws {
    let broken = MemoryTarget()
    broken.faults.fail(.open, visit: 1, with: Failure(.permission, "no"))
    let run = Shop.run(
      MemorySourceDefinition(log: MemoryLog()),
      into: [("good", MemorySinkDefinition(target: MemoryTarget())), ("bad", MemorySinkDefinition(target: broken))])
    let failure = await #expect(throws: Failure.self) { try await run.run(until: .never) }
    #expect(failure?.code == .permission)
  }

  @Test func aFailedSinkEndsASourceThatWaitsForMore() async throws {
    let log = Shop.log(1...1)
    let target = MemoryTarget()
    target.faults.fail(.commit, visit: 1, with: Failure(.diskFull, "no"))
    let failure = await #expect(throws: Failure.self) { try await Shop.run(log, into: target).run(until: .never) }
    #expect(failure?.code == .diskFull)
  }

  @Test func aSourceThatCannotStartEndsTheRun() async throws {
    let target = MemoryTarget()
    try await Shop.run(Shop.log(1...5), into: target).run(until: .now)
    let run = Shop.run(Shop.log(1...2), into: target)
    let failure = await #expect(throws: Failure.self) { try await run.run(until: .never) }
    #expect(failure?.code == .positionLost)
  }

  @Test func stopDeliversWhatWasRead() async throws {
    let log = Shop.log(1...1000)
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: log, transactionsPerBatch: 3), into: [("copy", MemorySinkDefinition(target: target))])
    let running = Task { try await run.run(until: .never) }
    try await target.wait { !$0.journal.isEmpty }
    run.requestStop()
    run.requestStop()
    try await running.value
    let status = run.status
    #expect(status.state == .finished)
    #expect(Shop.sequences(target) == Array(1...UInt64(target.content.journal.count)))
    #expect(status.source.rows == UInt64(target.content.journal.count))
    #expect(target.content.checkpoint?.position.text == "\(target.content.journal.count)")
  }

  @Test func aStopBeforeTheStartEndsTheRunAtOnce() async throws {
    let run = Shop.run(Shop.log(1...5), into: MemoryTarget())
    run.requestStop()
    try await run.run(until: .never)
    #expect(run.status.state == .finished)
  }

  @Test func aStopDuringThePauseBeforeARetryDoesNotWaitForIt() async throws {
    let log = Shop.log(1...10)
    let target = MemoryTarget()
    let run = Shop.run(
      MemorySourceDefinition(log: log, transactionsPerBatch: 1),
      into: [("copy", MemorySinkDefinition(target: target, traits: SinkTraits(groupBytes: 1)))])
    for visit in 2...8 { target.faults.fail(.open, visit: visit, with: Failure(.unreachable, "gone")) }
    target.faults.fail(.commit, visit: 2, with: Failure(.unreachable, "gone"))
    let running = Task { try await run.run(until: .never) }
    try await eventually { run.status.state == .retrying }
    run.requestStop()
    #expect(run.status.state == .draining)
    // The attempt that drains meets the same trouble, and tells it.
    await #expect(throws: Failure.self) { try await running.value }
    #expect(run.status.state == .failed)
  }

  @Test func cancellationLeavesTheTargetAsItWas() async throws {
    let target = MemoryTarget()
    target.faults.block(.commit)
    let run = Shop.run(Shop.log(1...10), into: target)
    let running = Task { try await run.run(until: .never) }
    try await target.faults.waitUntilBlocked()
    running.cancel()
    await #expect(throws: CancellationError.self) { try await running.value }
    #expect(run.status.state == .cancelled)
    #expect(target.content.journal.isEmpty)
    target.faults.lift(.commit)
    try await Shop.run(Shop.log(1...10), into: target).run(until: .now)
    #expect(Shop.sequences(target) == Array(1...10))
  }

  @Test func aBlockedSinkHoldsTheSourceBackWithinTheMemoryLimit() async throws {
    let text = String(repeating: "x", count: 100_000)
    let log = MemoryLog((1...2000).map { Shop.transaction($0, text: text) })
    let target = MemoryTarget()
    target.faults.block(.write)
    let run = Shop.run(
      MemorySourceDefinition(log: log, transactionsPerBatch: 1), into: [("copy", MemorySinkDefinition(target: target))])
    let running = Task { try await run.run(until: .now) }
    try await target.faults.waitUntilBlocked()
    try await Task.sleep(nanoseconds: 200_000_000)
    // 200 MB are there; the channel of 42 MiB and what the sink has taken out of it is what was read.
    #expect(run.status.source.bytes < 100 << 20)
    #expect(run.status.sinks[0].reading.queuedBytes <= 48 << 20)
    running.cancel()
    await #expect(throws: CancellationError.self) { try await running.value }
  }

  @Test func aWriterThatWasTakenOverCannotCommit() async throws {
    let log = Shop.log(1...3)
    let target = MemoryTarget()
    target.faults.block(.commit)
    let first = Shop.run(log, into: target)
    let running = Task { try await first.run(until: .never) }
    try await target.faults.waitUntilBlocked()
    let second = Shop.run(log, into: target)
    let taking = Task { try await second.run(until: .now) }
    try await eventually { target.content.epoch == 2 }
    target.faults.lift(.commit)
    try await taking.value
    let failure = await #expect(throws: Failure.self) { try await running.value }
    #expect(failure?.code == .fenced)
    #expect(Shop.sequences(target) == [1, 2, 3])
  }
}
