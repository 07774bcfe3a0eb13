import Change
import Foundation
import SQLiteDatabase
import Synchronization
import Testing

/// A path for a database that is removed, with what SQLite puts beside it, at the end.
private final class DatabaseFile {
  let path = NSTemporaryDirectory() + "freshet-\(UUID().uuidString).sqlite"
  deinit {
    // What is not there needs no removing.
    for suffix in ["", "-wal", "-shm", "-journal"] { try? FileManager.default.removeItem(atPath: path + suffix) }
  }
}

private func memory(_ sql: String) throws -> SQLiteConnection {
  let connection = try SQLiteConnection(path: ":memory:")
  try connection.execute(sql)
  return connection
}

@Suite struct SQLiteDatabaseTests {
  @Test func everyKindOfValueComesBackAsItWasBound() throws {
    let connection = try memory("CREATE TABLE t (a, b, c, d, e)")
    let insert = try SQLiteStatement(connection, "INSERT INTO t VALUES (?, ?, ?, ?, ?)")
    try insert.bind(1, Int64.min)
    try insert.bind(2, 0.1)
    try insert.bindNull(3)
    let text = Array("a\u{0}é🦫".utf8)
    let blob: [UInt8] = [0, 255, 0]
    try text.withUnsafeBytes { text in
      try blob.withUnsafeBytes { blob in
        try insert.bindText(4, text)
        try insert.bindBlob(5, blob)
        try insert.run()
      }
    }
    #expect(connection.changes == 1)
    let select = try SQLiteStatement(connection, "SELECT * FROM t")
    var hasRow = try select.step()
    #expect(hasRow)
    let (a, b, isNull) = (select.int64(0), select.double(1), select.isNull(2))
    #expect(a == .min && b == 0.1 && isNull)
    let (d, e) = (select.withText(3) { Array($0) }, select.withBlob(4) { Array($0) })
    #expect(d == text && e == blob)
    let classes = (0..<5).map { select.storageClass($0) }
    #expect(classes == [.integer, .real, .null, .text, .blob])
    hasRow = try select.step()
    #expect(!hasRow)
  }

  @Test func aTextOrABlobOfNoBytesIsNotNull() throws {
    let connection = try memory("CREATE TABLE t (a, b)")
    let insert = try SQLiteStatement(connection, "INSERT INTO t VALUES (?, ?)")
    try insert.bindText(1, UnsafeRawBufferPointer(start: nil, count: 0))
    try insert.bindBlob(2, UnsafeRawBufferPointer(start: nil, count: 0))
    try insert.run()
    let select = try SQLiteStatement(connection, "SELECT typeof(a), typeof(b) FROM t")
    _ = try select.step()
    let types = [select.string(0), select.string(1)]
    #expect(types == ["text", "blob"])
  }

  @Test func aConstraintIsABadValueWithTheExtendedCode() throws {
    let connection = try memory("CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
    let insert = try SQLiteStatement(connection, "INSERT INTO t VALUES (?)")
    try insert.bind(1, Int64(1))
    let failure = #expect(throws: SQLiteFailure.self) { try insert.run() }
    #expect(failure?.code == 19)
    #expect(failure?.extendedCode == 1555)
    #expect(failure?.sql == "INSERT INTO t VALUES (?)")
    #expect(failure?.failure(at: "x").code == .badValue)
    try insert.bind(1, Int64(2))
    try insert.run()
    #expect(connection.changes == 1)
  }

  @Test func aLockOfAnotherConnectionIsAConflict() throws {
    let file = DatabaseFile()
    let first = try SQLiteConnection(path: file.path)
    try first.execute("CREATE TABLE t (a); BEGIN IMMEDIATE")
    #expect(first.isInTransaction)
    #expect(first.transactionState == .write)
    let second = try SQLiteConnection(path: file.path, busyTimeoutMilliseconds: 1)
    let failure = #expect(throws: SQLiteFailure.self) { try second.execute("BEGIN IMMEDIATE") }
    #expect(failure?.failure(at: file.path).code == .conflict)
    try first.execute("COMMIT")
    #expect(!first.isInTransaction)
    try second.execute("BEGIN IMMEDIATE; ROLLBACK")
  }

  @Test func aFileThatIsNoDatabaseIsCorruptState() throws {
    let file = DatabaseFile()
    try Data(repeating: 65, count: 4096).write(to: URL(fileURLWithPath: file.path))
    let connection = try SQLiteConnection(path: file.path)
    let failure = #expect(throws: SQLiteFailure.self) { try connection.execute("SELECT * FROM sqlite_schema") }
    #expect(failure?.failureCode == .corruptState)
  }

  @Test func aDirectoryThatIsNotThereIsAPermissionFailure() {
    let failure = #expect(throws: SQLiteFailure.self) { _ = try SQLiteConnection(path: "/nonexistent/x.sqlite") }
    #expect(failure?.failureCode == .permission)
  }

  @Test func aFullDatabaseIsADiskFull() throws {
    let connection = try memory("PRAGMA max_page_count = 3; CREATE TABLE t (a)")
    let failure = #expect(throws: SQLiteFailure.self) {
      try connection.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    }
    #expect(failure?.failureCode == .diskFull)
  }

  @Test func aValueBeyondSQLitesLimitIsALimitAndIsNotCutOff() throws {
    let connection = try memory("CREATE TABLE t (a)")
    let insert = try SQLiteStatement(connection, "INSERT INTO t VALUES (?)")
    let failure = #expect(throws: SQLiteFailure.self) {
      // The length is refused before the bytes are looked at.
      var byte: UInt8 = 0
      try withUnsafeBytes(of: &byte) {
        try insert.bindBlob(1, UnsafeRawBufferPointer(start: $0.baseAddress, count: 1 << 33))
      }
    }
    #expect(failure?.failureCode == .limit)
  }

  @Test(arguments: ["", "  ", "SELECT 1; SELECT 2", "SELECT"])
  func anythingButOneStatementIsRefused(sql: String) throws {
    let connection = try memory("CREATE TABLE t (a)")
    #expect(throws: SQLiteFailure.self) { _ = try SQLiteStatement(connection, sql) }
  }

  @Test func aNameInDoubleQuotesIsNeverTakenForAText() throws {
    let connection = try memory("CREATE TABLE t (a)")
    #expect(throws: SQLiteFailure.self) { _ = try SQLiteStatement(connection, #"SELECT "b" FROM t"#) }
  }

  @Test func aBlobIsReadAndWrittenInPlace() throws {
    let connection = try memory("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(10))")
    try connection.withBlob(table: "t", column: "a", row: 1, writable: true) { blob throws(SQLiteFailure) in
      #expect(blob.byteCount == 10)
      let two: [UInt8] = [7, 8]
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2, alignment: 1)
      defer { buffer.deallocate() }
      buffer.copyBytes(from: two)
      try blob.write(UnsafeRawBufferPointer(buffer), at: 8)
      buffer.copyBytes(from: [0, 0])
      try blob.read(into: buffer, at: 8)
      #expect(Array(buffer) == two)
      #expect(throws: SQLiteFailure.self) { try blob.write(UnsafeRawBufferPointer(buffer), at: 9) }
    }
  }

  @Test func anInterruptEndsARunningStatement() throws {
    let connection = try memory("")
    let isOver = Flag()
    // An interrupt before the statement runs is lost, so it is repeated until the statement has ended.
    Thread.detachNewThread {
      while !isOver.value.load(ordering: .relaxed) {
        connection.interrupt()
        Thread.sleep(forTimeInterval: 0.01)
      }
    }
    let failure = #expect(throws: SQLiteFailure.self) {
      try connection.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
    }
    isOver.value.store(true, ordering: .relaxed)
    #expect(failure?.failureCode == .conflict)
  }
}

private final class Flag: Sendable {
  let value = Atomic(false)
}
