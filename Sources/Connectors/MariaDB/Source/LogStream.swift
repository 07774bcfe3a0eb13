internal import Change
internal import Flow
internal import MariaDBClient

/// A running dump of a server's log: asks for it, checks that it is the log that was meant, and hands out its events.
///
/// *Thread*: one at a time; `wake` from any.
final class LogStream {
  /// Where to begin.
  enum Start: Hashable {
    case gtids(GTIDSet)
    case place(LogPlace)
  }

  private let connection: MariaDBConnection
  private let server: LogServer
  /// The connection's number at the server.
  private let serverThread: UInt64
  /// When the log file at hand was made, once its description came.
  @exclusivity(unchecked) private(set) var logCreated: UInt32 = 0
  /// The artificial rotation at a dump's beginning names offset 4 although the events come from further behind; nil: none
  /// must be kept from the decoder.
  @exclusivity(unchecked) private var skippedRotation: String?
  /// What the first description of the log must say; 0: anything.
  private var expectedCreation: UInt32
  /// The place at which the dump begins; nil where it begins by GTID.
  private let place: LogPlace?
  /// The file of `place` is known to be the one that was meant, or an event has come from there.
  @exclusivity(unchecked) private var isPlaceProven: Bool

  /// - Parameter expectedCreation: when the log file of the start position was made; 0: any file will do.
  init(
    _ server: LogServer, _ url: MariaDBURL, _ options: MariaDBSourceOptions, start: Start, expectedCreation: UInt32,
    serverId: UInt32
  ) throws(Failure) {
    self.server = server
    self.expectedCreation = expectedCreation
    place = if case .place(let place) = start { place } else { nil }
    isPlaceProven = expectedCreation != 0
    connection = try server.further(url, options, readTimeoutSeconds: options.silenceSeconds)
    serverThread = connection.threadId
    do throws(Failure) {
      try begin(start, heartbeat: options.heartbeat, serverId: serverId)
    } catch {
      throw server.explained(error)
    }
  }

  /// When the log file of a place was made, in seconds since 1970: what tells it from a later one of the same name.
  /// - Throws: `.permission` when the user may not read the log, and what a dump throws.
  static func creation(
    of place: LogPlace, _ server: LogServer, _ url: MariaDBURL, _ options: MariaDBSourceOptions
  ) throws(Failure) -> UInt32 {
    let offset = place.offset > UInt64(UInt32.max) ? 4 : place.offset
    // A dump without a number ends no other reader's.
    let stream = try LogStream(
      server, url, options, start: .place(LogPlace(file: place.file, offset: offset)), expectedCreation: 0, serverId: 0)
    while stream.logCreated == 0 { _ = try stream.next() }
    stream.wake()
    return stream.logCreated
  }

  /// Ends a blocked `next` for good. Thread: any.
  var wake: @Sendable () -> Void {
    let connection = self.connection
    return { connection.shutdownSocket() }
  }

  /// Ends the server's side, too; both connections lead to one server. Left alone it would notice at its next heartbeat only, keep its log file from being
  /// purged until then, and hold up the next reader with this id.
  /// - Throws: what the server answers; the reading is over either way.
  func end() throws(Failure) { try server.connection.execute("KILL CONNECTION \(serverThread)") }

  var hasBufferedInput: Bool { connection.hasBufferedInput() }

  /// The next event; blocks until the server sends one or has been silent for three heartbeats.
  /// - Throws: `.unreachable` also when the server ends the stream, as it does when it is shut down: the dump waits for what is
  ///   written next, so that its end is never the log's.
  func next() throws(Failure) -> UnsafeRawBufferPointer {
    while true {
      let packet: MariaDBConnection.BinlogPacket
      do throws(Failure) { packet = try connection.nextPacket() } catch { throw explained(error) }
      guard case .event(let event) = packet else {
        throw Failure(
          .unreachable, "the server has ended the stream of its log; it may be shutting down",
          at: server.connection.place)
      }
      guard event.count > EventHeader.byteCount else { return event }
      let type = EventType(rawValue: event[4])
      if type == .formatDescription { try check(event) } else if type != .rotate { isPlaceProven = true }
      if type == .rotate, let name = skippedRotation {
        skippedRotation = nil
        if LogStream.rotates(event, to: name) { continue }
      }
      return event
    }
  }

  /// What a server says that finds no event at the place is about the size of events, or about damage.
  private func explained(_ failure: Failure) -> Failure {
    guard let place, !isPlaceProven, failure.cause.hasPrefix("1236 "),
      failure.code == .limit || failure.code == .corruptLog
    else { return server.explained(failure) }
    return Failure(
      .positionLost, "the server's log has no event at \"\(place)\"", at: server.connection.place,
      hint: "the server's logs were reset (RESET MASTER), or the place lies inside an event: "
        + "take a new snapshot into empty targets",
      cause: failure.cause)
  }

  /// A file's description keeps the time at which the file was made, also when it is sent for a dump from its middle.
  private func check(_ event: UnsafeRawBufferPointer) throws(Failure) {
    let created = UInt32(littleEndian: event.loadUnaligned(as: UInt32.self))
    if created != 0 { logCreated = created }
    defer { expectedCreation = 0 }
    guard expectedCreation != 0, created != 0, created != expectedCreation else { return }
    throw Failure(
      .identity, "the log file of the checkpoint was replaced by another one of the same name",
      at: server.connection.place,
      hint: "the server's logs were reset (RESET MASTER) or it was rebuilt: take a new snapshot into empty targets")
  }

  /// Whether a rotation names the file; four bytes of checksum may stand behind the name.
  private static func rotates(_ event: UnsafeRawBufferPointer, to name: String) -> Bool {
    let start = EventHeader.byteCount + 8
    guard event.count > start else { return false }
    return event[start...].starts(with: name.utf8) && [0, 4].contains(event.count - start - name.utf8.count)
  }
}

extension LogStream {
  private func begin(_ start: Start, heartbeat: UInt64, serverId: UInt32) throws(Failure) {
    if server.facts.isMariaDB {
      try connection.execute("SET @mariadb_slave_capability=4, @master_heartbeat_period=\(heartbeat)")
      try connection.execute("SET @master_binlog_checksum=@@global.binlog_checksum")
    } else {
      try connection.execute("SET @source_heartbeat_period=\(heartbeat), @master_heartbeat_period=\(heartbeat)")
      try connection.execute(
        "SET @source_binlog_checksum=@@global.binlog_checksum, @master_binlog_checksum=@@global.binlog_checksum")
    }
    switch start {
    case .gtids(let set) where server.facts.isMariaDB:
      try connection.execute(
        "SET @slave_connect_state=\(SQLText.literal(set.description)), "
          + "@slave_gtid_strict_mode=1, @slave_gtid_ignore_duplicates=0")
      try connection.registerReplica(serverId: serverId)
      try connection.dumpBinlog(file: "", offset: 4, serverId: serverId)
    case .gtids(let set):
      try connection.registerReplica(serverId: serverId)
      try connection.dumpBinlogGTID(set: set.encoded, serverId: serverId)
    case .place(let place):
      guard let offset = UInt32(exactly: place.offset) else {
        throw Failure(.internal, "a dump from behind 4 GiB was asked for by offset")
      }
      if serverId != 0 { try connection.registerReplica(serverId: serverId) }
      try connection.dumpBinlog(
        file: place.file, offset: offset, serverId: serverId, flags: serverId == 0 ? .nonBlocking : [])
    }
  }

  /// For a dump by GTID that goes on at a known place of the same file: keeps the decoder at that place.
  func expectContinuation(in file: String) { skippedRotation = file }
}

extension GTIDSet {
  /// MySQL's binary form for COM_BINLOG_DUMP_GTID, without tags.
  ///
  /// Source: MySQL's sql/rpl_gtid_set.cc, `Gtid_set::encode`.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    func append(_ value: UInt64) { Swift.withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
    append(UInt64(intervals.count))
    for (source, ranges) in intervals.sorted(by: { $0.key < $1.key }) {
      Swift.withUnsafeBytes(of: source.high.bigEndian) { bytes.append(contentsOf: $0) }
      Swift.withUnsafeBytes(of: source.low.bigEndian) { bytes.append(contentsOf: $0) }
      append(UInt64(ranges.count))
      for range in ranges {
        append(range.lowerBound)
        append(range.upperBound + 1)
      }
    }
    return bytes
  }
}
