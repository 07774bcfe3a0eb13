import Change
import MariaDBClient
import TestServers
import Testing

/// The values of a text-protocol row.
private func values(_ row: UnsafeRawBufferPointer) throws -> [String?] {
  var cursor = ByteCursor(row.bytes)
  var values: [String?] = []
  while let first = cursor.peek() {
    if first == 0xfb {
      _ = try cursor.uint8()
      values.append(nil)
    } else {
      let count = try Int(cursor.lengthEncoded())
      values.append(try cursor.take(count).withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
    }
  }
  return values
}

@Suite struct RowStreamTests {
  @Test func rowsComeRawWithTheirColumnsAndTheConnectionGoesOn() throws {
    let connection = try SharedServer.database(
      "streams", "CREATE TABLE t (a INT UNSIGNED PRIMARY KEY, b VARCHAR(10), c JSON)",
      "INSERT INTO t VALUES (1, 'x', '{}'), (2, NULL, NULL)")
    var stream = try connection.streamRows("SELECT * FROM t ORDER BY a")
    let columns = stream.columns
    #expect(columns.map(\.name) == ["a", "b", "c"])
    #expect(columns[0].isUnsigned && columns[0].type == 3 && columns[0].table == "t")
    var rows: [[String?]] = []
    while let row = try stream.nextRow() { rows.append(try values(row)) }
    #expect(rows == [["1", "x", "{}"], ["2", nil, nil]])
    #expect(try stream.nextRow() == nil)
    #expect(try connection.query("SELECT 7") == [["7"]])
  }

  @Test func anEmptyResultAndAStatementWithoutOneEndAtOnce() throws {
    let connection = try SharedServer.get().client()
    var empty = try connection.streamRows("SELECT 1 FROM DUAL WHERE FALSE")
    #expect(try empty.nextRow() == nil)
    var none = try connection.streamRows("SET @a = 1")
    #expect(try none.nextRow() == nil)
    #expect(try connection.query("SELECT @a") == [["1"]])
  }

  @Test func aFailedQueryLeavesTheConnectionUsable() throws {
    let connection = try SharedServer.get().client()
    let failure = #expect(throws: Failure.self) { _ = try connection.streamRows("SELECT * FROM nowhere.nothing") }
    #expect(failure?.code == .targetShape)
    #expect(try connection.query("SELECT 1") == [["1"]])
  }

  @Test func anErrorAmongTheRowsEndsTheStreamAndNotTheConnection() throws {
    let connection = try SharedServer.get().client()
    var stream = try connection.streamRows(
      "SELECT IF(seq = 5000, (SELECT 1 UNION SELECT 2), seq) FROM mysql.seq_1_to_9000")
    #expect(throws: Failure.self) { try stream.finish() }
    #expect(try connection.query("SELECT 1") == [["1"]])
  }

  @Test func aRowOfMoreThanSixteenMegabytesIsOneRow() throws {
    let server = try SharedServer.get()
    try server.execute("SET GLOBAL max_allowed_packet = 1 << 26")
    let connection = try server.client()
    for size in [0xff_ffff - 4, 0xff_ffff - 3, 20 << 20, 34 << 20] {
      var stream = try connection.streamRows("SELECT REPEAT('x', \(size)), 'end'")
      let row = try #require(try stream.nextRow())
      let (count, last) = (row.count, row.last)
      #expect(count == size + 4 + 4 + (size > 0xff_ffff ? 5 : 0))
      #expect(last == UInt8(ascii: "d"))
      #expect(try stream.nextRow() == nil)
    }
    #expect(try connection.query("SELECT 1") == [["1"]])
  }

  @Test func aStreamThatIsLeftClosesAndAStreamThatIsFinishedKeepsTheConnection() throws {
    let connection = try SharedServer.get().client()
    do {
      var stream = try connection.streamRows("SELECT seq FROM mysql.seq_1_to_100000")
      _ = try stream.nextRow()
      let busy = #expect(throws: Failure.self) { try connection.query("SELECT 1") }
      #expect(busy?.code == .internal)
      try stream.finish()
    }
    #expect(try connection.query("SELECT 1") == [["1"]])
    do {
      var stream = try connection.streamRows("SELECT seq FROM mysql.seq_1_to_100000")
      _ = try stream.nextRow()
    }
    let failure = #expect(throws: Failure.self) { try connection.query("SELECT 1") }
    #expect(failure?.code == .unreachable)
  }
}
