package import Change

/// A place at which the order of several sources did not follow from their logs: a source that nobody waited for brought
/// transactions that others had gone beyond.
package struct OrderBreak: Hashable, Sendable {
  /// How many transactions of each source had left before, in the order of the pipeline's list.
  package var counts: [TransactionCount]
  /// The source whose transactions came next, by its place in the list.
  package var lane: Int
  /// How many came.
  package var transactions: UInt64
  /// What was promised by then.
  package var watermark: EventTime

  package init(counts: [TransactionCount], lane: Int, transactions: UInt64, watermark: EventTime) {
    self.counts = counts
    self.lane = lane
    self.transactions = transactions
    self.watermark = watermark
  }

  /// How many transactions of each source have left behind it.
  var end: [TransactionCount] {
    var end = counts
    end[lane].transactions += transactions
    return end
  }
}
