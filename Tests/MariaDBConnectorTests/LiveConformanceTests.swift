import ConnectorConformance
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

struct LiveHarness: SourceHarness {
  struct Log: SourceLog {
    let server: MariaDBServer
    let options: MariaDBSourceOptions

    var definition: any SourceDefinition { MariaDBSourceDefinition(options: options) }

    func append(_ transactions: [[Int64]]) async throws {
      let connection = try server.client()
      for keys in transactions {
        try connection.execute("BEGIN")
        for key in keys { try connection.execute("INSERT INTO conform.t VALUES (\(key))") }
        try connection.execute("COMMIT")
      }
    }
  }

  var name: String { "mariadb" }

  func makeLog() async throws -> Log {
    let server = try MariaDBServer()
    try server.run("CREATE DATABASE conform", "CREATE TABLE conform.t (id BIGINT PRIMARY KEY)", "RESET MASTER")
    var options = try server.source(["conform.*"])
    options.start = .earliest
    options.batchBytes = 256
    return Log(server: server, options: options)
  }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct LiveConformanceTests {
  @Test(arguments: SourceConformanceCase.allCases)
  func `the live source conforms`(_ conformanceCase: SourceConformanceCase) async throws {
    try await SourceConformance(LiveHarness()).check(conformanceCase)
  }
}
