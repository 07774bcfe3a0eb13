import Change
import Glibc
import MariaDBClient
import TestServers
import Testing

/// The type of an event: byte 4 of its header.
private func types(_ connection: MariaDBConnection) throws -> [UInt8] {
  var types: [UInt8] = []
  while case .event(let event) = try connection.nextPacket() {
    try #require(event.count >= 19)
    types.append(event[4])
  }
  return types
}

private func replica() throws -> MariaDBConnection {
  let connection = try MariaDBConnection(SharedServer.options())
  try connection.execute("SET @master_binlog_checksum = 'CRC32'")
  try connection.execute("SET @mariadb_slave_capability = 4")
  return connection
}

@Suite struct BinlogTests {
  @Test func theLogComesEventByEventToItsEnd() throws {
    _ = try SharedServer.database("logged", "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)")
    let connection = try replica()
    try connection.registerReplica(serverId: 77)
    let master = try SharedServer.get().query("SHOW SLAVE HOSTS")
    #expect(master.contains { $0.first == "77" })
    try connection.dumpBinlog(file: "binlog.000001", offset: 4, serverId: 77, flags: .nonBlocking)
    let seen = try types(connection)
    // Rotate, format description, and in the log: GTID, table map, write rows, XID.
    #expect(seen.prefix(2) == [4, 15])
    for type in [162, 19, 16] as [UInt8] { #expect(seen.contains(type)) }
    #expect(seen.contains(23) || seen.contains(30))
  }

  @Test func aFileThatIsNotThereIsALostPosition() throws {
    let connection = try replica()
    try connection.dumpBinlog(file: "binlog.999999", offset: 4, serverId: 78)
    let failure = #expect(throws: Failure.self) { try types(connection) }
    #expect(failure?.code == .positionLost)
    #expect(failure?.cause.hasPrefix("1236 (HY000)") == true)
    let after = #expect(throws: Failure.self) { try connection.nextPacket() }
    #expect(after?.code == .unreachable)
  }

  @Test func bufferedInputIsSeenWhileItIsThereAndNotWhenTheLogIsQuiet() throws {
    let server = try MariaDBServer()
    let writer = try server.client()
    try writer.execute("CREATE TABLE mysql.t (a INT)")
    let connection = try MariaDBConnection(
      MariaDBConnectionOptions(address: server.address, credentials: server.credentials))
    try connection.execute("SET @master_binlog_checksum = 'CRC32'")
    let status = try writer.query("SHOW MASTER STATUS")
    let file = try #require(status.first?[0])
    let offset = try #require(status.first?[1].flatMap { UInt32($0) })
    try connection.dumpBinlog(file: file, offset: offset, serverId: 79)
    for _ in 0..<3 { try writer.execute("INSERT INTO mysql.t VALUES (1), (2)") }
    var events = 0
    while connection.waitForInput(milliseconds: 500) {
      guard case .event = try connection.nextPacket() else { break }
      events += 1
    }
    #expect(events >= 12)
    #expect(!connection.hasBufferedInput())
    try writer.execute("INSERT INTO mysql.t VALUES (3)")
    #expect(connection.waitForInput(milliseconds: 5000))
    #expect(connection.hasBufferedInput())
  }

  @Test func aDumpThatIsShutDownEnds() async throws {
    let connection = try replica()
    let status = try SharedServer.get().query("SHOW MASTER STATUS")
    let file = try #require(status.first?[0])
    try connection.dumpBinlog(file: file, offset: 4, serverId: 80)
    async let ended: Failure.Code? = onThread {
      do throws(Failure) {
        while true { _ = try connection.nextPacket() }
      } catch {
        return error.code
      }
    }
    _ = await onThread { usleep(100_000) }
    connection.shutdownSocket()
    #expect(await ended == .unreachable)
  }
}
