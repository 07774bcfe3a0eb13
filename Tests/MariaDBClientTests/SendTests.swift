import Change
import MariaDBClient
import TestServers
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct SendTests {
  private static let server = Result { try MariaDBServer() }

  private func connection(foundRows: Bool = false) throws -> MariaDBConnection {
    let server = try Self.server.get()
    var options = MariaDBConnectionOptions(address: server.address, credentials: server.credentials)
    options.allowsScripts = true
    options.countsFoundRows = foundRows
    let connection = try MariaDBConnection(options)
    try connection.execute("CREATE DATABASE IF NOT EXISTS send")
    try connection.execute("USE send")
    try connection.execute("CREATE OR REPLACE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(10))")
    return connection
  }

  private func run(_ connection: MariaDBConnection, _ text: String) throws -> [MariaDBAnswer] {
    try Array(text.utf8).withUnsafeBytes { try connection.send(text: $0) }
    var answers = [try connection.receive()]
    while answers[answers.count - 1].hasMore { answers.append(try connection.receiveNext()) }
    return answers
  }

  @Test func everyStatementOfATextIsAnsweredInOrder() throws {
    let connection = try connection()
    let answers = try run(connection, "INSERT INTO t VALUES (1,'a'),(2,'b');SELECT * FROM t;DELETE FROM t WHERE id=2")
    #expect(answers[0].affectedRows == 2 && answers[2].affectedRows == 1)
    #expect(answers.map(\.resultRows) == [0, 2, 0])
    #expect(answers.map(\.hasMore) == [true, true, false])
  }

  @Test func aTextEndsAtItsFirstFailureAndTheConnectionGoesOn() throws {
    let connection = try connection()
    #expect(throws: MariaDBError.self) {
      try run(connection, "INSERT INTO t VALUES (1,'a');INSERT INTO t VALUES (1,'b');INSERT INTO t VALUES (2,'c')")
    }
    #expect(try connection.query("SELECT id, name FROM t") == [["1", "a"]])
  }

  @Test func aRowThatIsFoundCountsAlsoWhenItStaysAsItIs() throws {
    let changing = try run(connection(), "INSERT INTO t VALUES (1,'a');UPDATE t SET name='a' WHERE id=1")
    #expect(changing[1].affectedRows == 0)
    let finding = try run(connection(foundRows: true), "INSERT INTO t VALUES (1,'a');UPDATE t SET name='a' WHERE id=1")
    #expect(finding[1].affectedRows == 1)
  }

  @Test func nothingIsSentWhileAnAnswerIsOnItsWay() throws {
    let connection = try connection()
    try Array("SELECT 1".utf8).withUnsafeBytes { try connection.send(text: $0) }
    #expect(throws: MariaDBError.self) { try MariaDBStatement(connection, "SELECT ?") }
    #expect(try connection.receive().resultRows == 1)
    #expect(try connection.query("SELECT 2") == [["2"]])
  }

  @Test func oneTextMayBeSentAheadOfTheAnswerToAnother() throws {
    let connection = try connection()
    func send(_ text: String) throws { try Array(text.utf8).withUnsafeBytes { try connection.send(text: $0) } }
    let large = "INSERT INTO t VALUES (9,SUBSTR('\(String(repeating: "x", count: 600_000))',1,1))"
    try send("INSERT INTO t VALUES (1,'a'),(2,'b');SELECT * FROM t")
    try send(large)
    #expect(throws: MariaDBError.self) { try send("SELECT 1") }
    #expect(try connection.receive().affectedRows == 2)
    // Between the answers to one text nothing is sent.
    #expect(throws: MariaDBError.self) { try send("SELECT 1") }
    #expect(try connection.receiveNext().resultRows == 2)
    try send("INSERT INTO t VALUES (1,'again')")
    #expect(try connection.receive().affectedRows == 1)
    try send("INSERT INTO t VALUES (3,'c')")
    #expect(throws: MariaDBError.self) { try connection.receive() }
    #expect(try connection.receive().affectedRows == 1)
    #expect(throws: MariaDBError.self) { try connection.receive() }
    #expect(try connection.query("SELECT GROUP_CONCAT(id ORDER BY id) FROM t") == [["1,2,3,9"]])
  }

  @Test(arguments: ["en_US", "de_DE", "ja_JP"])
  func theServerTellsHowManyRowsWereThereAlready(_ language: String) throws {
    let connection = try connection(foundRows: true)
    _ = try run(connection, "SET lc_messages = '\(language)';INSERT INTO t VALUES (1,'a'),(2,'b')")
    _ = try run(connection, "INSERT INTO t VALUES (1,'a'),(2,'x'),(3,'c') ON DUPLICATE KEY UPDATE name = VALUES(name)")
    #expect(connection.duplicates == 2)
    _ = try run(connection, "INSERT INTO t VALUES (1,'a') ON DUPLICATE KEY UPDATE name = VALUES(name)")
    #expect(connection.duplicates == nil)
  }

  @Test func manyRowsGoToOnePreparedStatement() throws {
    let connection = try connection()
    #expect(connection.hasBulkExecution)
    let statement = try MariaDBStatement(connection, "INSERT INTO t VALUES (?, ?)")
    #expect(statement.parameterCount == 2)
    // Statement id, flag 128 (types follow), LONGLONG and VAR_STRING; then for each value an indicator and its bytes.
    var payload = (0..<4).map { UInt8(truncatingIfNeeded: statement.id >> (8 * UInt32($0))) } + [128, 0, 8, 0, 253, 0]
    for id: UInt8 in 1...200 {
      payload += [0, id, 0, 0, 0, 0, 0, 0, 0]
      payload += id % 2 == 0 ? [1] : [0, 1, UInt8(ascii: "x")]
    }
    try payload.withUnsafeBytes { try connection.send(bulk: $0) }
    #expect(try connection.receive().affectedRows == 200)
    #expect(
      try connection.query("SELECT COUNT(*), SUM(id), COUNT(name), MAX(name) FROM t") == [["200", "20100", "100", "x"]])
  }
}
