internal import Change

/// How much of a snapshot a sink has; of two sinks with the same rank both have the same rows.
package enum SnapshotRank: Comparable, Sendable {
  case nothing
  case partial(step: UInt64, levelStep: UInt64)
  case complete

  package init(_ position: MariaDBPosition?) {
    guard let position else {
      self = .nothing
      return
    }
    self = position.snapshot.map { .partial(step: $0.step, levelStep: $0.levelStep) } ?? .complete
  }
}
