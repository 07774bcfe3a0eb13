/// A place in a source's log between two transactions; resuming there loses and repeats nothing.
///
/// Only the source that made it can read `token`. Everybody else stores it, compares it for equality and shows `text`.
public struct Position: Hashable, Sendable, CustomStringConvertible {
  /// What a person reads: a GTID set, `binlog.000004:1234`, an LSN.
  public let text: String
  /// What the source reads back: everything that it needs to resume, as one line of JSON. At most 1 MiB.
  public let token: String

  public init(text: String, token: String) {
    self.text = text
    self.token = token
  }

  public var description: String { text }
}

/// Where one transaction stands in its source's log, in a form that costs nothing to keep: what a source compares with a
/// checkpoint to tell whether a sink already has the transaction.
@frozen
public struct LogMark: Hashable, Sendable, BitwiseCopyable {
  /// The stream that `sequence` counts: a MariaDB GTID domain, or a MySQL server's UUID in two halves; 0 where a log is one stream.
  public var streamHigh: UInt64
  public var streamLow: UInt64
  /// The transaction's number in its stream; 0 where it has none.
  public var sequence: UInt64
  /// Log offset just behind the transaction, 64 bits wide although the log's own field may wrap.
  public var endOffset: UInt64
  /// The number in the log file's name; 0 where a log is not cut into files.
  public var file: UInt32
  /// The server that first committed the transaction.
  public var server: UInt32

  @inlinable public init(
    streamHigh: UInt64 = 0, streamLow: UInt64 = 0, sequence: UInt64 = 0, file: UInt32 = 0, endOffset: UInt64 = 0,
    server: UInt32 = 0
  ) {
    self.streamHigh = streamHigh
    self.streamLow = streamLow
    self.sequence = sequence
    self.file = file
    self.endOffset = endOffset
    self.server = server
  }
}
