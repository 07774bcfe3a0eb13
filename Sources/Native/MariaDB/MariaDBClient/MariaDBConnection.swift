import CMariaDB
package import Change
import Glibc
import Synchronization

/// A connection to a MariaDB or MySQL server, for statements, for streams of raw rows and for the binary log.
///
/// Thread: used by one thread at a time, and every call may block it. `shutdownSocket` alone may be called from any
/// thread, to wake a call that is blocked; it and everything after it then fail with `.unreachable`.
package final class MariaDBConnection: @unchecked Sendable {
  // Sendable: `handle` and `state` are used by one thread at a time, which the owner sees to; `wakeSocket` is a
  // descriptor of our own behind a mutex, so a shutdown never meets a descriptor that the library closed and that
  // something else has got since.
  let handle: UnsafeMutablePointer<MYSQL>
  package let place: String
  private let wakeSocket: Mutex<Int32>
  // Asked for each packet of a log: a run-time exclusivity check would guard nothing, since one thread uses it.
  @exclusivity(unchecked) var state = State.ready
  /// Bytes of the read-ahead cache; 0: still the library's own.
  @exclusivity(unchecked) private var readAhead = 0

  /// Numbers of the packets with which the answers to what was sent begin, oldest first.
  var dueAnswers: [UInt32] = []
  /// An answer of several was read, and not the last.
  var isInsideAnswer = false

  enum State { case ready, streaming, dumping, closed }

  /// Connects, proves the encryption that was asked for, and runs the init commands.
  package init(_ options: MariaDBConnectionOptions) throws(Failure) {
    let place = options.address.description
    handle = try Self.connected(options, at: place)
    self.place = place
    wakeSocket = Mutex(dup(mysql_get_socket(handle)))
    for command in options.initCommands { try execute(command) }
  }

  deinit { close() }

  /// Ends the connection; calling it again does nothing. Thread: the connection's.
  package func close() {
    guard state != .closed else { return }
    // A dump or unread rows would make the polite goodbye wait: the socket is cut first.
    if state != .ready { shutdownSocket() }
    state = .closed
    mysql_close(handle)
    wakeSocket.withLock { socket in
      if socket >= 0 { Glibc.close(socket) }
      socket = -1
    }
  }

  /// Wakes a call that is blocked in the socket, for good. Thread: any.
  package func shutdownSocket() {
    wakeSocket.withLock { socket in
      if socket >= 0 { Glibc.shutdown(socket, Int32(SHUT_RDWR)) }
    }
  }

  /// The server's version as it tells it: `10.11.19-MariaDB-0+deb12u1-log`.
  package var serverVersion: String { state == .closed ? "" : String(cString: mysql_get_server_info(handle)) }
  package var isMariaDB: Bool { state != .closed && mariadb_connection(handle) != 0 }
  /// The connection's id at the server, for KILL.
  package var threadId: UInt64 { state == .closed ? 0 : UInt64(mysql_thread_id(handle)) }
  /// The cipher in use; nil without TLS.
  package var cipher: String? {
    state == .closed ? nil : mysql_get_ssl_cipher(handle).map { String(cString: $0) }
  }

  /// Whether a packet can be read without blocking. Cheap: the socket is asked only when nothing is buffered.
  package func hasBufferedInput() -> Bool { waitForInput(milliseconds: 0) }

  /// Waits until a packet can be read or the time is over; a broken connection can be read, and then says so.
  package func waitForInput(milliseconds: Int32) -> Bool {
    state != .closed && freshet_mysql_wait_input(handle, milliseconds) != 0
  }

  /// Refuses a command while another one's answer is on its way, or after the end.
  func requireReady(_ attempt: String) throws(Failure) {
    switch state {
    case .ready: return
    case .closed: throw Failure(.unreachable, "\(attempt): the connection is closed", at: place)
    case .streaming, .dumping: throw Failure(.internal, "\(attempt): the connection is busy with a stream", at: place)
    }
  }

  /// The most recent failure, as the library has it.
  func lastFailure(_ attempt: String) -> Failure {
    MariaDBError(
      number: mysql_errno(handle), sqlState: String(cString: mysql_sqlstate(handle)),
      message: String(cString: mysql_error(handle))
    ).failure(attempt, at: place)
  }

  /// Reads one packet of a stream that only the server feeds, in place where that is possible. The bytes last until the
  /// next call on this connection. An ERR packet and a broken connection are thrown.
  @inline(__always)
  func readPacketInPlace(_ attempt: StaticString) throws(Failure) -> UnsafeRawBufferPointer {
    var start: UnsafePointer<UInt8>?
    var count = 0
    switch freshet_mysql_next_packet(handle, &readAhead, &start, &count) {
    case 1: return UnsafeRawBufferPointer(start: start, count: count)
    case 0: return try readPacket(attempt)
    default: throw lastFailure("\(attempt)")
    }
  }

  /// Reads one packet. The bytes are the library's own buffer and last until the next call on this connection.
  /// An ERR packet and a broken connection are thrown.
  @inline(__always)
  func readPacket(_ attempt: StaticString) throws(Failure) -> UnsafeRawBufferPointer {
    let count = mysql_net_read_packet(handle)
    // The library returns its 32-bit -1.
    guard count != 0xffff_ffff, count != UInt.max else { throw lastFailure("\(attempt)") }
    return UnsafeRawBufferPointer(start: freshet_mysql_packet(handle), count: Int(count))
  }
}
