import CMariaDB
package import Change

/// What a server, or the client library about it, said: a number, an SQL state and a text.
package struct MariaDBError: Hashable, Sendable {
  package var number: UInt32
  package var sqlState: String
  package var message: String

  package init(number: UInt32, sqlState: String, message: String) {
    self.number = number
    self.sqlState = sqlState
    self.message = Self.quotesValues.contains(number) ? Self.redacted(message) : message
  }

  /// The same as a failure for a person. The cause begins with the number: `1236 (HY000): …`.
  package func failure(_ attempt: String, at place: String) -> Failure {
    let (code, hint) = classification
    return Failure(code, attempt, at: place, hint: hint, cause: "\(number) (\(sqlState)): \(message)")
  }

  /// Errors whose text quotes a value of a row.
  private static let quotesValues: Set<UInt32> = [
    1062, 1264, 1292, 1366, 1406, 1411, 1525, 1586, 1690, 1761, 1762, 3140,
  ]

  private static func redacted(_ message: String) -> String {
    guard let first = message.firstIndex(of: "'"), let last = message.lastIndex(of: "'"), first < last else {
      return message
    }
    return message[..<first] + "(value not shown)" + message[message.index(after: last)...]
  }

  /// The one table from a server's error numbers to kinds of failure. Source: mariadb.com/kb/en/mariadb-error-code-reference.
  private var classification: (Failure.Code, hint: String) {
    switch number {
    case 1045, 1698, 1524, 1820, 1862, 2059, 4151:
      (.authentication, "check user and password, and from which hosts the user may connect")
    case 1044, 1095, 1141, 1142, 1143, 1227, 1345, 1370, 1419:
      (.permission, "grant the user the privilege that the server names")
    case 2026 where isCertificateRefused:
      (
        .authentication,
        "the server's certificate was not accepted: check `ca`, the host's name and the certificate's dates"
      )
    case 2000...2062: (.unreachable, "check host, port, and that the server is running and reachable from here")
    case 1158...1161, 1184, 1927: (.unreachable, "")
    case 1040, 1203, 1226, 1053, 1077, 1079, 1129: (.busy, "the server is starting, stopping or out of connections")
    case 1020, 1205, 1213, 1317, 1969, 3024: (.conflict, "")
    case 1236: dumpRefused
    case 4052:
      (
        .fenced,
        "another reader with the same server_id has taken over: a second instance of this pipeline, or a replica whose id "
          + "must differ (`server_id`)"
      )
    case 1114, 1021, 1041: (.diskFull, "make room at the server")
    case 1153, 1301, 2020: (.limit, "raise `max_allowed_packet` at the server")
    case 1030, 1033, 1034, 1035, 1194: (.inputOutput, "")
    case 1048, 1062, 1264, 1292, 1366, 1406, 1451, 1452, 1586, 1690, 4025: (.badValue, "")
    case 1046, 1049, 1054, 1146, 1051, 1091: (.targetShape, "")
    case 1193, 1231, 1238, 1290, 1381: (.serverSetting, "")
    default: (.internal, "")
    }
  }

  private var isCertificateRefused: Bool {
    let text = message.lowercased()
    return text.contains("certificate") || text.contains("verif") || text.contains("hostname")
  }

  /// Error 1236 is every refusal to dump the log; only its text tells which.
  private var dumpRefused: (Failure.Code, hint: String) {
    let text = message.lowercased()
    if text.contains("max_allowed_packet") {
      return (
        .limit,
        "raise `max_allowed_packet` at the server; or the start position is not that of an event, as after RESET MASTER"
      )
    }
    if text.contains("same server_uuid") || text.contains("same server_id") || text.contains("same uuid") {
      return (.identity, "give the pipeline a `server_id` that no other replica has")
    }
    if text.contains("binary log is not open") || text.contains("log-bin") {
      return (.serverSetting, "the server writes no binary log; start it with `log_bin`")
    }
    if text.contains("corrupt") || text.contains("truncated") || text.contains("checksum") { return (.corruptLog, "") }
    return (
      .positionLost,
      "the server no longer has, or never had, this position in its binary logs: take a new snapshot, "
        + "or restore the logs, and keep them longer (`binlog_expire_logs_seconds`)"
    )
  }
}
