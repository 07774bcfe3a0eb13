import Change
import ConnectorConformance
import MemoryConnector
import Pipeline
import Testing

/// One way to be wrong, which the suite must find.
enum SinkDefect: String, CaseIterable, Sendable, CustomTestStringConvertible {
  /// The data is committed, the checkpoint is not.
  case forgetsTheCheckpoint
  /// The checkpoint of the commit before is stored.
  case storesAnOldCheckpoint
  /// What came last before each commit is lost.
  case dropsTheLastChange
  /// Everything arrives twice.
  case writesTwice
  /// A writer that was replaced takes the target back.
  case ignoresTheEpoch
  /// Readers see what was not committed.
  case commitsEachWrite
  /// The receipt leaves changes out.
  case miscounts
  /// A cancellation has to wait until the target answers.
  case cannotBeCancelled
  /// What an earlier attempt wrote without a commit comes with the next commit.
  case keepsWhatWasNotCommitted

  var testDescription: String { rawValue }

  /// A case that must find it.
  var conformanceCase: SinkConformanceCase {
    switch self {
    case .forgetsTheCheckpoint: .twoOpensReturnTheSamePosition
    case .storesAnOldCheckpoint: .aSinkResumesAtItsLastCommit
    case .dropsTheLastChange, .writesTwice: .changesOfAKeyApplyInOrder
    case .ignoresTheEpoch: .aSecondWriterFencesTheFirst
    case .commitsEachWrite: .nothingIsVisibleBeforeItsCommit
    case .miscounts: .everyChangeIsAccountedFor
    case .cannotBeCancelled: .cancellationReachesABlockedWriter
    case .keepsWhatWasNotCommitted: .whatWasNotCommittedIsGone
    }
  }
}

/// A memory sink with one defect.
final class WrongSink: Sink {
  let traits = SinkTraits()
  private let target: MemoryTarget
  private let defect: SinkDefect
  private let leftovers: Leftovers
  private var inner: MemorySink
  private var waiting: [(batch: Batch, parts: Range<Int>)] = []
  private var stored: Checkpoint?

  /// What attempts leave to the next one.
  final class Leftovers: @unchecked Sendable {
    // Sendable: the suite's sessions follow one another on one thread.
    var batches: [(batch: Batch, parts: Range<Int>)] = []
  }

  init(_ target: MemoryTarget, _ defect: SinkDefect, _ leftovers: Leftovers) {
    self.target = target
    self.defect = defect
    self.leftovers = leftovers
    inner = MemorySink(target: target, traits: SinkTraits())
  }

  func open() async throws -> Position? {
    let position = try await inner.open()
    stored = target.content.checkpoint
    return defect == .forgetsTheCheckpoint ? nil : position
  }

  func write(_ batch: Batch, parts: Range<Int>) async throws {
    waiting.append((batch, parts))
    if defect == .keepsWhatWasNotCommitted { leftovers.batches.append((batch, parts)) }
    if defect == .commitsEachWrite {
      try await flush()
      _ = try await inner.commit(
        stored ?? Checkpoint(position: MemoryPosition.position(behind: 0), watermark: .distantPast))
    }
  }

  func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    if defect == .keepsWhatWasNotCommitted {
      waiting = leftovers.batches
      leftovers.batches = []
    }
    if defect == .dropsTheLastChange { waiting = waiting.dropLast() }
    if defect == .writesTwice { waiting += waiting }
    let written = waiting
    try await flush()
    var receipt: Receipt
    do {
      receipt = try await commitInner(checkpoint)
    } catch let failure as Failure where failure.code == .fenced && defect == .ignoresTheEpoch {
      inner = MemorySink(target: target, traits: traits)
      _ = try await inner.open()
      waiting = written
      try await flush()
      receipt = try await inner.commit(checkpoint)
    }
    stored = checkpoint
    if defect == .miscounts { receipt.outcomes = receipt.outcomes.mapValues { _ in Outcome(delivered: 1) } }
    return receipt
  }

  private func commitInner(_ checkpoint: Checkpoint) async throws -> Receipt {
    let kept = defect == .storesAnOldCheckpoint ? stored ?? checkpoint : checkpoint
    guard defect == .cannotBeCancelled else { return try await inner.commit(kept) }
    let inner = UncheckedSink(sink: inner)
    let commit = Task { try await inner.sink.commit(kept) }
    return try await commit.value
  }

  private struct UncheckedSink: @unchecked Sendable {
    // Sendable: whoever starts the task waits for its end.
    let sink: MemorySink
  }

  private func flush() async throws {
    for (batch, parts) in waiting { try await inner.write(batch, parts: parts) }
    waiting = []
  }

  func close() async { await inner.close() }
}

struct WrongSinkDefinition: SinkDefinition {
  let target: MemoryTarget
  let defect: SinkDefect
  let leftovers = WrongSink.Leftovers()

  func makeSink(_ context: ConnectorContext) throws -> any Sink { WrongSink(target, defect, leftovers) }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    SinkPlan(target: "a wrong one")
  }
}
