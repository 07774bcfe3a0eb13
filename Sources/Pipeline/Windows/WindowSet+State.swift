package import Change

extension WindowSet {
  /// The whole state as bytes, for a small one.
  package func encode(_ results: [Batch]) -> [UInt8] {
    var state = StateWriter()
    encode(results, to: &state)
    return state.bytes
  }

  /// Writes the whole state. No transaction is open.
  /// - Parameter results: what the state has told already, and no sink was given.
  func encode(_ results: [Batch], to state: inout StateWriter) {
    precondition(!isInsideTransaction && !writer.isOpen, "a state is stored between two transactions")
    state.append(clock)
    state.append(writer.latestCommit.microseconds)
    state.append(operators.count)
    for window in operators { window.encode(to: &state) }
    state.append(results.count)
    for batch in results { batch.encode(to: &state) }
    if isInsideSnapshot { state.append(1) }
  }

  /// Reads a state from bytes.
  package func decode(_ bytes: [UInt8], panes: UInt64, log: Position?) throws(Failure) -> [Batch] {
    var reader = StateReader(bytes)
    return try decode(from: &reader, panes: panes, log: log)
  }

  /// Reads a state into windows that have none.
  /// - Returns: the results that came with it.
  func decode(from reader: inout StateReader, panes: UInt64, log: Position?) throws(Failure) -> [Batch] {
    let clock = try reader.integer()
    let latestCommit = try reader.integer()
    guard try reader.count() == operators.count else { throw StateReader.damaged("has other windows") }
    for window in operators { try window.decode(from: &reader) }
    var results: [Batch] = []
    var behind = panes
    for _ in 0..<(try reader.count(least: 8)) {
      let batch = try Batch.decode(from: &reader)
      behind += UInt64(batch.transactions.count(where: \.ends))
      results.append(batch)
    }
    if !reader.isAtEnd, try reader.integer() == 1 { beginSnapshot() }
    guard reader.isAtEnd else { throw StateReader.damaged("goes on behind its end") }
    restore(clock: clock, panes: behind, log: log, latestCommit: latestCommit)
    return results
  }
}

extension WindowOperator {
  func encode(to writer: inout StateWriter) {
    for value in [clock.now, clock.watermark, clock.latest, clock.lastChange, order, lateCount] { writer.append(value) }
    writer.append(plan == nil ? 0 : 1)
    guard let plan, let state else { return }
    plan.schema.encode(to: &writer)
    state.encode(to: &writer)
    completion?.rows.encode(to: &writer)
  }

  func decode(from reader: inout StateReader) throws(Failure) {
    clock.restore(
      now: try reader.instant(), watermark: try reader.instant(), latest: try reader.instant(),
      lastChange: try reader.instant())
    order = try reader.integer()
    lateCount = try reader.integer()
    guard StateReader.isTime(order), StateReader.isTime(lateCount) else { throw StateReader.damaged() }
    guard try reader.integer() != 0 else { return }
    let plan = try WindowPlan(definition, try TableSchema.decode(from: &reader))
    let state = self.state(for: plan)
    try state.decode(from: &reader)
    adopt(plan, state)
    guard let completion else { return }
    completion.adopt(plan.schema)
    try completion.decode(from: &reader)
  }
}
