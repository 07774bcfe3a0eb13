import CMariaDB
package import Change

/// The binary log, as a replica reads it (mariadb.com/kb/en/replication-protocol).
extension MariaDBConnection {
  /// What a server sends while it dumps its log. The bytes last until the next call on the connection.
  package enum BinlogPacket {
    /// One event, from its header on, without the protocol's leading byte.
    case event(UnsafeRawBufferPointer)
    /// The end of the log, when the dump was asked not to wait; otherwise the server gave the dump up: it shuts down, or
    /// somebody has ended the dump's thread.
    case end
  }

  package struct DumpFlags: OptionSet, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The dump ends at the end of the log rather than waiting for more.
    package static let nonBlocking = DumpFlags(rawValue: 1)
    /// MariaDB sends the statements' text, too.
    package static let annotateRows = DumpFlags(rawValue: 2)
    /// MySQL: the position is a set of transactions.
    package static let throughGTID = DumpFlags(rawValue: 4)
  }

  /// Shows up in SHOW REPLICA HOSTS at the server; optional before a dump.
  package func registerReplica(serverId: UInt32) throws(Failure) {
    try requireReady("cannot register as a replica")
    var payload: [UInt8] = []
    payload.append(serverId)
    payload += [0, 0, 0]  // no host, user or password
    payload.append(UInt16(0))  // port
    payload.append(UInt32(0))  // rank
    payload.append(UInt32(0))  // the master's id, filled by the server
    try command(COM_REGISTER_SLAVE.rawValue, payload, wait: true, "cannot register as a replica")
  }

  /// Starts the dump at an event's offset in a file. The protocol's offset has 32 bits; a later one starts by GTID.
  package func dumpBinlog(
    file: String, offset: UInt32, serverId: UInt32, flags: DumpFlags = []
  ) throws(Failure) {
    try requireReady("cannot start a dump of the binary log")
    var payload: [UInt8] = []
    payload.append(offset)
    payload.append(flags.rawValue)
    payload.append(serverId)
    payload += file.utf8
    try command(COM_BINLOG_DUMP.rawValue, payload, wait: false, "cannot start a dump of the binary log")
    state = .dumping
  }

  /// MySQL only: starts the dump after a set of transactions, in its binary form (COM_BINLOG_DUMP_GTID); the file's name
  /// may be empty, and its offset has 64 bits.
  package func dumpBinlogGTID(
    set: [UInt8], file: String = "", offset: UInt64 = 4, serverId: UInt32, flags: DumpFlags = [.throughGTID]
  ) throws(Failure) {
    try requireReady("cannot start a dump of the binary log")
    var payload: [UInt8] = []
    payload.append(flags.rawValue)
    payload.append(serverId)
    payload.append(UInt32(file.utf8.count))
    payload += file.utf8
    payload.append(offset)
    payload.append(UInt32(set.count))
    payload += set
    try command(0x1e, payload, wait: false, "cannot start a dump of the binary log")
    state = .dumping
  }

  /// The next packet of the dump; blocks until the server sends one, up to the read timeout.
  ///
  /// Errors: what the server refuses, with its number (1236 for a position that it does not have), and `.unreachable`
  /// when the connection broke, was shut down or stayed silent.
  package func nextPacket() throws(Failure) -> BinlogPacket {
    guard state == .dumping else {
      throw Failure(state == .closed ? .unreachable : .internal, "no dump of the binary log is running", at: place)
    }
    let packet: UnsafeRawBufferPointer
    do throws(Failure) {
      packet = try readPacketInPlace("cannot read the binary log")
    } catch {
      close()
      throw error
    }
    if packet.first == 0x00 { return .event(UnsafeRawBufferPointer(rebasing: packet[1...])) }
    guard packet.first == 0xfe, packet.count < 9 else {
      close()
      throw Failure(.corruptLog, "a packet of the binary log is neither an event nor an end", at: place)
    }
    state = .ready
    return .end
  }

  private func command(
    _ code: UInt32, _ payload: [UInt8], wait: Bool, _ attempt: String
  ) throws(Failure) {
    let result = payload.withUnsafeBytes {
      freshet_mysql_command(handle, Int32(code), $0.baseAddress, $0.count, wait ? 1 : 0)
    }
    guard result == 0 else { throw lastFailure(attempt) }
  }
}

extension [UInt8] {
  /// Appends a number in little-endian order, as the protocol has it.
  fileprivate mutating func append<Number: FixedWidthInteger>(_ number: Number) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }
}
