import Change
import Flow
import Pipeline
import Testing

extension SourceTrial {
  /// Transactions of one row, of a few, and one that is larger than a batch; keys count from `first`.
  private func transactions(from first: Int64 = 0) -> [[Int64]] {
    var next = first
    return ([1, 3, 1, 400, 1, 2, 1] as [Int64]).map { count in
      defer { next += count }
      return Array(next..<(next + count))
    }
  }

  private var keys: [Int64] { transactions().flatMap(\.self) }

  func everythingComesInLogOrder() async throws {
    try await log.append(transactions())
    let output = try await readAll(from: nil)
    expect(output.keys == keys, "\(output.keys.count) rows came, of \(keys.count), or in another order")
    expectNoComplaints(output)
    var isOpen = false
    var preceding: UInt64 = 0
    for batch in output.batches {
      var next = 0
      for part in batch.transactions {
        expect(part.begins == !isOpen, "a transaction goes on without having begun, or begins inside another")
        expect(part.range.lowerBound == next, "the parts of a batch leave a gap")
        if part.begins { preceding = 0 }
        expect(part.preceding == preceding, "a part counts \(part.preceding) changes before it, not \(preceding)")
        preceding += UInt64(part.count)
        next = part.range.upperBound
        isOpen = !part.ends
      }
      expect(next == batch.changes.count, "changes lie outside of every transaction")
    }
    expect(!isOpen, "the last transaction has no end")
  }

  func theRunEndsAtTheLogsEndOfItsStart() async throws {
    try await log.append(transactions())
    let output = CollectingOutput()
    output.hold(true)
    let running = Task { try await read(into: output) }
    expect(try await eventually { !output.batches.isEmpty }, "no batch came within 20 s")
    try await log.append([[1_000_000]])
    output.hold(false)
    try await running.value
    expect(output.keys == keys, "rows came that were appended after the start")
    let nothing = CollectingOutput()
    try await read(from: [try await readAll(from: nil).batches.last?.position], into: nothing)
    expect(nothing.keys.isEmpty, "a run from the end returns rows")
  }

  func aRunCutAfterAnyBatchResumesExactly() async throws {
    try await log.append(transactions())
    let count = try await readAll(from: nil).batches.count
    for cut in 1...max(1, count) {
      let first = CollectingOutput(limit: cut)
      do { try await read(into: first) } catch is CollectingOutput.Cut {}
      guard let position = first.batches.last?.position else { continue }
      let second = try await readAll(from: position)
      let settled = first.batches.settledKeys
      // Whole transactions up to the position, then the rest: nothing is missing and nothing twice.
      expect(settled + second.keys == keys, "cut after batch \(cut), \(settled.count) + \(second.keys.count) rows came")
      expectNoComplaints(second)
    }
  }

  func aSourceStartsAtTheSmallestCheckpoint() async throws {
    try await log.append(transactions())
    let positions = try await readAll(from: nil).batches.map(\.position)
    guard let early = positions.first, let late = positions.last else { return expect(false, "no batch came") }
    let output = CollectingOutput()
    try await read(from: [late, early], into: output)
    let alone = try await readAll(from: early)
    expect(output.keys == alone.keys, "with a later checkpoint beside it the source starts elsewhere")
    let fresh = CollectingOutput()
    try await read(from: [late, nil], into: fresh)
    expect(fresh.keys == keys, "a sink without a checkpoint does not get everything")
  }

  func checkpointsTellWhatIsCovered() async throws {
    try await log.append(transactions())
    let all = try await readAll(from: nil)
    let thread = ConnectorContext.conformance(thread: .init(name: "coverage"), stateDirectory: stateDirectory)
    defer { thread.thread.stop() }
    let coverage = try log.definition.makeSource(thread).coverage
    for (index, batch) in all.batches.enumerated() {
      for (other, otherBatch) in all.batches.enumerated() {
        for part in otherBatch.transactions {
          let ends = all.batches[other...].firstIndex { later in
            later.transactions.contains { $0.ends && $0.mark.sequence == part.mark.sequence }
          }
          guard let ends else { continue }
          let isCovered = try coverage.covers(part.mark, isSnapshot: part.isSnapshot, in: batch.position)
          expect(
            isCovered == (ends <= index),
            "a part of batch \(other), whose transaction ends in \(ends), is\(isCovered ? "" : " not") covered by \(index)"
          )
        }
        let hasReached = try coverage.hasReached(batch.position, at: otherBatch.position)
        expect(
          hasReached == (other >= index) || batch.position == otherBatch.position, "batch \(other) reaches \(index)")
      }
    }
    #expect(throws: Failure.self) {
      _ = try coverage.covers(
        LogMark(sequence: 1), isSnapshot: false, in: Position(text: "?", token: "not a position"))
    }
  }

  func aSlowReceiverHoldsTheSourceBack() async throws {
    try await log.append(transactions())
    let output = CollectingOutput()
    output.hold(true)
    let running = Task { try await read(into: output) }
    expect(try await eventually { !output.batches.isEmpty }, "no batch came within 20 s")
    try await Task.sleep(nanoseconds: 50_000_000)
    expect(output.batches.count == 1, "\(output.batches.count) batches were sent to a receiver that took one")
    output.hold(false)
    try await running.value
    expect(output.keys == keys, "rows are missing after the receiver was slow")
    expectNoComplaints(output)
  }

  func stopEndsTheRunAndKeepsWhatWasSent() async throws {
    try await log.append(transactions())
    let output = CollectingOutput()
    let stop = StopSignal()
    let running = Task { try await read(until: .never, stop: stop, into: output) }
    expect(try await eventually { output.keys.count == keys.count }, "\(output.keys.count) rows came within 20 s")
    try await log.append([[1_000_000]])
    expect(try await eventually { output.keys.last == 1_000_000 }, "a source that waits does not see what comes")
    stop.request()
    try await running.value
    let rest = try await readAll(from: output.batches.last?.position)
    expect(output.batches.settledKeys + rest.keys == keys + [1_000_000], "rows are lost or repeated by a stop")
    expectNoComplaints(output)
    // A stop that was requested before the run begins ends it, too.
    try await read(until: .never, stop: stop, into: CollectingOutput())
  }

  func cancellationReachesASourceThatWaitsForMore() async throws {
    try await log.append(transactions())
    let output = CollectingOutput()
    let running = Task { try await read(until: .never, into: output) }
    expect(try await eventually { output.keys.count == keys.count }, "\(output.keys.count) rows came within 20 s")
    running.cancel()
    let outcome = await running.result
    if case .success = outcome { expect(false, "a cancelled run ended as if it were done") }
  }

  func cancellationReachesASourceThatIsHeldBack() async throws {
    try await log.append(transactions())
    let output = CollectingOutput()
    output.hold(true)
    let running = Task { try await read(until: .never, into: output) }
    expect(try await eventually { !output.batches.isEmpty }, "no batch came within 20 s")
    running.cancel()
    let outcome = await running.result
    if case .success = outcome { expect(false, "a cancelled run ended as if it were done") }
  }

  func watermarksArePromises() async throws {
    try await log.append(transactions())
    let output = CollectingOutput()
    let stop = StopSignal()
    let running = Task { try await read(until: .never, stop: stop, into: output) }
    expect(try await eventually { output.keys.count == keys.count }, "\(output.keys.count) rows came within 20 s")
    try await log.append(transactions(from: 1000))
    expect(try await eventually { output.keys.count == 2 * keys.count }, "\(output.keys.count) rows came within 20 s")
    expect(try await eventually { output.content.watermark > .distantPast }, "no watermark came within 20 s")
    stop.request()
    try await running.value
    expectNoComplaints(output)
  }
}
