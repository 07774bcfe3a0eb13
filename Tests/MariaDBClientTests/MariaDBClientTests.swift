import Change
import Glibc
import MariaDBClient
import TestServers
import Testing

@Suite struct MariaDBClientTests {
  @Test func queriesGiveBytesAsTheyAreAndNullAsNil() throws {
    let connection = try SharedServer.get().client()
    #expect(try connection.query("SELECT 1, NULL, 'é🦫', ''") == [["1", nil, "é🦫", ""]])
    #expect(try connection.queryBytes("SELECT x'00ff00'") == [[[0, 255, 0]]])
    let failure = #expect(throws: Failure.self) { try connection.query("SELECT x'ff'") }
    #expect(failure?.code == .badValue)
    #expect(try connection.query("SELECT 2") == [["2"]])
    #expect(connection.isMariaDB)
  }

  @Test func overTCPAndOverTheSocketTheSameServerAnswers() throws {
    let server = try SharedServer.get()
    let tcp = try MariaDBConnection(SharedServer.options())
    let local = try MariaDBConnection(SharedServer.options(server.socketAddress))
    #expect(tcp.serverVersion == local.serverVersion)
    #expect(tcp.place == "127.0.0.1:\(server.port)")
  }

  @Test func aWrongPasswordIsAnAuthenticationFailureThatDoesNotShowIt() throws {
    var options = try SharedServer.options()
    options.credentials = MariaDBCredentials(user: "root", password: Secret("hunter2"))
    let failure = #expect(throws: Failure.self) { _ = try MariaDBConnection(options) }
    #expect(failure?.code == .authentication)
    #expect(failure?.cause.hasPrefix("1045 (28000)") == true)
    #expect(failure.map { !"\($0)".contains("hunter2") } == true)
    var dumped = ""
    dump(options, to: &dumped)
    #expect(!dumped.contains("hunter2"))
    #expect("\(options)".contains("***"))
  }

  @Test func aPortWithoutAServerIsUnreachable() throws {
    let options = try SharedServer.options(.tcp(host: "127.0.0.1", port: FreePort.find()))
    let failure = #expect(throws: Failure.self) { _ = try MariaDBConnection(options) }
    #expect(failure?.code == .unreachable)
    #expect(failure?.place == options.address.description)
  }

  @Test(arguments: ["", "a;b", "host=x", "a,b", "a b", "a\u{0}"])
  func aHostThatIsNoHostIsRefused(host: String) {
    let options = MariaDBConnectionOptions(
      address: .tcp(host: host, port: 1), credentials: MariaDBCredentials(user: "root"))
    let failure = #expect(throws: Failure.self) { _ = try MariaDBConnection(options) }
    #expect(failure?.code == .configuration)
  }

  @Test func aMissingGrantIsAPermissionFailure() throws {
    let root = try SharedServer.database("grants", "CREATE TABLE t (a INT)", "CREATE USER poor@'%' IDENTIFIED BY 'p'")
    try root.execute("GRANT USAGE ON *.* TO poor@'%'")
    var options = try SharedServer.options()
    options.credentials = MariaDBCredentials(user: "poor", password: Secret("p"))
    let poor = try MariaDBConnection(options)
    let failure = #expect(throws: Failure.self) { try poor.query("SELECT * FROM grants.t") }
    #expect(failure?.code == .permission)
    for statement in ["CREATE DATABASE grants2", "USE grants", "SET GLOBAL max_connections = 100"] {
      let denied = #expect(throws: Failure.self) { try poor.execute(statement) }
      #expect(denied?.code == .permission && denied?.hint.contains("privilege") == true, "\(statement)")
    }
    let dump = #expect(throws: Failure.self) { try poor.query("SHOW MASTER STATUS") }
    #expect(dump?.code == .permission)
  }

  @Test func aDuplicateKeyDoesNotShowTheValue() throws {
    let connection = try SharedServer.database("duplicates", "CREATE TABLE t (a VARCHAR(20) PRIMARY KEY)")
    #expect(try connection.execute("INSERT INTO t VALUES ('private')") == 1)
    let failure = #expect(throws: Failure.self) { try connection.execute("INSERT INTO t VALUES ('private')") }
    #expect(failure?.code == .badValue)
    #expect(failure.map { !"\($0)".contains("private") } == true)
  }

  @Test func withoutTLSAtTheServerARequirementIsNotDropped() throws {
    for mode in [MariaDBTLS.Mode.required, .verifyIdentity] {
      var options = try SharedServer.options()
      options.tls = MariaDBTLS(mode: mode)
      #expect(throws: Failure.self) { _ = try MariaDBConnection(options) }
    }
    let remote = MariaDBAddress.tcp(host: "db.example.com", port: 3306)
    #expect(MariaDBTLS().mode(for: remote) == .verifyIdentity)
    #expect(MariaDBTLS().mode(for: .tcp(host: "127.0.0.9", port: 1)) == .disabled)
    #expect(MariaDBTLS().mode(for: .tcp(host: "127.example.com", port: 1)) == .verifyIdentity)
  }

  @Test func initCommandsRunAndTheirFailureIsTheConnections() throws {
    var options = try SharedServer.options()
    options.initCommands = ["SET @a = 5"]
    #expect(try MariaDBConnection(options).query("SELECT @a") == [["5"]])
    options.initCommands = ["SET nonsense"]
    #expect(throws: Failure.self) { _ = try MariaDBConnection(options) }
  }

  @Test func aShutdownFromAnotherThreadWakesABlockedCall() async throws {
    let connection = try MariaDBConnection(SharedServer.options())
    async let ended: Failure.Code? = onThread {
      do throws(Failure) {
        _ = try connection.query("SELECT SLEEP(30)")
        return nil
      } catch {
        return error.code
      }
    }
    _ = await onThread { usleep(100_000) }
    let start = ContinuousClock.now
    connection.shutdownSocket()
    #expect(await ended == .unreachable)
    #expect(ContinuousClock.now - start < .seconds(5))
  }
}
