import Change
import Foundation
import MariaDBClient
import TestServers

/// One server for all tests that do not stop it; each uses a database of its own.
enum SharedServer {
  private static let started = Result { () throws(Failure) in try MariaDBServer() }

  static func get() throws -> MariaDBServer { try started.get() }

  static func database(_ name: String, _ sql: String...) throws -> MariaDBConnection {
    let connection = try get().client()
    try connection.execute("CREATE DATABASE \(name)")
    try connection.execute("USE \(name)")
    for statement in sql { try connection.execute(statement) }
    return connection
  }

  static func options(_ address: MariaDBAddress? = nil) throws -> MariaDBConnectionOptions {
    let server = try get()
    return MariaDBConnectionOptions(address: address ?? server.address, credentials: server.credentials)
  }
}

/// Runs a call that blocks on a thread of its own, as the product does: blocked tasks would take the threads that others
/// need to wake them.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread { continuation.resume(returning: body()) }
  }
}
