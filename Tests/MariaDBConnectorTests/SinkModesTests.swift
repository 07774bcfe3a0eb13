import Change
import ConnectorConformance
import Pipeline
import SQLRendering
import TestRandom
import Testing

@testable import MariaDBConnector

/// Random transactions that are cut into batches anywhere, delivered in groups by sinks that are killed and started again.
@Suite(.serialized) struct SinkModesTests {
  static let kinds = TargetMode.Kind.allCases

  @Test(arguments: kinds)
  func whateverTheChangesTheirCutsAndTheRestartsTheTableIsWhatTheModeSays(_ kind: TargetMode.Kind) async throws {
    for seed in 0..<12 { try await play(UInt64(seed), kind, SinkTestTarget()) }
  }

  private func play(_ seed: UInt64, _ kind: TargetMode.Kind, _ target: SinkTestTarget) async throws {
    var player = RandomPlayer(seed: seed, hasPartialImages: seed % 2 == 1 && kind != .append)
    var model = ModeModel(kind)
    var total = Outcome()
    var sink = try await open(target, kind)
    var transaction = 0
    for group in 0..<4 {
      let builder = BatchBuilder()
      var batches: [Batch] = []
      for _ in 0..<(1 + player.random.next(below: 4)) {
        transaction += 1
        let second = transaction / 3 + 1
        builder.begin(
          commitTime: EventTime(seconds: UInt32(second)), mark: LogMark(sequence: UInt64(transaction)),
          identifier: "0-1-\(transaction)")
        player.events = []
        repeat {
          for _ in 0..<(1 + player.random.next(below: 12)) { player.play(builder) }
          if player.random.next(below: 3) == 0 { batches.append(take(builder, transaction - 1)) }
        } while player.events.isEmpty || player.random.next(below: 3) == 0
        builder.end(mark: LogMark(sequence: UInt64(transaction)))
        if player.random.next(below: 2) == 0 { batches.append(take(builder, transaction)) }
        model.take(player.events, transaction: transaction, second: second, player)
      }
      batches.append(take(builder, transaction))
      if player.random.next(below: 2) == 0 {
        try await write(batches, to: sink, &player)
        await sink.close()
        sink = try await open(target, kind)
      }
      try await write(batches, to: sink, &player)
      for outcome in try await sink.commit(target.checkpoint(group)).outcomes.values { total += outcome }
      let rows = try target.rows("SELECT * FROM items").sorted()
      #expect(rows == model.expected(player), "\(kind), seed \(seed), group \(group)")
      guard rows == model.expected(player) else { break }
    }
    await sink.close()
    #expect(total.quarantined == 0 && total.filtered == 0)
    #expect(total.total == player.changes, "\(kind), seed \(seed)")
  }

  private func open(_ target: SinkTestTarget, _ kind: TargetMode.Kind) async throws -> MariaDBSink {
    let sink = try target.sink {
      $0.mode = TargetMode(kind)
      $0.keepsExistingRows = false
      $0.stateDatabase = "\(target.database)_state"
    }
    _ = try await sink.open()
    return sink
  }

  private func take(_ builder: BatchBuilder, _ transaction: Int) -> Batch {
    builder.take(position: Position(text: "0-1-\(transaction)", token: "{}"))
  }

  /// Part by part, and now and then applied before the transaction's end, as a transaction larger than memory is.
  private func write(_ batches: [Batch], to sink: MariaDBSink, _ player: inout RandomPlayer) async throws {
    for batch in batches {
      for part in batch.transactions.indices {
        try await sink.write(batch, parts: part..<(part + 1))
        if player.random.next(below: 4) == 0 { try await sink.applyAll() }
      }
    }
  }
}
