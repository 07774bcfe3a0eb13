package import Change

/// How far one of several sources has gone downstream: a position that it gave, and what has left of the batch behind it.
///
/// A source tells a position for each batch, and the order of several may cut between the batch's transactions. So a
/// checkpoint is a position and the transaction behind it that was the last to leave.
package struct SourceProgress: Hashable, Sendable {
  /// Nil before the source's first batch has left as a whole.
  package var position: Position?
  /// Transactions behind `position` that have left, too.
  package var ended: UInt64
  /// The last of these; nil when there is none.
  package var last: LogMark?

  package init(position: Position? = nil, ended: UInt64 = 0, last: LogMark? = nil) {
    self.position = position
    self.ended = ended
    self.last = last
  }

  /// Nothing of the source has left.
  package var isNothing: Bool { position == nil && last == nil }

  /// Another transaction behind the position has left.
  package mutating func leave(_ mark: LogMark) {
    ended += 1
    last = mark
  }

  /// Everything before `position` has left.
  package mutating func reach(_ position: Position) { self = SourceProgress(position: position) }

  /// `0-1-42`, or `0-1-42+3` with three transactions behind it.
  package var text: String { (position?.text ?? "") + (ended > 0 ? "+\(ended)" : "") }
}

extension LogMark {
  /// Whether two marks of one source stand for the same transaction: by its number in its stream, or, where there is
  /// none, by its place in the log.
  func isSameTransaction(as other: LogMark) -> Bool {
    if sequence != 0 || other.sequence != 0 {
      return sequence == other.sequence && streamHigh == other.streamHigh && streamLow == other.streamLow
        && server == other.server
    }
    return file == other.file && endOffset == other.endOffset
  }
}
