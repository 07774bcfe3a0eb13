/// The changes of one transaction that lie in one batch. Most transactions have one part; a large one has many,
/// in consecutive batches: the first `begins`, the last `ends`.
///
/// A chunk of a snapshot and a schema change are transactions, too.
@frozen
package struct TransactionPart: Sendable, BitwiseCopyable {
  /// Indexes into `Batch.changes`.
  package var first: Int32
  package var count: Int32
  package var begins: Bool
  package var ends: Bool
  /// Whether the changes are rows that a snapshot read.
  package var isSnapshot: Bool
  /// How many changes of the transaction came in earlier parts.
  package var preceding: UInt64
  /// The time of the commit. It never goes back within a source: an earlier time in the log counts as the latest seen.
  package var commitTime: EventTime
  /// In a part that does not end the transaction, all but `endOffset` is already right; that is then some offset behind
  /// the transaction's first byte, so that comparing it with a checkpoint, which lies between transactions, tells the same.
  package var mark: LogMark
  /// Slice of the arena with the transaction's identifier as text (`0-1-42`); empty where the log has none.
  package var identifier: Range32

  @inlinable package init(
    first: Int32, count: Int32, begins: Bool, ends: Bool, isSnapshot: Bool, preceding: UInt64, commitTime: EventTime,
    mark: LogMark, identifier: Range32
  ) {
    self.first = first
    self.count = count
    self.begins = begins
    self.ends = ends
    self.isSnapshot = isSnapshot
    self.preceding = preceding
    self.commitTime = commitTime
    self.mark = mark
    self.identifier = identifier
  }

  @inlinable package var range: Range<Int> { Int(first)..<(Int(first) + Int(count)) }
}

/// A range of arena bytes in 8 bytes.
@frozen
package struct Range32: Hashable, Sendable, BitwiseCopyable {
  package var offset: UInt32
  package var length: UInt32

  @inlinable package init(offset: Int, length: Int) {
    self.offset = UInt32(offset)
    self.length = UInt32(length)
  }

  @inlinable package var range: Range<Int> { Int(offset)..<(Int(offset) + Int(length)) }
}
