import Change
import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// What a user meets when something is wrong: a named error with place and hint, its exit status, and an unchanged target.
@Suite(.serialized) struct TroubleTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(prefix: "freshet-trouble") }

  private func pipeline(url: String, source: String = "", sink: String? = nil, name: String = "p") throws -> String {
    let sink = sink ?? "{ name: copy, type: sqlite, path: \"\(directory.appending("copy.db"))\" }"
    let text = """
      pipeline: \(name)
      source:
        type: mariadb
        url: "\(url)"
        tables: ["shop.*"]
      \(source.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
      sinks:
        - \(sink)
      state: "\(directory.appending("state"))"

      """
    let path = directory.appending("\(name).yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// Runs until now and expects the failure, by code and exit status, with a hint.
  private func expectFailure(
    _ code: Failure.Code, _ pipeline: String, saying words: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let run = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("run.log"))
    let status = try #require(run.wait(seconds: 60), "the run does not end", sourceLocation: sourceLocation)
    let messages = run.messages
    #expect(status == code.exitStatus, "\(messages)", sourceLocation: sourceLocation)
    #expect(messages.contains("[\(code.rawValue)]"), "\(messages)", sourceLocation: sourceLocation)
    for word in words { #expect(messages.contains(word), "\(messages)", sourceLocation: sourceLocation) }
  }

  private func expectSuccess(_ pipeline: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let run = try FreshetProcess(["run", pipeline, "--until", "now"], log: directory.appending("run.log"))
    #expect(run.wait(seconds: 60) == 0, "\(run.messages)", sourceLocation: sourceLocation)
  }

  private static func shop(_ options: [String: String?] = [:]) throws -> PrivateMariaDB {
    let server = try PrivateMariaDB(options: options)
    for statement in [
      "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT NOT NULL PRIMARY KEY, status VARCHAR(10), amount INT)",
      "INSERT INTO shop.orders VALUES (1, 'paid', 5), (2, 'draft', 7)",
    ] { try server.execute(statement) }
    return server
  }

  private func rows(_ query: String) throws -> [String] {
    let connection = try SQLiteConnection(path: directory.appending("copy.db"), mode: .readOnly)
    let statement = try SQLiteStatement(connection, query)
    var rows: [String] = []
    while try statement.step() { rows.append(statement.string(0) ?? "NULL") }
    return rows
  }

  @Test func anUnreachableServerIsToldAtOnceWithItsAddress() throws {
    let port = try FreePort.find()
    let file = try pipeline(url: "mariadb://root@127.0.0.1:\(port)/")
    try expectFailure(.unreachable, file, saying: "127.0.0.1:\(port)")
  }

  @Test func aWrongPasswordIsToldAndNeverShown() throws {
    let server = try TroubleTests.shop()
    try server.execute("CREATE USER f@'127.0.0.1' IDENTIFIED BY 'right'")
    let file = try pipeline(url: "mariadb://f:canary-password@127.0.0.1:\(server.port)/")
    try expectFailure(.authentication, file, saying: "127.0.0.1")
    #expect(!ChildProcess.tail(of: directory.appending("run.log")).contains("canary-password"))
  }

  @Test(arguments: ["REPLICATION SLAVE", "SELECT"])
  func aMissingGrantIsNamedWithTheStatementThatMendsIt(missing: String) throws {
    let server = try TroubleTests.shop()
    let grants = ["REPLICATION SLAVE", "BINLOG MONITOR", "SELECT"].filter { $0 != missing }
    try server.execute("CREATE USER f@'127.0.0.1' IDENTIFIED BY 'p'")
    try server.execute("GRANT \(grants.joined(separator: ", ")) ON *.* TO f@'127.0.0.1'")
    let file = try pipeline(url: "mariadb://f:p@127.0.0.1:\(server.port)/")
    try expectFailure(.permission, file, saying: "GRANT", missing)
  }

  @Test func theDocumentedGrantsAreEnough() throws {
    let server = try TroubleTests.shop()
    try server.execute("CREATE USER f@'127.0.0.1' IDENTIFIED BY 'p'")
    try server.execute("GRANT REPLICATION SLAVE, BINLOG MONITOR, SELECT ON *.* TO f@'127.0.0.1'")
    try expectSuccess(try pipeline(url: "mariadb://f:p@127.0.0.1:\(server.port)/"))
    #expect(try rows("SELECT status FROM orders ORDER BY id") == ["paid", "draft"])
  }

  @Test func aLogThatDoesNotHoldRowsIsRefused() throws {
    let server = try TroubleTests.shop(["binlog_format": "STATEMENT"])
    try expectFailure(.serverSetting, try pipeline(url: server.url()), saying: "binlog_format")
  }

  @Test func aServerWithoutALogIsRefused() throws {
    let server = try TroubleTests.shop(["log_bin": nil])
    try expectFailure(.serverSetting, try pipeline(url: server.url()), saying: "log_bin")
  }

  @Test func aPurgedPositionStopsAndChangesNothing() throws {
    let server = try TroubleTests.shop()
    let file = try pipeline(url: server.url())
    try expectSuccess(file)
    let checkpoint = try rows("SELECT token FROM _freshet_checkpoint")
    for number in 3...5 {
      try server.execute("INSERT INTO shop.orders VALUES (\(number), 'new', 1)")
      try server.execute("FLUSH BINARY LOGS")
    }
    // The server keeps a file while it believes that the earlier run still reads it.
    while try server.query("SHOW BINARY LOGS").count > 1 {
      let current = try server.query("SHOW MASTER STATUS").first?.first.flatMap(\.self) ?? ""
      try server.execute("PURGE BINARY LOGS TO '\(current)'")
      usleep(50_000)
    }
    try expectFailure(.positionLost, file)
    #expect(try rows("SELECT token FROM _freshet_checkpoint") == checkpoint)
    #expect(try rows("SELECT COUNT(*) FROM orders") == ["2"])
  }

  @Test func anotherServerBehindTheSameAddressIsRefused() throws {
    let server = try TroubleTests.shop()
    try expectSuccess(try pipeline(url: server.url()))
    let checkpoint = try rows("SELECT token FROM _freshet_checkpoint")
    let other = try TroubleTests.shop(["server_id": "77", "gtid_domain_id": "9"])
    let run = try FreshetProcess(
      ["run", try pipeline(url: other.url()), "--until", "now"], log: directory.appending("other.log"))
    let status = try #require(run.wait(seconds: 60))
    #expect(status == 65, "\(run.messages)")
    #expect(run.messages.contains("[identity]") || run.messages.contains("[positionLost]"), "\(run.messages)")
    #expect(try rows("SELECT token FROM _freshet_checkpoint") == checkpoint)
  }

  @Test func aTargetTableWithRowsOrOfAnotherShapeIsNamedAndLeftAlone() throws {
    let server = try TroubleTests.shop()
    let connection = try SQLiteConnection(path: directory.appending("copy.db"))
    try connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT)")
    try connection.execute("INSERT INTO orders VALUES (9, 'mine')")
    try expectFailure(.targetShape, try pipeline(url: server.url()), saying: "orders", "existing_rows")
    let sink = "{ name: copy, type: sqlite, path: \"\(directory.appending("copy.db"))\", existing_rows: keep }"
    try expectFailure(.targetShape, try pipeline(url: server.url(), sink: sink), saying: "orders", "status")
    #expect(try rows("SELECT state FROM orders") == ["mine"])
  }

  @Test func aValueThatTheTargetRefusesStopsThePipelineWithItsTable() throws {
    let server = try TroubleTests.shop()
    let connection = try SQLiteConnection(path: directory.appending("copy.db"))
    try connection.execute(
      "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT CHECK (status <> 'draft'), amount INTEGER)")
    try expectFailure(.badValue, try pipeline(url: server.url()), saying: "orders")
    #expect(try rows("SELECT COUNT(*) FROM orders") == ["0"])
  }

  @Test(.enabled(if: geteuid() == 0, "only root can mount a small disk"), arguments: ["sqlite", "files"])
  func aFullDiskStopsThePipelineWhichGoesOnWhenThereIsRoom(sink: String) throws {
    let server = try TroubleTests.shop()
    try server.execute("CREATE TABLE shop.big (id INT NOT NULL PRIMARY KEY, body MEDIUMTEXT)")
    try server.execute("INSERT INTO shop.big SELECT seq, REPEAT('x', 100000) FROM shop.seq_1_to_60")
    let disk = directory.appending("disk")
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
    guard (try? ChildProcess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk])) != nil else {
      return withKnownIssue("this machine lets nobody mount") { Issue.record("no small disk") }
    }
    defer { _ = try? ChildProcess.run(["umount", disk]) }  // nobody is left to tell; the directory goes anyway
    let target = sink == "sqlite" ? "\(disk)/copy.db" : "\(disk)/archive"
    let file = try pipeline(url: server.url(), sink: "{ name: out, type: \(sink), path: \"\(target)\" }")
    try expectFailure(.diskFull, file, saying: disk)
    try ChildProcess.run(["mount", "-o", "remount,size=64m", disk])
    try expectSuccess(file)
  }

  @Test func hostileNamesAreCarriedAndDoNoHarm() throws {
    let server = try TroubleTests.shop()
    let names = [
      "o'; DROP TABLE orders; --", "back`tick", "dou\"ble", "..", "a/b", "line\nfeed", "tab\tulator", "Größe €",
      // MariaDB's identifiers have characters of at most three bytes, and it writes five for each into the file's name.
      String(repeating: "€", count: 40), String(repeating: "n", count: 64), "select", "%s%n", "{schema}", "CON",
    ]
    for (number, name) in names.enumerated() {
      let quoted = "`\(name.replacing("`", with: "``"))`"
      try server.execute("CREATE TABLE shop.\(quoted) (id INT NOT NULL PRIMARY KEY, \(quoted) INT)")
      try server.execute("INSERT INTO shop.\(quoted) VALUES (1, \(number))")
    }
    let archive = directory.appending("archive")
    let file = try pipeline(
      url: server.url(),
      sink: """
        { name: copy, type: sqlite, path: "\(directory.appending("copy.db"))" }
          - { name: archive, type: files, path: "\(archive)", format: json }
        """)
    try expectSuccess(file)
    for (number, name) in names.enumerated() {
      let quoted = "\"\(name.replacing("\"", with: "\"\""))\""
      #expect(try rows("SELECT \(quoted) FROM \(quoted)") == ["\(number)"], "\(name)")
    }
    #expect(try rows("SELECT COUNT(*) FROM orders") == ["2"])
    let outside = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    let ours: Set = ["archive", "copy.db", "copy.db-shm", "copy.db-wal", "p.yaml", "run.log", "state"]
    #expect(Set(outside).subtracting(ours).isEmpty)
  }
}
