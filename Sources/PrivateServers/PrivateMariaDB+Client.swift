package import Change
package import MariaDBClient

extension PrivateMariaDB {
  /// How to reach the server: over TCP on the loopback, or through its socket.
  package var address: MariaDBAddress { .tcp(host: "127.0.0.1", port: port) }
  package var socketAddress: MariaDBAddress { .socket(path: socketPath) }
  package var credentials: MariaDBCredentials { MariaDBCredentials(user: "root") }

  /// The server as a pipeline's `url`, with a database when one is named.
  package func url(database: String = "", user: String = "root") -> String {
    "mariadb://\(user)@127.0.0.1:\(port)\(database.isEmpty ? "" : "/" + database)"
  }

  /// A new connection as root through the socket, for setting up and looking.
  package func client(database: String? = nil, connectTimeoutSeconds: UInt32 = 10) throws(Failure) -> MariaDBConnection
  {
    var options = MariaDBConnectionOptions(address: socketAddress, credentials: credentials)
    options.database = database
    options.connectTimeoutSeconds = connectTimeoutSeconds
    return try MariaDBConnection(options)
  }

  /// Runs one statement on a connection of its own.
  package func execute(_ sql: String) throws(Failure) { try client().execute(sql) }

  /// Runs one query on a connection of its own.
  package func query(_ sql: String) throws(Failure) -> [[String?]] { try client().query(sql) }
}
