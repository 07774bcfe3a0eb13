package import Change

/// A place between two transactions of a MariaDB or MySQL binary log, with all that it takes to resume there.
///
/// The token is one line of JSON: `{"v":1,"gtid":"0-1-42","file":"binlog.000004","offset":1234,"server":1,…}`.
package struct MariaDBPosition: Hashable, Sendable {
  /// All transactions up to here; empty where the log has no GTIDs.
  package var gtids: GTIDSet
  package var log: LogPlace
  package var server: ServerIdentity
  /// XA transactions that were prepared before here and neither committed nor rolled back yet, by the place where each
  /// begins: a resume reads from the first of them.
  package var prepared: [PreparedTransaction]
  /// What a snapshot has read so far; nil: there is none, or it is complete.
  package var snapshot: SnapshotState?
  /// The latest commit time until here: the commit times of a log that is read on do not go back behind it, wherever the
  /// reading began.
  package var committed: EventTime

  package init(
    gtids: GTIDSet = GTIDSet(), log: LogPlace, server: ServerIdentity = ServerIdentity(),
    prepared: [PreparedTransaction] = [], snapshot: SnapshotState? = nil, committed: EventTime = .distantPast
  ) {
    self.committed = committed
    self.gtids = gtids
    self.log = log
    self.server = server
    self.prepared = prepared
    self.snapshot = snapshot
  }

  /// What people read: the GTID set, or else `file:offset`.
  package var text: String {
    let base = gtids.isEmpty ? log.description : gtids.description
    guard let snapshot else { return base }
    return "\(base) (snapshot: \(snapshot.rows) rows)"
  }

  package var position: Position { Position(text: text, token: token) }
}
