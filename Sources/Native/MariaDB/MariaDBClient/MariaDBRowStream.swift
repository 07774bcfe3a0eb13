import CMariaDB
package import Change

/// The rows of one query, raw, as they come: nothing is stored and nothing is copied.
///
/// A stream that goes out of scope before its end closes the connection, because what is still to come could be a
/// whole table; `finish` reads it and keeps the connection.
///
/// Thread: the connection's. Errors: a failure while rows come ends the stream.
package struct MariaDBRowStream: ~Copyable {
  package let columns: [MariaDBColumn]
  private let connection: MariaDBConnection
  private var isAtEnd: Bool

  init(_ connection: MariaDBConnection, columns: [MariaDBColumn], isAtEnd: Bool) {
    self.connection = connection
    self.columns = columns
    self.isAtEnd = isAtEnd
  }

  deinit {
    if !isAtEnd { connection.close() }
  }

  /// The next row's packet: for each column 0xfb for NULL, or a length-encoded text. nil after the last.
  ///
  /// The bytes are the library's own buffer and last until the next call on the connection.
  package mutating func nextRow() throws(Failure) -> UnsafeRawBufferPointer? {
    if isAtEnd { return nil }
    let packet: UnsafeRawBufferPointer
    do throws(Failure) {
      packet = try connection.readPacket("cannot read a row")
    } catch {
      isAtEnd = true
      connection.rowsFailed()
      throw error
    }
    // A row may begin with 0xfe only when its first value is longer than a packet; an EOF or OK packet is short.
    guard packet.first == 0xfe, packet.count < 0xff_ffff else { return packet }
    isAtEnd = true
    try connection.rowsEnded(packet)
    return nil
  }

  /// Reads what is left; the connection can then be used again.
  package mutating func finish() throws(Failure) {
    while try nextRow() != nil {}
  }
}

extension MariaDBConnection {
  /// Sends a query and returns its rows as they arrive. Until the stream ends, the connection runs nothing else.
  package func streamRows(_ sql: String) throws(Failure) -> MariaDBRowStream {
    try requireReady("cannot run a query")
    var sql = sql
    let result = sql.withUTF8 { freshet_mysql_command(handle, Int32(COM_QUERY.rawValue), $0.baseAddress, $0.count, 0) }
    guard result == 0 else { throw lastFailure("cannot send a query") }
    let first = try readPacket("a query failed")
    let count = try columnCount(first)
    if count == 0 { return MariaDBRowStream(self, columns: [], isAtEnd: true) }
    state = .streaming
    do throws(Failure) {
      let columns = try readColumns(count)
      return MariaDBRowStream(self, columns: columns, isAtEnd: false)
    } catch {
      close()
      throw error
    }
  }

  /// The protocol allows 4096 columns; 0 is an OK packet: no result.
  private func columnCount(_ packet: UnsafeRawBufferPointer) throws(Failure) -> Int {
    if packet.first == 0x00 { return 0 }
    var cursor = ByteCursor(packet.bytes)
    // A number that is cut off is told below like one that cannot be.
    guard let count = try? cursor.lengthEncoded(), (1...4096).contains(count) else {
      // 0xfb asks for a local file, which is never given; the rest is no answer to a query.
      close()
      throw Failure(.unreachable, "the server's answer to a query is not a result", at: place)
    }
    return Int(count)
  }

  private func readColumns(_ count: Int) throws(Failure) -> [MariaDBColumn] {
    var columns: [MariaDBColumn] = []
    for _ in 0..<count {
      let packet = try readPacket("cannot read a result's columns")
      // That the definition ends early is all that its error says.
      guard let column = try? MariaDBColumn(packet.bytes) else {
        throw Failure(.unreachable, "a column definition of a result is damaged", at: place)
      }
      columns.append(column)
    }
    if freshet_mysql_has_eof_packets(handle) != 0 {
      let end = try readPacket("cannot read a result's columns")
      guard end.first == 0xfe, end.count < 9 else {
        throw Failure(.unreachable, "a result's columns do not end where they should", at: place)
      }
    }
    return columns
  }

  /// Takes the server's status out of the packet that ends the rows.
  fileprivate func rowsEnded(_ packet: UnsafeRawBufferPointer) throws(Failure) {
    state = .ready
    var cursor = ByteCursor(packet.bytes)
    var status: UInt16 = 0
    do throws(Truncated) {
      _ = try cursor.uint8()
      if packet.count == 5 {
        _ = try cursor.uint16()
      } else {
        _ = try cursor.lengthEncoded()
        _ = try cursor.lengthEncoded()
      }
      status = try cursor.uint16()
    } catch {
      close()
      throw Failure(.unreachable, "the end of a result is damaged", at: place)
    }
    handle.pointee.server_status = UInt32(status)
    if status & UInt16(SERVER_MORE_RESULTS_EXIST) != 0 {
      close()
      throw Failure(.internal, "a query gave more than one result", at: place)
    }
  }

  /// After an ERR packet the connection can go on; after a broken socket it cannot, and says so itself.
  fileprivate func rowsFailed() { state = .ready }
}
