import Foundation
import MariaDBClient
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

  func start(database: String) {
    Thread.detachNewThread { [self] in
      while !state.withLock({ $0.isStopped }) {
        // The table may not be there yet, or the file busy: then this reading counts for nothing.
        if let (count, sum) = try? BankWatch.read(database), count == MixedWorkload.accounts {
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
