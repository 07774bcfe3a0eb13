import Change

/// Tells what of the log is new to the windows: their state may be ahead of a sink, for which the source begins earlier.
///
/// Inside a snapshot this is the rule: the state is one more place that the source brings level with the others, and what it
/// has already is left out for the windows alone. *Thread*: one at a time.
final class WindowReplay {
  enum News {
    case all, nothing
    /// The batch without the changes that the state has.
    case some(Batch)
  }

  private let coverage: any PositionCoverage
  private var catchUp: CatchUp?
  private let draft = BatchDraft()
  /// Whether the windows have got something in this run.
  private(set) var hasBegun = false
  /// What was promised so far, also while the windows could not be told.
  private(set) var watermark = EventTime.distantPast

  /// - Parameter catchUp: leaves out what the state has; nil: all that comes is new.
  init(_ coverage: any PositionCoverage, catchUp: CatchUp?) {
    self.coverage = coverage
    self.catchUp = catchUp
  }

  /// Whether the log has come to the place of the state.
  var isLevel: Bool { catchUp == nil }

  func news(in batch: Batch) throws -> News {
    guard catchUp != nil else { return .all }
    var isNew = batch.transactions.map { _ in false }
    var begin = 0
    while begin < isNew.count {
      guard let run = try catchUp?.nextRun(in: batch, parts: begin..<isNew.count) else { break }
      for part in run { isNew[part] = true }
      begin = max(run.upperBound, begin + 1)
    }
    guard isNew.contains(true) else { return .nothing }
    return isNew.contains(false) ? .some(rest(of: batch, isNew)) : .all
  }

  private func rest(of batch: Batch, _ isNew: [Bool]) -> Batch {
    let parts = batch.transactions
    draft.begin(batch)
    draft.judge { _, index in parts.part(of: index).map { isNew[$0] } ?? false ? .keep : .setAside }
    return draft.finish()
  }

  /// The log has come to a place between two transactions.
  func reach(_ position: Position) throws {
    if let isDone = try catchUp?.isDone(at: position, counts: true), isDone { catchUp = nil }
  }

  /// Where a state is that has what it had and what has come, before the log has come to its place; nil: it has nothing more.
  func place(at position: Position) throws -> Position? { try catchUp?.place(at: position) }

  func promise(_ time: EventTime) { watermark = max(watermark, time) }

  /// The windows get something.
  func begin() { hasBegun = true }

  func isInsideSnapshot(_ position: Position?) throws(Failure) -> Bool {
    guard let position else { return false }
    return try coverage.isInsideSnapshot(position)
  }
}
