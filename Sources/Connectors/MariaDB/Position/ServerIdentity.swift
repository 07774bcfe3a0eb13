internal import Change

/// Which server and which run of its log files a position was made on: offsets mean something only there.
package struct ServerIdentity: Hashable, Sendable {
  /// `server_id`, as the log's own events carry it.
  package var id: UInt32
  /// MySQL's `server_uuid`; empty at MariaDB, which has none.
  package var uuid: String
  /// When the position's log file was made, in seconds since 1970, as its format description event says; 0: not known.
  package var logCreated: UInt32

  package init(id: UInt32 = 0, uuid: String = "", logCreated: UInt32 = 0) {
    self.id = id
    self.uuid = uuid
    self.logCreated = logCreated
  }

  /// Whether both name one server, as far as each of them knows.
  package func isSameServer(as other: ServerIdentity) -> Bool {
    if !uuid.isEmpty, !other.uuid.isEmpty { return uuid == other.uuid }
    return id == other.id
  }
}
