import Foundation
import MariaDBClient
import PrivateServers
import SQLiteDatabase
import Synchronization

/// Reads the sum of all balances at the target over and over: a torn transaction shows as another sum.
final class BankWatch: Sendable {
  private let state = Mutex((isStopped: false, reads: 0, violations: [String]()))
  private let finished = DispatchSemaphore(value: 0)

  /// Reads that saw the whole bank, and the sums that cannot be.
  func stop() -> (reads: Int, violations: [String]) {
    state.withLock { $0.isStopped = true }
    finished.wait()
    return state.withLock { ($0.reads, $0.violations) }
  }

  /// Reads a SQLite file.
  func start(database: String) { start { try BankWatch.read(database) } }

  /// Reads a server's database, over a new connection whenever the last one failed.
  func start(server: PrivateMariaDB) {
    let connection = Mutex<MariaDBConnection?>(nil)
    start {
      try connection.withLock { connection in
        do {
          if connection == nil { connection = try server.client() }
          let row = try connection?.query("SELECT COUNT(*), SUM(balance) FROM bank.accounts").first ?? []
          return (Int((row.first ?? nil) ?? "") ?? 0, Int((row.last ?? nil) ?? "") ?? 0)
        } catch {
          connection = nil
          throw error
        }
      }
    }
  }

  private func start(_ read: @escaping @Sendable () throws -> (count: Int, sum: Int)) {
    Thread.detachNewThread { [self] in
      while !state.withLock({ $0.isStopped }) {
        // The table may not be there yet, or the target busy or down: then this reading counts for nothing.
        if let (count, sum) = try? read(), count == MixedWorkload.accounts {
          state.withLock { state in
            state.reads += 1
            if sum != MixedWorkload.accounts * MixedWorkload.balance { state.violations.append("sum \(sum)") }
          }
        }
        usleep(3000)
      }
      finished.signal()
    }
  }

  private static func read(_ database: String) throws -> (count: Int, sum: Int) {
    guard FileManager.default.fileExists(atPath: database) else { return (0, 0) }
    let connection = try SQLiteConnection(path: database, mode: .readWrite)
    let statement = try SQLiteStatement(connection, "SELECT COUNT(*), SUM(balance) FROM accounts")
    guard try statement.step() else { return (0, 0) }
    return (Int(statement.int64(0)), Int(statement.int64(1)))
  }
}
