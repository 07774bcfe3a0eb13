/// The changes of one transaction that lie in one batch. Most transactions have one part; a large one has many,
/// in consecutive batches: the first `begins`, the last `ends`.
///
/// A chunk of a snapshot and a schema change are transactions, too.
@frozen
public struct TransactionPart: Sendable, BitwiseCopyable {
  /// Indexes into `Batch.changes`.
  public var first: Int32
  public var count: Int32
  public var begins: Bool
  public var ends: Bool
  /// Whether the changes are rows that a snapshot read.
  public var isSnapshot: Bool
  /// Which of the pipeline's sources it came from, by its place in their list; 0 where there is one.
  public var source: UInt16
  /// How many changes of the transaction came in earlier parts.
  public var preceding: UInt64
  /// The time of the commit. It never goes back within a source: an earlier time in the log counts as the latest seen.
  /// Behind the order of several sources it is above every watermark that came before, too.
  public var commitTime: EventTime
  /// In a part that does not end the transaction, all but `endOffset` is already right; that is then some offset behind
  /// the transaction's first byte, so that comparing it with a checkpoint, which lies between transactions, tells the same.
  public var mark: LogMark
  /// Slice of the arena with the transaction's identifier as text (`0-1-42`); empty where the log has none.
  public var identifier: Range32

  @inlinable public init(
    first: Int32, count: Int32, begins: Bool, ends: Bool, isSnapshot: Bool, preceding: UInt64, commitTime: EventTime,
    mark: LogMark, identifier: Range32, source: UInt16 = 0
  ) {
    self.first = first
    self.count = count
    self.begins = begins
    self.ends = ends
    self.isSnapshot = isSnapshot
    self.source = source
    self.preceding = preceding
    self.commitTime = commitTime
    self.mark = mark
    self.identifier = identifier
  }

  @inlinable public var range: Range<Int> { Int(first)..<(Int(first) + Int(count)) }
}

extension [TransactionPart] {
  /// The index of the part that holds a change of its batch; nil when none does.
  public func part(of change: Int) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if Int(self[middle].first) <= change { low = middle + 1 } else { high = middle }
    }
    // Of parts that begin at one change, all but the last are empty.
    return low > 0 && self[low - 1].range.contains(change) ? low - 1 : nil
  }
}

/// A range of arena bytes in 8 bytes.
@frozen
public struct Range32: Hashable, Sendable, BitwiseCopyable {
  public var offset: UInt32
  public var length: UInt32

  @inlinable public init(offset: Int, length: Int) {
    self.offset = UInt32(offset)
    self.length = UInt32(length)
  }

  @inlinable public var range: Range<Int> { Int(offset)..<(Int(offset) + Int(length)) }
}
