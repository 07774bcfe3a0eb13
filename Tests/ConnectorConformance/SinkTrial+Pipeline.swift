import Change
import Flow
import Logging
import MemoryConnector
import Pipeline
import Testing

extension SinkTrial {
  /// Transactions over a few keys, of which the last decides.
  private func workload(_ range: Range<Int>) -> [MemoryTransaction] {
    let items = ConformanceSchema.items
    return range.map { number in
      let time = EventTime(microseconds: 1_700_000_000_000_000 + Int64(number) * 1000)
      if number < 10 { return MemoryTransaction(at: time, [.insert(items, ConformanceSchema.item(number, "0"))]) }
      let key = number % 10
      let before = number < 20 ? "0" : "\(number - 10)"
      return MemoryTransaction(
        at: time,
        [.update(items, before: ConformanceSchema.item(key, before), after: ConformanceSchema.item(key, "\(number)"))])
    }
  }

  private func pipeline(_ log: MemoryLog, into definition: any SinkDefinition) -> PipelineRun {
    PipelineRun(
      definition: PipelineDefinition(
        name: "conformance",
        source: .init(
          name: "source", definition: MemorySourceDefinition(log: log, batchBytes: 4096, transactionsPerBatch: 7)),
        sinks: [.init(name: "subject", definition: definition)], stateDirectory: stateDirectory),
      logger: Logger(label: "conformance") { _ in SwiftLogNoOpLogHandler() })
  }

  private func expectBalanced(_ run: PipelineRun, _ rows: UInt64) {
    let accounting = run.report.sinks["subject"]?.accounting
    expect(
      accounting?.read == rows && accounting?.unaccounted == 0, "the accounting is \(String(describing: accounting))")
  }

  func aPipelineDrainsIntoTheTarget() async throws {
    let log = MemoryLog(workload(0..<500))
    let run = pipeline(log, into: target.definition)
    let running = Task { try await run.run(until: .never) }
    while run.status.source.rows < 500 { try await Task.sleep(nanoseconds: 1_000_000) }
    run.requestStop()
    try await running.value
    expectBalanced(run, 500)
    try await pipeline(log, into: MemorySinkDefinition(target: oracle)).run(until: .now)
    try await expectSameContent([ConformanceSchema.items])
  }

  func aPipelineResumesExactlyOnce() async throws {
    guard harness.capabilities.keepsCheckpoint else { return }
    let log = MemoryLog(workload(0..<100))
    for round in 1...4 {
      let run = pipeline(log, into: target.definition)
      try await run.run(until: .now)
      expectBalanced(run, 100)
      log.append(contentsOf: workload((round * 100)..<(round * 100 + 100)))
    }
    try await pipeline(log, into: target.definition).run(until: .now)
    try await pipeline(log, into: MemorySinkDefinition(target: oracle)).run(until: .now)
    try await expectSameContent([ConformanceSchema.items])
  }

  func cancellationReachesABlockedWriter() async throws {
    try await session { session in
      try await session.write([.insert(ConformanceSchema.items, ConformanceSchema.item(100, "before"))])
      _ = try await session.commit()
    }
    guard let release = try await target.block() else { return }
    let log = MemoryLog(workload(0..<50))
    let run = pipeline(log, into: target.definition)
    let running = Task { try await run.run(until: .never) }
    try await Task.sleep(nanoseconds: 100_000_000)
    running.cancel()
    let cancelled = MonotonicTime.now()
    let outcome = await running.result
    let seconds = Double(MonotonicTime.now() - cancelled) / 1e9
    expect(seconds < 4, "a cancelled writer that is blocked ends after \(seconds) s")
    if case .success = outcome { expect(false, "a cancelled run ended as if it were done") }
    expect(run.status.state == .cancelled, "the state is \(run.status.state) after a cancellation")
    try await release()
    try await expectSameContent([ConformanceSchema.items])
  }
}
