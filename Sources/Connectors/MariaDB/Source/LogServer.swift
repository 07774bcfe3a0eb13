internal import Change
internal import Glibc
internal import MariaDBClient

/// A connection for questions about a server's log, beside the one that reads it.
///
/// *Thread*: one at a time; every call may block.
final class LogServer {
  let connection: MariaDBConnection
  let facts: ServerFacts

  /// Connects to the first of the url's servers that answers.
  /// - Throws: the last server's failure when none does; a refusal of user or password at once.
  init(_ url: MariaDBURL, _ options: MariaDBSourceOptions) throws(Failure) {
    connection = try LogServer.connect(url, options)
    facts = try ServerFacts(connection)
  }

  static func connect(_ url: MariaDBURL, _ options: MariaDBSourceOptions) throws(Failure) -> MariaDBConnection {
    var last = Failure(.configuration, "the url names no server")
    for address in url.addresses {
      do throws(Failure) {
        return try MariaDBConnection(options.connectionOptions(address, url))
      } catch {
        guard error.code == .unreachable || error.code == .busy else { throw error }
        last = error
      }
    }
    throw last
  }

  /// Another connection to this very server.
  /// - Throws: `.unreachable` when a balancer or a moved address led to another one.
  func further(
    _ url: MariaDBURL, _ options: MariaDBSourceOptions, readTimeoutSeconds: UInt32? = nil
  ) throws(Failure) -> MariaDBConnection {
    guard let address = url.addresses.first(where: { $0.description == connection.place }) else {
      throw Failure(.internal, "a server of the url was lost")
    }
    var settings = options.connectionOptions(address, url)
    if let readTimeoutSeconds { settings.readTimeoutSeconds = readTimeoutSeconds }
    let further = try MariaDBConnection(settings)
    let uuid = facts.identity.uuid.isEmpty ? "''" : "@@global.server_uuid"
    let row = try further.query("SELECT @@global.server_id, \(uuid)").first ?? [nil, nil]
    let other = ServerIdentity(id: row[0].flatMap { UInt32($0) } ?? 0, uuid: row[1] ?? "")
    guard other == facts.identity else {
      further.close()
      throw Failure(
        .unreachable,
        "a further connection reached the server with server_id \(other.id) instead of \(facts.identity.id)",
        at: connection.place, hint: "let the url name the server itself, not a balancer of several")
    }
    return further
  }

  /// The log's end now. MySQL renamed the statement in 8.2.
  func end() throws(Failure) -> LogPlace {
    let rows: [[String?]]
    do throws(Failure) {
      rows = try connection.query("SHOW MASTER STATUS")
    } catch {
      guard !facts.isMariaDB, error.code != .permission, error.code != .unreachable else { throw explained(error) }
      rows = try asked("SHOW BINARY LOG STATUS")
    }
    guard let row = rows.first, let file = row[0], let offset = row[1].flatMap({ UInt64($0) }) else {
      throw Failure(
        .serverSetting, "the server writes no binary log", at: connection.place,
        hint: "start the server with --log-bin --binlog-format=ROW")
    }
    return LogPlace(file: file, offset: offset)
  }

  /// The log files that the server still has, oldest first, each with its size.
  func files() throws(Failure) -> [LogPlace] {
    try asked("SHOW BINARY LOGS").compactMap { row in
      guard let file = row[0], let size = row[1].flatMap({ UInt64($0) }) else { return nil }
      return LogPlace(file: file, offset: size)
    }
  }

  /// The transactions before a place of the log; empty when the server cannot tell (MySQL, but for the end).
  func gtids(at place: LogPlace) throws(Failure) -> GTIDSet {
    guard facts.isMariaDB else { return GTIDSet() }
    let rows = try asked("SELECT BINLOG_GTID_POS(\(SQLText.literal(place.file)), \(place.offset))")
    guard let text = rows.first?[0] else {
      throw Failure(
        .positionLost, "the server's log has no place \"\(place)\"", at: connection.place,
        hint: "SHOW BINARY LOGS lists what it has; take a new snapshot, or restore the logs")
    }
    return try GTIDSet(text)
  }

  /// Runs `body` so that no XA transaction was prepared, and not ended yet, while it ran: from a place at which one was, the
  /// log would tell only of its end.
  /// - Throws: `.busy` when there always was one.
  func withoutPrepared<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    var listed = 0
    for _ in 0..<LogServer.preparedAttempts {
      guard let before = try ended(), let first = try prepared() else { return try body() }
      listed = first
      if first == 0 {
        let result = try body()
        // One may have been prepared and have ended since.
        if try prepared() == 0, try ended() == before { return result }
      }
      usleep(LogServer.preparedPause)
    }
    throw Failure(
      .busy, "XA transactions are prepared and not ended (\(listed) of them), from which the log cannot be begun",
      at: connection.place, hint: "XA RECOVER lists them: let their owner commit them or roll them back")
  }

  private static let preparedAttempts = 40
  /// Microseconds.
  private static let preparedPause: UInt32 = 50_000

  /// How many XA transactions are prepared; nil: the user may not ask.
  private func prepared() throws(Failure) -> Int? {
    do throws(Failure) { return try connection.query("XA RECOVER").count } catch {
      guard error.code == .permission || error.code == .authentication else { throw error }
      return nil
    }
  }

  /// How many times a prepared transaction was told to commit.
  private func ended() throws(Failure) -> UInt64? {
    try connection.query("SHOW GLOBAL STATUS LIKE 'Com_xa_commit'").first?[1].flatMap { UInt64($0) }
  }

  /// All transactions in the server's log.
  func executed() throws(Failure) -> GTIDSet {
    let variable = facts.isMariaDB ? "@@global.gtid_binlog_state" : "@@global.gtid_executed"
    let text = try asked("SELECT \(variable)").first?[0] ?? ""
    return try facts.isMariaDB ? LogServer.newest(text) : GTIDSet(text)
  }

  /// The state names the newest transaction of each server of a domain; the newest of all is last.
  private static func newest(_ state: String) throws(Failure) -> GTIDSet {
    var set = GTIDSet()
    for part in state.split(separator: ",") { set.formUnion(try GTIDSet(String(part))) }
    return set
  }

  func asked(_ sql: String) throws(Failure) -> [[String?]] {
    do throws(Failure) { return try connection.query(sql) } catch { throw explained(error) }
  }

  /// A missing privilege with the statement that grants it.
  /// The connection itself was accepted, so that a refusal is one of the privilege, whatever its number.
  func explained(_ failure: Failure) -> Failure {
    var failure = failure
    if failure.cause.hasPrefix("1236 "), failure.cause.contains("not in the master's binlog") {
      failure.code = .identity
      failure.message = "the server's log does not have the transaction from which to go on"
      failure.hint =
        "it is another server, or it diverged in a failover: point the url at a server of the same history, "
        + "or take a new snapshot"
    }
    guard failure.code == .permission || failure.code == .authentication else { return failure }
    failure.code = .permission
    let privileges = facts.isMariaDB ? "REPLICATION SLAVE, BINLOG MONITOR" : "REPLICATION SLAVE, REPLICATION CLIENT"
    failure.message = "the user may not read the server's binary log"
    failure.hint = "GRANT \(privileges) ON *.* TO the pipeline's user"
    return failure
  }
}
