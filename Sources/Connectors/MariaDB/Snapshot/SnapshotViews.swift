internal import Change
internal import Logging
internal import MariaDBClient

/// Connections that all see the database as it was at one place of the log.
///
/// MariaDB tells the log's place with each consistent snapshot; views opened one after the other are the same view when
/// their places are. Under load they seldom are: then writers are held for the moment of opening, if the user may do
/// that, and else the largest group that shares a place reads, which may be one connection.
struct SnapshotViews {
  let connections: [MariaDBConnection]
  let place: LogPlace
  let gtids: GTIDSet
  /// The server's clock when the views were opened, in whole seconds: no later commit has an earlier time.
  let time: EventTime

  private static let attempts = 5

  static func open(
    _ count: Int, _ server: LogServer, _ url: MariaDBURL, _ options: MariaDBSourceOptions, _ logger: Logger
  ) throws(Failure) -> SnapshotViews {
    var connections: [MariaDBConnection] = []
    for _ in 0..<count { connections.append(try connect(server, url, options)) }
    return try server.withoutPrepared { () throws(Failure) in try open(connections, server, logger) }
  }

  private static func open(
    _ connections: [MariaDBConnection], _ server: LogServer, _ logger: Logger
  ) throws(Failure) -> SnapshotViews {
    var places: [LogPlace] = []
    if server.facts.isMariaDB {
      for _ in 0..<attempts {
        places = try begin(connections)
        if Set(places).count == 1 { return try views(connections, places[0], server) }
      }
    }
    do throws(Failure) {
      return try locked(connections, server)
    } catch {
      guard error.code == .permission || error.code == .conflict || error.code == .authentication else { throw error }
      guard server.facts.isMariaDB else {
        throw Failure(
          .permission, "a consistent snapshot of MySQL needs a moment without writers, which the user may not ask for",
          at: server.connection.place, hint: "GRANT RELOAD ON *.* TO the pipeline's user", cause: error.cause)
      }
    }
    places = try begin(connections)
    var groups: [LogPlace: [MariaDBConnection]] = [:]
    for (place, connection) in zip(places, connections) { groups[place, default: []].append(connection) }
    guard let largest = groups.max(by: { $0.value.count < $1.value.count }) else {
      throw Failure(.internal, "a snapshot has no connections")
    }
    logger.warning(
      "the snapshot reads over \(largest.value.count) of \(connections.count) connections: the others saw another moment; with the RELOAD privilege all can be used"
    )
    return try views(largest.value, largest.key, server)
  }

  private static func connect(
    _ server: LogServer, _ url: MariaDBURL, _ options: MariaDBSourceOptions
  ) throws(Failure) -> MariaDBConnection {
    let connection = try server.further(url, options)
    try connection.execute(
      "SET SESSION time_zone='+00:00', sql_mode='', character_set_results=NULL, "
        + "net_write_timeout=3600, wait_timeout=28800, lock_wait_timeout=5")
    try connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    return connection
  }

  private static func begin(_ connections: [MariaDBConnection]) throws(Failure) -> [LogPlace] {
    for connection in connections { try connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT") }
    var places: [LogPlace] = []
    for connection in connections { places.append(try place(connection)) }
    return places
  }

  private static func place(_ connection: MariaDBConnection) throws(Failure) -> LogPlace {
    var file = ""
    var offset: UInt64 = 0
    for row in try connection.query("SHOW STATUS LIKE 'binlog_snapshot_%'") {
      if row[0]?.lowercased() == "binlog_snapshot_file" { file = row[1] ?? "" }
      if row[0]?.lowercased() == "binlog_snapshot_position" { offset = row[1].flatMap { UInt64($0) } ?? 0 }
    }
    guard !file.isEmpty else {
      throw Failure(
        .serverSetting, "the server does not tell the log's place of a consistent snapshot", at: connection.place,
        hint: "start the server with --log-bin")
    }
    return LogPlace(file: file, offset: offset)
  }

  /// Opens the views while nobody writes. The lock is held for a few milliseconds.
  private static func locked(_ connections: [MariaDBConnection], _ server: LogServer) throws(Failure) -> SnapshotViews {
    let connection = server.connection
    try connection.execute("SET SESSION lock_wait_timeout=5")
    try connection.execute("FLUSH TABLES WITH READ LOCK")
    let place: LogPlace
    let gtids: GTIDSet?
    do throws(Failure) {
      for connection in connections { try connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT") }
      place = try server.end()
      // MySQL tells the set of now only: it is that of the place while nobody writes.
      gtids = server.facts.isMariaDB ? nil : try server.executed()
    } catch {
      connection.close()
      throw error
    }
    try connection.execute("UNLOCK TABLES")
    return try views(connections, place, server, gtids)
  }

  private static func views(
    _ connections: [MariaDBConnection], _ place: LogPlace, _ server: LogServer, _ known: GTIDSet? = nil
  ) throws(Failure) -> SnapshotViews {
    let seconds = try server.connection.query("SELECT UNIX_TIMESTAMP()").first?[0].flatMap { UInt32($0) } ?? 0
    let gtids = if let known { known } else { try server.gtids(at: place) }
    return SnapshotViews(connections: connections, place: place, gtids: gtids, time: EventTime(seconds: seconds))
  }
}
