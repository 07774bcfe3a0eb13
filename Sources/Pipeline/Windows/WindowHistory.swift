import Change
import Flow
import Synchronization

/// The state of a pipeline's windows over its attempts: chosen at the start by what the sinks have, stored now and then,
/// and forgotten when every sink has gone beyond the next.
///
/// *Exactly once*: results are numbered by the log alone, so a state may lie behind the sinks, which leave out what they
/// have, and ahead of one only where no result lies between them: then the windows leave out what the state has. Inside a
/// snapshot there are no results; and what a snapshot reads is not read again in the same order, so its results begin from
/// one state, stored at its end. *Cost*: storing takes at most a twentieth of the time.
final class WindowHistory: Sendable {
  private struct State {
    var store: WindowStore
    /// What the windows begin with, until they have it.
    var beginning: WindowStore.Generation?
    /// Whether something that comes may be in the state.
    var mayRepeat = false
    var lastStored: UInt64 = 0
    var lastPanes: UInt64 = 0
    var lastLog: Position?
    var pause: UInt64
  }

  private static let pendingLimit = 4

  private let state: Mutex<State>
  private let coverage: WindowCoverage
  /// Nanoseconds between two generations, at least.
  private let interval: UInt64
  /// Where the state lets the sources begin, nil: before everything; nil itself: where the sinks say.
  let start: Position??
  /// Whether a sink has results that the state has not told: what they follow from must come again as it came.
  let isBehindResults: Bool
  private let checkpoints: [Position?]

  /// Chooses the state that the sinks' checkpoints fit.
  /// - Parameter least: the place that is before none of the sinks'.
  init(
    directory: String, definitions: [WindowDefinition], sources: [String], checkpoints: [Position?], least: Position?,
    coverage: WindowCoverage, interval: UInt64
  ) throws(Failure) {
    self.checkpoints = checkpoints
    self.coverage = coverage
    self.interval = interval
    if checkpoints.allSatisfy({ $0 == nil }) { try WindowHistory.removeAll(directory) }
    var store = try WindowStore(directory: directory, definitions)
    let known = checkpoints.compactMap(\.self)
    var chosen: WindowStore.Generation?
    if known.count == checkpoints.count, !known.isEmpty {
      chosen = try WindowHistory.newestReached(store.generations, known, coverage)
    }
    let furthest = known.filter(WindowPosition.isOne).max { WindowPosition($0).panes < WindowPosition($1).panes }
    if chosen == nil, let furthest {
      try WindowHistory.refuse(furthest, isPartial: known.count < checkpoints.count)
    }
    if let chosen, store.isOfOthers(chosen) {
      try WindowHistory.requireRest(chosen, known, coverage, definitions)
    }
    // Those that are newer come again, perhaps of another order.
    try store.remove { (generation) throws(Failure) in generation != chosen }
    var state = State(store: store, pause: interval)
    if let chosen {
      state.beginning = chosen
      state.mayRepeat = try WindowHistory.mayRepeat(chosen, known, coverage)
      state.lastPanes = chosen.panes
      state.lastLog = chosen.log
    } else if let least, known.count == checkpoints.count {
      // The windows are new: they begin where the sources do, and must do so again after a crash.
      try state.store.append(log: least, panes: 0) { (content) throws(Failure) in
        try WindowSet(definitions, sources: sources).encode([], to: &content)
      }
    }
    start = chosen.map(\.log)
    isBehindResults = chosen.map { chosen in known.contains { WindowPosition($0).panes > chosen.panes } } ?? false
    self.state = Mutex(state)
  }

  /// Windows come and go only where all that was told is in the state: what comes again would be told by others.
  private static func requireRest(
    _ generation: WindowStore.Generation, _ checkpoints: [Position], _ coverage: WindowCoverage,
    _ definitions: [WindowDefinition]
  ) throws(Failure) {
    let isInside = try generation.log.map { log throws(Failure) in try coverage.isInsideSnapshot(log) } ?? false
    guard isInside || checkpoints.contains(where: { WindowPosition($0).panes > generation.panes }) else { return }
    let added = definitions.first { !generation.fingerprints.contains($0.fingerprint) }
    throw Failure(
      .configuration,
      "windows were added or taken out, and the pipeline did not come to rest before: "
        + (isInside ? "it is inside a snapshot" : "a sink has results that the stored state has not"),
      at: added?.place ?? "", hint: "start the pipeline once with the windows as they were, and stop it with SIGTERM")
  }

  private static func removeAll(_ directory: String) throws(Failure) {
    var store = try WindowStore(directory: directory, nil)
    try store.remove { _ in true }
  }

  private static func newestReached(
    _ generations: [WindowStore.Generation], _ checkpoints: [Position], _ coverage: WindowCoverage
  ) throws(Failure) -> WindowStore.Generation? {
    for generation in generations.reversed() {
      if try isReached(generation, checkpoints, coverage) { return generation }
    }
    return nil
  }

  private static func isReached(
    _ generation: WindowStore.Generation, _ checkpoints: [Position], _ coverage: WindowCoverage
  ) throws(Failure) -> Bool {
    guard let log = generation.log else { return true }
    let position = WindowPosition(log: log, panes: generation.panes).position
    let isInsideSnapshot = try coverage.isInsideSnapshot(log)
    for checkpoint in checkpoints where WindowPosition(checkpoint).panes != generation.panes {
      if isInsideSnapshot { return false }
      guard try coverage.hasReached(position, at: checkpoint) else { return false }
    }
    return true
  }

  /// Whether the sources may bring something that the state has. Several begin where a batch did, which may be before it.
  private static func mayRepeat(
    _ generation: WindowStore.Generation, _ checkpoints: [Position], _ coverage: WindowCoverage
  ) throws(Failure) -> Bool {
    guard let log = generation.log else { return false }
    if coverage.log is VectorCoverage { return true }
    if try coverage.isInsideSnapshot(log) { return true }
    let position = WindowPosition(log: log, panes: generation.panes).position
    for checkpoint in checkpoints {
      guard try coverage.hasReached(position, at: checkpoint) else { return true }
    }
    return false
  }

  private static func refuse(_ checkpoint: Position, isPartial: Bool) throws(Failure) {
    let what =
      isPartial
      ? "one sink has results of windows and another has no checkpoint: they cannot begin together"
      : "a sink has results of windows whose state is not there any more"
    guard WindowPosition(checkpoint).panes > 0 || !isPartial else { return }
    throw Failure(
      .corruptState, what, at: checkpoint.text,
      hint: "where a source was added since, start and stop the pipeline once without it; otherwise begin anew: remove"
        + " windows.state from the state directory, and the tables and checkpoints of the sinks")
  }

  /// The places in the log that the sources begin for: of the sinks that keep a checkpoint, and of the state.
  var places: [Position?] { checkpoints.map { $0.map { WindowPosition($0).log } } + (start.map { [$0] } ?? []) }

  /// The place of the oldest state, of several sources.
  var oldest: VectorPosition? {
    guard let log = state.withLock({ $0.store.generations.first?.log }) else { return nil }
    // It was written here.
    return (try? VectorPosition(log)) ?? nil
  }

  /// Where the state is that was stored last.
  var stored: Position? { state.withLock { $0.store.generations.last?.log } }

  /// Gives the windows the state that they begin with; they hold the results that came with it.
  /// - Parameter catchUp: leaves out what the state has.
  /// - Returns: what tells how it lies to what comes.
  func restore(_ windows: WindowSet, _ catchUp: CatchUp?) throws(Failure) -> WindowReplay {
    try state.withLock { (state) throws(Failure) in
      guard let beginning = state.beginning.take() else {
        return WindowReplay(coverage.log, catchUp: nil)
      }
      try state.store.state(of: beginning) { (reader) throws(Failure) in
        try windows.decode(from: &reader, panes: beginning.panes, log: beginning.log)
      }
      if state.store.isOfOthers(beginning) {
        // What they tell from here on follows from this place, also after a crash.
        try state.store.append(log: beginning.log, panes: beginning.panes) { (content) throws(Failure) in
          try windows.encode(windows.held.reversed(), to: &content)
        }
        try state.store.remove { (generation) throws(Failure) in generation.number == beginning.number }
      }
      return WindowReplay(coverage.log, catchUp: state.mayRepeat ? catchUp : nil)
    }
  }

  /// Stores the state when it is time to, and forgets what is not needed.
  ///
  /// The first one is stored before any sink is given anything: so no sink is ever without a state that it can begin from.
  /// It holds the results that go with it: a sink may stop between them and the rows that they follow from.
  /// - Parameters:
  ///   - results: what the windows have returned last, and was not given to the sinks yet.
  ///   - isNeeded: it is time to, whatever the time is.
  ///   - place: where the state is, when that is not where the log is.
  func keep(
    _ windows: WindowSet, _ results: [Batch], sinks: [SinkMeter], isNeeded: Bool = false, at place: Position? = nil
  ) throws(Failure) {
    guard !windows.isInsideTransaction, let log = place ?? windows.log else { return }
    try state.withLock { (state) throws(Failure) in
      let now = MonotonicTime.now()
      let isFirst = state.store.generations.isEmpty
      guard isFirst || isNeeded || now &- state.lastStored >= state.pause else { return }
      guard isFirst || state.lastLog != log || state.lastPanes != windows.panes else { return }
      try forget(&state, sinks)
      // While a sink is far behind, more generations would only fill the disk.
      guard state.store.generations.count < WindowHistory.pendingLimit || isNeeded else {
        state.lastStored = now
        return
      }
      let told = isFirst ? windows.told(results) : []
      let panes = try windows.panes(before: told)
      try state.store.append(log: log, panes: panes) { (content) throws(Failure) in
        try windows.encode(told, to: &content)
      }
      // No sink is at a place that only an earlier one fits: nothing was told since.
      if windows.isInsideSnapshot { try forgetEarlier(&state, panes: panes) }
      (state.lastLog, state.lastPanes) = (log, windows.panes)
      state.lastStored = MonotonicTime.now()
      state.pause = max(interval, 20 * (state.lastStored &- now))
    }
  }

  /// Forgets the generations before the last one that have the same number of results.
  private func forgetEarlier(_ state: inout State, panes: UInt64) throws(Failure) {
    let last = state.store.generations.last?.number ?? 0
    try state.store.remove { (generation) throws(Failure) in generation.number < last && generation.panes == panes }
  }

  /// Forgets the generations before the newest one that every sink has reached.
  private func forget(_ state: inout State, _ sinks: [SinkMeter]) throws(Failure) {
    let checkpoints = sinks.map { $0.reading.position }
    let known = checkpoints.compactMap(\.self)
    guard known.count == checkpoints.count else { return }
    guard let reached = try WindowHistory.newestReached(state.store.generations, known, coverage) else { return }
    try state.store.remove { (generation) throws(Failure) in generation.number < reached.number }
  }
}
