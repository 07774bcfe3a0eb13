import Change

/// The arithmetic of positions of several sources: each by that of its own source.
struct VectorCoverage: PositionCoverage {
  private let sources: [(name: String, coverage: any PositionCoverage)]

  init(_ names: [String], _ coverage: [any PositionCoverage]) { sources = zip(names, coverage).map { ($0, $1) } }

  func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool {
    throw Failure(.internal, "a transaction of one of several sources was compared with the positions of all")
  }

  /// Whether any of them is, or may be as soon as it begins.
  func isInsideSnapshot(_ position: Position) throws(Failure) -> Bool {
    let vector = try vector(position)
    for (name, coverage) in sources {
      guard let progress = vector[name], !progress.isNothing else {
        if coverage.mayBeginWithSnapshot { return true }
        continue
      }
      if let place = progress.position, try coverage.isInsideSnapshot(place) { return true }
    }
    return false
  }

  func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool {
    if checkpoint == position { return true }
    let mine = try vector(checkpoint)
    let reached = try vector(position)
    for (name, coverage) in sources {
      guard let progress = mine[name], !progress.isNothing else { continue }
      guard let other = reached[name], try hasReached(progress, at: other, coverage) else { return false }
    }
    return true
  }

  private func hasReached(
    _ mine: SourceProgress, at reached: SourceProgress, _ coverage: any PositionCoverage
  ) throws(Failure) -> Bool {
    if let distance = reached.count.distance(from: mine.count) { return distance >= 0 }
    if mine.position == reached.position { return reached.ended >= mine.ended }
    guard let position = reached.position else { return false }
    if let known = mine.position, try !coverage.hasReached(known, at: position) { return false }
    guard let last = mine.last else { return true }
    return try coverage.covers(last, isSnapshot: false, in: position)
  }

  private func vector(_ position: Position) throws(Failure) -> VectorPosition {
    if let vector = try VectorPosition(position) { return vector }
    throw Failure(
      .identity, "a checkpoint or the state of the windows is not one of several sources", at: position.text,
      hint: "give the pipeline that merges them a name of its own, or begin anew: remove windows.state from the state"
        + " directory, and the tables and checkpoints of the sinks")
  }
}
