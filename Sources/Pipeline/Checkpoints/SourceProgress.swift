package import Change
import Glibc

/// How far one of several sources has gone downstream: a position that it gave, and what has left of the batch behind it.
///
/// A source tells a position for each batch, and the order of several may cut between the batch's transactions. So a
/// checkpoint is a position and the transaction behind it that was the last to leave. One place has several such forms, and
/// the number of transactions tells whether two are the same.
package struct SourceProgress: Hashable, Sendable {
  /// Nil before the source's first batch has left as a whole.
  package var position: Position?
  /// Transactions behind `position` that have left, too.
  package var ended: UInt64
  /// The last of these; nil when there is none.
  package var last: LogMark?

  /// How many transactions of the log have left by then.
  package var count: TransactionCount

  package init(
    position: Position? = nil, ended: UInt64 = 0, last: LogMark? = nil, count: TransactionCount = TransactionCount()
  ) {
    self.position = position
    self.ended = ended
    self.last = last
    self.count = count
  }

  /// Nothing of the source has left.
  package var isNothing: Bool { position == nil && last == nil }

  /// Another transaction behind the position has left.
  package mutating func leave(_ mark: LogMark) {
    ended += 1
    last = mark
    count.transactions += 1
  }

  /// Rows of a snapshot have left.
  package mutating func leaveSnapshot() { count.begin() }

  /// Everything before `position` has left.
  package mutating func reach(_ position: Position) { self = SourceProgress(position: position, count: count) }

  /// The place of `position` alone, without the transactions behind it.
  var floor: SourceProgress {
    guard count.transactions >= ended else { return SourceProgress(position: position) }
    let before = TransactionCount(epoch: count.epoch, transactions: count.transactions - ended)
    return SourceProgress(position: position, count: before)
  }

  /// `0-1-42`, or `0-1-42+3` with three transactions behind it.
  package var text: String { (position?.text ?? "") + (ended > 0 ? "+\(ended)" : "") }
}

/// How many transactions of a source's log have left since they were first counted, or since the last row of a snapshot:
/// what comes among such rows comes in another way when they are read again.
package struct TransactionCount: Hashable, Sendable {
  /// Tells one beginning from every other; 0: nobody has counted.
  package var epoch: UInt64 = 0
  package var transactions: UInt64 = 0

  package init(epoch: UInt64 = 0, transactions: UInt64 = 0) {
    self.epoch = epoch
    self.transactions = transactions
  }

  /// Counts anew. The clock makes the number one that was not there before, also behind a restart.
  mutating func begin() {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let nanoseconds = UInt64(max(0, now.tv_sec)) &* 1_000_000_000 &+ UInt64(now.tv_nsec)
    self = TransactionCount(epoch: max(epoch &+ 1, nanoseconds))
  }

  /// How many more there are here than at another place; nil: they were not counted from one beginning.
  func distance(from other: TransactionCount) -> Int64? {
    guard epoch == other.epoch, epoch != 0 else { return nil }
    return Int64(transactions) - Int64(other.transactions)
  }
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
