internal import Change
internal import MariaDBClient

/// Where a dump begins, and what the decoder must know about that place.
struct StartPoint {
  var stream: LogStream.Start
  var decoder: BinlogPosition
  /// When the log file was made in which the dump begins; 0: not known.
  var expectedCreation: UInt32 = 0
  /// A dump by GTID that begins in this file at the decoder's offset.
  var continuesFile: String?
  /// What was emitted although the dump begins before it, because a prepared XA transaction does.
  var emittedUntil: LogPlace?
  var emitted = GTIDSet()
  /// Whether the decoder's set of transactions is whole; without that a position holds none.
  var tracksGTIDs = true
  /// No commit time is before it.
  var committed = EventTime.distantPast
}

extension LogServer {
  /// The place behind a position of this server, or of another server with the same history.
  /// - Throws: `.identity` when the server is not of the position's history, `.positionLost` when its log begins later.
  func startPoint(after position: MariaDBPosition) throws(Failure) -> StartPoint {
    var point = try place(after: position)
    point.committed = position.committed
    return point
  }

  private func place(after position: MariaDBPosition) throws(Failure) -> StartPoint {
    if position.server.isSameServer(as: facts.identity), !position.log.file.isEmpty {
      return try startPoint(onSameServer: position)
    }
    guard !position.gtids.isEmpty else {
      throw Failure(
        .identity, "the checkpoint \"\(position.text)\" was made at another server, and it has no GTIDs",
        at: connection.place,
        hint: "let the url name the server with server_id \(position.server.id), or take a new snapshot")
    }
    guard position.gtids.isMySQL != facts.isMariaDB, try executed().contains(position.gtids) else {
      throw Failure(
        .identity, "the server does not have the transactions of the checkpoint \"\(position.text)\"",
        at: connection.place,
        hint: "it is another server, a replica that is behind, or it lost transactions in a failover; "
          + "point the url at a server of the same history, or take a new snapshot")
    }
    let first = position.prepared.first?.start.gtids ?? position.gtids
    return StartPoint(
      stream: .gtids(first), decoder: BinlogPosition(file: "", gtids: first),
      emitted: position.prepared.isEmpty ? GTIDSet() : position.gtids)
  }

  private func startPoint(onSameServer position: MariaDBPosition) throws(Failure) -> StartPoint {
    var place = position.log
    var gtids = position.gtids
    var created = position.server.logCreated
    if let first = position.prepared.first {
      if first.start.file != place.file { created = 0 }
      place = LogPlace(file: first.start.file, offset: first.start.offset)
      gtids = first.start.gtids
    }
    try require(place)
    if position.server.logCreated == 0, position.prepared.isEmpty { try requireHistory(of: position) }
    var point = StartPoint(
      stream: .place(place), decoder: BinlogPosition(file: place.file, offset: place.offset, gtids: gtids),
      expectedCreation: created, emittedUntil: position.prepared.isEmpty ? nil : position.log,
      tracksGTIDs: facts.isMariaDB || !gtids.isEmpty)
    if place.offset > UInt64(UInt32.max) { try begin(&point, byGTIDAt: place, gtids) }
    return point
  }

  /// The protocol's offset has 32 bits: behind 4 GiB a dump begins by GTID, and the decoder stands at the offset.
  private func begin(_ point: inout StartPoint, byGTIDAt place: LogPlace, _ known: GTIDSet) throws(Failure) {
    let gtids = known.isEmpty ? try self.gtids(at: place) : known
    guard !gtids.isEmpty else {
      throw Failure(
        .positionLost, "\"\(place)\" is behind 4 GiB, where a log without GTIDs cannot be begun", at: connection.place,
        hint: "set max_binlog_size to at most 1 GiB, and take a new snapshot")
    }
    point.stream = .gtids(gtids)
    point.decoder.gtids = gtids
    point.continuesFile = place.file
  }

  /// - Throws: `.positionLost` when the server no longer has the file, or has less of it.
  private func require(_ place: LogPlace) throws(Failure) {
    let files = try files()
    if let file = files.first(where: { $0.file == place.file }) {
      guard place.offset > file.offset else { return }
      throw Failure(
        .positionLost, "\"\(place)\" lies behind the end of the server's file, which has \(file.offset) bytes",
        at: connection.place, hint: "the server's logs were reset, or lost their end in a crash: take a new snapshot")
    }
    throw Failure(
      .positionLost,
      "the server no longer has \"\(place.file)\", in which the start position lies; it begins with "
        + "\"\(files.first?.file ?? "nothing")\"",
      at: connection.place,
      hint: "take a new snapshot, or restore the logs, and keep them longer (binlog_expire_logs_seconds)")
  }

  /// Where a position does not tell when its log file was made, its transactions are compared with those of the place.
  /// - Throws: `.identity` when they are others, `.positionLost` when no event of the log begins at the place.
  private func requireHistory(of position: MariaDBPosition) throws(Failure) {
    guard !position.gtids.isEmpty else { return }
    let isSame =
      facts.isMariaDB
      ? try gtids(at: position.log) == position.gtids : try executed().contains(position.gtids)
    guard !isSame else { return }
    throw Failure(
      .identity, "the server's log does not have the transactions of the checkpoint \"\(position.text)\"",
      at: connection.place,
      hint: "the server's logs were reset (RESET MASTER) or it was rebuilt: take a new snapshot into empty targets")
  }

  /// The place that `start:` names.
  func startPoint(_ start: MariaDBSourceOptions.Start) throws(Failure) -> StartPoint {
    switch start {
    case .gtid(let set):
      guard try executed().contains(set) else {
        throw Failure(
          .positionLost, "the server's log does not have the start position \"\(set)\"", at: connection.place,
          hint: "SELECT @@global.gtid_binlog_pos tells what it has")
      }
      return StartPoint(stream: .gtids(set), decoder: BinlogPosition(file: "", gtids: set))
    case .place(let place): return try startPoint(at: place)
    case .earliest:
      guard let file = try files().first?.file else { return try startPoint(at: try end()) }
      let place = LogPlace(file: file, offset: 4)
      return StartPoint(stream: .place(place), decoder: BinlogPosition(file: file))
    case .latest:
      return try startPoint(at: try withoutPrepared { () throws(Failure) in try end() })
    }
  }

  private func startPoint(at place: LogPlace) throws(Failure) -> StartPoint {
    try require(place)
    var gtids = GTIDSet()
    if place.offset > 4 { gtids = try facts.isMariaDB ? self.gtids(at: place) : GTIDSet() }
    if !facts.isMariaDB, try end() == place {
      let executed = try executed()
      // A transaction that was committed meanwhile is in the set, and behind the place.
      if try end() == place { gtids = executed }
    }
    var point = StartPoint(
      stream: .place(place), decoder: BinlogPosition(file: place.file, offset: place.offset, gtids: gtids),
      tracksGTIDs: facts.isMariaDB || place.offset <= 4 || !gtids.isEmpty)
    if place.offset > UInt64(UInt32.max) { try begin(&point, byGTIDAt: place, gtids) }
    return point
  }
}
