package import Change

/// Where in the source's log a change begins: what orders changes of several segments.
package struct ChangePlace: Hashable, Sendable {
  /// The transaction's identifier; empty where the log has none.
  package var transaction: String
  /// The number in the log file's name; 0 where a log is not cut into files.
  package var file: UInt32
  /// Offset of the log event that holds the change; 0 in a snapshot.
  package var offset: UInt64
  /// The change's index within its event.
  package var row: UInt32
  package var commitTime: EventTime

  package init(transaction: String, file: UInt32, offset: UInt64, row: UInt32, commitTime: EventTime) {
    self.transaction = transaction
    self.file = file
    self.offset = offset
    self.row = row
    self.commitTime = commitTime
  }
}

/// What the manifest says of one segment.
package struct SegmentRecord: Hashable, Sendable {
  /// Below the root; unique for all time.
  package var path: String
  /// How many bytes of the file are committed; what lies behind them does not exist.
  package var bytes: Int
  /// Lines of data committed; a header is none.
  package var changes: UInt64
  /// The table as the source spells it; nil in a segment with several tables.
  package var table: TableName?
  /// `2024-02-29`; empty when the layout has no dates.
  package var date: String
  package var format: String
  /// The byte around fields of csv, within which a line break is none; nil in other formats.
  package var quote: UInt8?
  package var compression: CompressionKind
  /// The epoch whose writer made it; no other ever appends to it.
  package var epoch: UInt64
  /// Whether the segment may still grow.
  package var isOpen: Bool
  package var first: ChangePlace
  package var last: ChangePlace
}

/// How a segment's bytes are compressed.
package enum CompressionKind: String, Sendable, CaseIterable {
  case none, zstd, gzip

  /// What a file's name ends with.
  package var fileSuffix: String {
    switch self {
    case .none: ""
    case .zstd: ".zst"
    case .gzip: ".gz"
    }
  }
}
