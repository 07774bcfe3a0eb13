package import Change
internal import Pipeline
internal import Synchronization

/// The arithmetic of positions of one log.
///
/// On the same server and the same run of log files, places are compared by file number and 64-bit offset; everywhere
/// else only GTIDs are: a MariaDB domain by its newest number, a MySQL server by its exact intervals, gaps included.
///
/// *Thread*: any; the source tells what it knows by `setServer` and `beginLevelling` before it sends its first batch.
package final class MariaDBPositions: PositionCoverage {
  private struct State {
    /// The server that the marks come from; nil: not known, or log files, whose offsets always mean something.
    var server: ServerIdentity?
    /// The rank of the sinks that this run brings level; nil: the run is for all sinks.
    var levelled: SnapshotRank?
    /// This run reads everything anew: no checkpoint covers anything of it.
    var isAnew = false
    /// Checkpoints that were read before, by token.
    var known: [String: MariaDBPosition] = [:]
  }

  private let state = Mutex(State())

  package let mayBeginWithSnapshot: Bool

  package init(mayBeginWithSnapshot: Bool = false) { self.mayBeginWithSnapshot = mayBeginWithSnapshot }

  func setServer(_ server: ServerIdentity) { state.withLock { $0.server = server } }

  /// From here on this run sends only what sinks of `rank` miss: for every other sink all of it is covered, and none of
  /// its positions may replace a checkpoint of theirs.
  func beginLevelling(_ rank: SnapshotRank) { state.withLock { $0.levelled = rank } }

  /// From here on this run replaces all that the sinks have.
  func beginAnew() { state.withLock { $0.isAnew = true } }

  package func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool {
    let position = try read(checkpoint)
    let (server, levelled, isAnew) = state.withLock { ($0.server, $0.levelled, $0.isAnew) }
    if isAnew { return false }
    if let levelled, SnapshotRank(position) != levelled { return true }
    if isSnapshot { return position.snapshot == nil }
    return MariaDBPositions.covers(mark, in: position, of: server)
  }

  package func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool {
    let mine = try read(checkpoint)
    if state.withLock({ $0.isAnew }) { return true }
    if let levelled = state.withLock({ $0.levelled }), SnapshotRank(mine) != levelled { return false }
    let reached = try MariaDBPosition(position)
    return MariaDBPositions.contains(reached, mine) && SnapshotRank(reached) >= SnapshotRank(mine)
  }

  package func isInsideSnapshot(_ position: Position) throws(Failure) -> Bool {
    try MariaDBPosition(position).snapshot != nil
  }

  private func read(_ checkpoint: Position) throws(Failure) -> MariaDBPosition {
    if let known = state.withLock({ $0.known[checkpoint.token] }) { return known }
    let position = try MariaDBPosition(checkpoint)
    state.withLock { state in
      if state.known.count >= 64 { state.known = [:] }
      state.known[checkpoint.token] = position
    }
    return position
  }
}

extension MariaDBPositions {
  static func covers(_ mark: LogMark, in position: MariaDBPosition, of server: ServerIdentity?) -> Bool {
    let sharesOffsets = server.map { $0.isSameServer(as: position.server) } ?? true
    if sharesOffsets, !position.log.file.isEmpty {
      let number = position.log.number
      return mark.file != number ? mark.file < number : mark.endOffset <= position.log.offset
    }
    return mark.sequence != 0 && position.gtids.contains(mark)
  }

  /// Whether the log up to `position` holds everything that the log up to `other` does.
  static func contains(_ position: MariaDBPosition, _ other: MariaDBPosition) -> Bool {
    if position.server.isSameServer(as: other.server), !position.log.file.isEmpty, !other.log.file.isEmpty {
      return position.log.isAtOrAfter(other.log)
    }
    return !position.gtids.isEmpty && position.gtids.contains(other.gtids)
  }

  /// The position at which a source begins so that no sink misses anything of the log.
  static func smallest(_ positions: [MariaDBPosition]) throws(Failure) -> MariaDBPosition? {
    guard var smallest = positions.first else { return nil }
    for position in positions.dropFirst() {
      if contains(smallest, position) {
        smallest = position
      } else if !contains(position, smallest) {
        throw Failure(
          .identity, "the sinks' checkpoints are not of one history: \"\(smallest.text)\" and \"\(position.text)\"",
          hint: "a sink was fed by another pipeline or from another server; reset that sink")
      }
    }
    return smallest
  }
}

extension GTIDSet {
  /// Whether the transaction that a mark stands for is in the set.
  fileprivate func contains(_ mark: LogMark) -> Bool {
    if isMySQL {
      return contains(.mysql(GTIDSource(high: mark.streamHigh, low: mark.streamLow), number: mark.sequence))
    }
    let domain = UInt32(truncatingIfNeeded: mark.streamLow)
    return contains(.mariadb(domain: domain, server: mark.server, sequence: mark.sequence))
  }
}
