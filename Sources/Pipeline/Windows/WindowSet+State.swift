package import Change

extension WindowSet {
  /// The whole state as bytes, for a small one.
  package func encode(_ results: [Batch]) throws(Failure) -> [UInt8] {
    var state = StateWriter()
    try encode(results.map { .batch($0) }, to: &state)
    return state.bytes
  }

  /// Writes the whole state. No transaction is open.
  /// - Parameter results: what the state has told already, and no sink was given.
  func encode(_ results: [ResultSpool.Result], to state: inout StateWriter) throws(Failure) {
    precondition(!isInsideTransaction && !writer.isOpen, "a state is stored between two transactions")
    state.append(clock)
    state.append(writer.latestCommit.microseconds)
    state.append(operators.count)
    var lengths: [Int] = []
    for window in operators {
      let start = state.count
      state.append(window.definition.fingerprint)
      try window.encode(sources, to: &state)
      lengths.append(state.count - start)
    }
    state.append(results.count)
    for result in results { try writer.spool.load(result).encode(to: &state) }
    if isInsideSnapshot { state.append(1) }
    // For whoever has other windows, and passes over these.
    state.append(list: lengths)
  }

  /// Reads a state from bytes.
  package func decode(_ bytes: [UInt8], panes: UInt64, log: Position?) throws(Failure) {
    var reader = StateReader(bytes)
    try decode(from: &reader, panes: panes, log: log)
  }

  /// Reads a state into windows that have none. A window that it does not have begins here; one that it has besides is over.
  /// The results that came with it are held.
  func decode(from reader: inout StateReader, panes: UInt64, log: Position?) throws(Failure) {
    let lengths = try reader.takeLastList()
    let clock = try reader.integer()
    let latestCommit = try reader.integer()
    guard try reader.count() == lengths.count else { throw StateReader.damaged("has a wrong length") }
    for length in lengths {
      guard length >= 8, length <= reader.left else { throw StateReader.damaged("has a wrong length") }
      let end = reader.left - length
      let fingerprint = try reader.string()
      if let window = operators.first(where: { $0.definition.fingerprint == fingerprint }) {
        try window.decode(sources, from: &reader)
        guard reader.left == end else { throw StateReader.damaged("has a wrong length") }
      } else {
        try reader.skip(reader.left - end)
      }
    }
    var results: [ResultSpool.Result] = []
    var count: UInt64 = 0
    for _ in 0..<(try reader.count(least: 8)) {
      let batch = try Batch.decode(from: &reader)
      count += UInt64(batch.transactions.count(where: \.ends))
      results.append(writer.spool.hold(batch))
    }
    hold(results, count: count)
    if !reader.isAtEnd, try reader.integer() == 1 { beginSnapshot() }
    guard reader.isAtEnd else { throw StateReader.damaged("goes on behind its end") }
    restore(clock: clock, panes: panes + count, log: log, latestCommit: latestCommit)
  }
}

extension WindowOperator {
  /// - Parameter sources: their names, by which a stored state knows them.
  func encode(_ sources: [String], to writer: inout StateWriter) throws(Failure) {
    for value in [clock.now, clock.watermark, clock.firstChange] { writer.append(value) }
    writer.append(sources.count)
    for (index, name) in sources.enumerated() {
      // The only one may be called anything.
      writer.append(sources.count == 1 ? "" : name)
      let times = clock[index]
      for value in [times.latest, times.watermark, times.lastChange] { writer.append(value) }
    }
    for value in [order, lateCount] { writer.append(value) }
    writer.append(plan == nil ? 0 : 1)
    guard let plan, let state else { return }
    plan.schema.encode(to: &writer)
    try state.encode(to: &writer)
    completion?.encode(to: &writer)
  }

  func decode(_ sources: [String], from reader: inout StateReader) throws(Failure) {
    clock.restore(
      now: try reader.instant(), watermark: try reader.instant(), firstChange: try reader.instant())
    for _ in 0..<(try reader.count(least: 32)) {
      let name = try reader.string()
      let times = WindowClock.SourceTimes(
        latest: try reader.instant(), watermark: try reader.instant(), lastChange: try reader.instant())
      guard let index = sources.count == 1 && name.isEmpty ? 0 : sources.firstIndex(of: name) else {
        throw StateReader.damaged("has a source that the pipeline does not name")
      }
      clock[index] = times
    }
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
