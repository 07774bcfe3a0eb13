import Change
package import Pipeline

/// Random transactions that are cut into batches anywhere, delivered in groups by sinks that are closed and opened again,
/// beside a model of what the mode's table must hold.
package struct ModesTrial<Target: Sink> {
  /// How a group ended: what the target shows, and what it should.
  package struct Difference: Equatable, Sendable {
    package var group: Int
    package var shown: [String]
    package var expected: [String]
  }

  package var player: RandomPlayer
  package var model: ModeModel
  /// The commit time of a transaction's changes, in seconds.
  package var second: (_ transaction: Int) -> Int = { $0 / 3 + 1 }
  let open: () async throws -> Target
  /// Applies what the sink holds before the transaction's end, as a transaction larger than memory is.
  let apply: (Target) async throws -> Void
  /// The target's rows, sorted.
  let rows: () throws -> [String]
  /// Everything that became of the changes.
  package private(set) var total = Outcome()

  package init(
    player: RandomPlayer, model: ModeModel, open: @escaping () async throws -> Target,
    apply: @escaping (Target) async throws -> Void, rows: @escaping () throws -> [String]
  ) {
    self.player = player
    self.model = model
    self.open = open
    self.apply = apply
    self.rows = rows
  }

  /// Plays four groups, and returns the first difference.
  package mutating func play(checkpoint: (_ group: Int) -> Checkpoint) async throws -> Difference? {
    var sink = try await open()
    var transaction = 0
    for group in 0..<4 {
      let batches = makeBatches(&transaction)
      if player.random.next(below: 2) == 0 {
        try await write(batches, to: sink)
        await sink.close()
        sink = try await open()
      }
      try await write(batches, to: sink)
      for outcome in try await sink.commit(checkpoint(group)).outcomes.values { total += outcome }
      let difference = Difference(group: group, shown: try rows(), expected: model.expected(player))
      if difference.shown != difference.expected {
        await sink.close()
        return difference
      }
    }
    await sink.close()
    return nil
  }

  private mutating func makeBatches(_ transaction: inout Int) -> [Batch] {
    let builder = BatchBuilder()
    var batches: [Batch] = []
    for _ in 0..<(1 + player.random.next(below: 4)) {
      transaction += 1
      builder.begin(
        commitTime: EventTime(seconds: UInt32(second(transaction))), mark: LogMark(sequence: UInt64(transaction)),
        identifier: "0-1-\(transaction)")
      player.events = []
      repeat {
        for _ in 0..<(1 + player.random.next(below: 12)) { player.play(builder) }
        if player.random.next(below: 3) == 0 { batches.append(take(builder, transaction - 1)) }
      } while player.events.isEmpty || player.random.next(below: 3) == 0
      builder.end(mark: LogMark(sequence: UInt64(transaction)))
      if player.random.next(below: 2) == 0 { batches.append(take(builder, transaction)) }
      model.take(player.events, transaction: transaction, second: second(transaction), player)
    }
    batches.append(take(builder, transaction))
    return batches
  }

  private func take(_ builder: BatchBuilder, _ transaction: Int) -> Batch {
    builder.take(position: Position(text: "0-1-\(transaction)", token: "{}"))
  }

  private mutating func write(_ batches: [Batch], to sink: Target) async throws {
    for batch in batches {
      for part in batch.transactions.indices {
        try await sink.write(batch, parts: part..<(part + 1))
        if player.random.next(below: 4) == 0 { try await apply(sink) }
      }
    }
  }
}
