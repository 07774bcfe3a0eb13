package import Change
package import MariaDBClient
internal import Pipeline

/// What a `source:` block of type `mariadb` or `mysql` says.
package struct MariaDBSourceOptions: Sendable {
  package enum SnapshotMode: String, CaseIterable, Sendable {
    /// Without a checkpoint, the tables are read first.
    case initial
    /// Only the log is read.
    case never
    /// The tables are read, and the source ends.
    case only
    /// As `initial`, and again when the log no longer has the checkpoint.
    case whenNeeded = "when_needed"
  }

  package enum Start: Hashable, Sendable {
    case gtid(GTIDSet)
    case place(LogPlace)
    case earliest
    case latest
  }

  /// `mariadb` or `mysql`, for log files, which do not say it; a server does.
  package var kind = "mariadb"
  package var url: MariaDBURL?
  package var files: [String] = []
  package var tables: [String] = []
  package var snapshotMode = SnapshotMode.initial
  package var snapshotThreads = 4
  package var chunkRows = 50_000
  package var start: Start?
  /// In nanoseconds.
  package var heartbeat: UInt64 = 1_000_000_000
  package var heartbeatTable: TableName?
  package var tls = MariaDBTLS()
  /// nil: made from the pipeline's name.
  package var serverId: UInt32?
  /// Bytes at which a batch is full.
  package var batchBytes = 512 << 10

  package init(url: MariaDBURL) { self.url = url }
  package init(files: [String]) { self.files = files }

  /// How the server is asked, without address: every connection of the source is made from it.
  package func connectionOptions(_ address: MariaDBAddress, _ url: MariaDBURL) -> MariaDBConnectionOptions {
    var options = MariaDBConnectionOptions(address: address, credentials: url.credentials)
    options.tls = tls
    return options
  }

  /// Whether tables are read where a sink has nothing yet.
  var mayBeginWithSnapshot: Bool { url != nil && snapshotMode != .never && start == nil }

  /// Seconds of silence after which a connection counts as half-open: three heartbeats.
  var silenceSeconds: UInt32 { UInt32(clamping: max(1, (heartbeat * 3 + 999_999_999) / 1_000_000_000)) }
}
