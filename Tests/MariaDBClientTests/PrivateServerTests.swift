import Change
import Foundation
import Glibc
import MariaDBClient
import TestServers
import Testing

@Suite struct PrivateServerTests {
  @Test func itStartsQuicklyWithItsOptionsAndSurvivesAKill() throws {
    _ = try SharedServer.get()
    let start = ContinuousClock.now
    let server = try MariaDBServer(options: ["binlog-row-image": "MINIMAL", "server_id": "9", "log_bin_compress": "1"])
    let took = ContinuousClock.now - start
    #expect(took < .seconds(10), "took \(took)")
    print("a private server starts in \(took)")
    #expect(
      try server.query("SELECT @@binlog_row_image, @@server_id, @@log_bin_compress, @@binlog_format")
        == [["MINIMAL", "9", "1", "ROW"]])
    try server.execute("CREATE TABLE mysql.kept (a INT) ENGINE = InnoDB")
    try server.execute("INSERT INTO mysql.kept VALUES (1)")
    server.kill()
    #expect(!server.isRunning)
    #expect(throws: Failure.self) { try server.query("SELECT 1") }
    try server.start()
    #expect(try server.query("SELECT * FROM mysql.kept") == [["1"]])
    try server.restart()
    #expect(try server.query("SELECT * FROM mysql.kept") == [["1"]])
  }

  @Test func nothingOfItIsLeftWhenItGoes() throws {
    var server: MariaDBServer? = try MariaDBServer()
    let directory = try #require(server?.directory)
    #expect(access(directory, F_OK) == 0)
    server = nil
    #expect(access(directory, F_OK) != 0)
  }

  @Test func anOptionThatDoesNotExistFailsWithTheServersWords() {
    let failure = #expect(throws: Failure.self) { _ = try MariaDBServer(options: ["no_such_option": "1"]) }
    #expect(failure?.cause.contains("no") == true)
  }

  @Test func tlsWorksWithVerificationAndNeverFallsBack() throws {
    let files = try TemporaryDirectory()
    let (key, certificate) = (files.appending("key.pem"), files.appending("cert.pem"))
    try ChildProcess.run([
      "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate,
      "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
    ])
    let server = try MariaDBServer(options: ["ssl_cert": certificate, "ssl_key": key])
    func connect(_ host: String, _ tls: MariaDBTLS) throws(Failure) -> MariaDBConnection {
      var options = MariaDBConnectionOptions(
        address: .tcp(host: host, port: server.port), credentials: server.credentials)
      options.tls = tls
      return try MariaDBConnection(options)
    }
    #expect(try connect("127.0.0.1", MariaDBTLS(mode: .required)).cipher != nil)
    #expect(try connect("127.0.0.1", MariaDBTLS(mode: .disabled)).cipher == nil)
    #expect(try connect("localhost", MariaDBTLS(mode: .verifyIdentity, ca: certificate)).cipher != nil)
    #expect(try connect("127.0.0.1", MariaDBTLS(mode: .verifyCA, ca: certificate)).cipher != nil)
    let name = #expect(throws: Failure.self) {
      _ = try connect("127.0.0.1", MariaDBTLS(mode: .verifyIdentity, ca: certificate))
    }
    #expect(name?.code == .authentication)
    let unknown = #expect(throws: Failure.self) { _ = try connect("localhost", MariaDBTLS(mode: .verifyIdentity)) }
    #expect(unknown?.code == .authentication)
    let other = files.appending("other.pem")
    try ChildProcess.run([
      "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", files.appending("k"),
      "-out", other, "-subj", "/CN=other",
    ])
    let wrong = #expect(throws: Failure.self) { _ = try connect("localhost", MariaDBTLS(mode: .verifyCA, ca: other)) }
    #expect(wrong?.code == .authentication)
    // Rows and the log's quiet end are seen through TLS as well.
    let connection = try connect("localhost", MariaDBTLS(mode: .required))
    var stream = try connection.streamRows("SELECT REPEAT('x', 1000) FROM mysql.seq_1_to_1000")
    var count = 0
    while try stream.nextRow() != nil { count += 1 }
    #expect(count == 1000)
    #expect(!connection.hasBufferedInput())
  }
}

@Suite struct FaultProxyTests {
  private func options(_ proxy: FaultProxy) throws -> MariaDBConnectionOptions {
    var options = try SharedServer.options(.tcp(host: "127.0.0.1", port: proxy.port))
    options.readTimeoutSeconds = 1
    options.connectTimeoutSeconds = 1
    return options
  }

  @Test func aStalledNetworkIsNoticedByTheReadTimeout() throws {
    let proxy = try FaultProxy(target: SharedServer.get().port)
    let connection = try MariaDBConnection(options(proxy))
    #expect(try connection.query("SELECT 1") == [["1"]])
    proxy.stall()
    let failure = #expect(throws: Failure.self) { try connection.query("SELECT 1") }
    #expect(failure?.code == .unreachable)
    proxy.heal()
    #expect(try MariaDBConnection(options(proxy)).query("SELECT 2") == [["2"]])
  }

  @Test func aCutBreaksTheConnectionAndAfterwardsANewOneWorks() throws {
    let proxy = try FaultProxy(target: SharedServer.get().port)
    let connection = try MariaDBConnection(options(proxy))
    proxy.cut()
    let failure = #expect(throws: Failure.self) { try connection.query("SELECT 1") }
    #expect(failure?.code == .unreachable)
    let second = try MariaDBConnection(options(proxy))
    proxy.cut(afterBytes: 50_000)
    #expect(throws: Failure.self) {
      var stream = try second.streamRows("SELECT seq FROM mysql.seq_1_to_100000")
      try stream.finish()
    }
    proxy.heal()
    proxy.refuse()
    #expect(throws: Failure.self) { _ = try MariaDBConnection(options(proxy)) }
    proxy.heal()
    proxy.delay(milliseconds: 20)
    let start = ContinuousClock.now
    #expect(try MariaDBConnection(options(proxy)).query("SELECT 3") == [["3"]])
    #expect(ContinuousClock.now - start >= .milliseconds(80))
  }
}
