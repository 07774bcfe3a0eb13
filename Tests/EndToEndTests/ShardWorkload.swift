import Foundation
import MariaDBClient
import PrivateServers
import Synchronization
import TestRandom

/// A writer to one shard of a shop: its keys are its own, and transfers keep the sum of its balances.
final class ShardWorkload: Sendable {
  static let accounts = 50
  static let balance = 1000

  private let shard: Int
  private let state = Mutex((isStopped: false, transactions: 0, failure: (any Error)?.none))
  private let finished = DispatchSemaphore(value: 0)

  init(shard: Int) { self.shard = shard }

  var transactions: Int { state.withLock { $0.transactions } }

  /// The schema of a shard at its server.
  static func schema(_ shard: Int) -> String { "shop_\(shard)" }

  static func prepare(_ server: PrivateMariaDB, shard: Int, rows: Int) throws {
    let schema = schema(shard)
    for statement in [
      "CREATE DATABASE \(schema)",
      "CREATE TABLE \(schema).accounts (id INT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL)",
      "INSERT INTO \(schema).accounts SELECT seq + \(shard * 1000), \(balance) FROM \(schema).seq_1_to_\(accounts)",
      "CREATE TABLE \(schema).orders (id BIGINT NOT NULL PRIMARY KEY, amount DECIMAL(12,2) NOT NULL, body VARCHAR(60))",
      "INSERT INTO \(schema).orders SELECT seq + \(shard * 100_000_000), seq / 4, MD5(seq) FROM \(schema).seq_1_to_\(rows)",
    ] { try server.execute(statement) }
  }

  /// Starts on a thread of its own.
  func start(_ server: PrivateMariaDB, seed: UInt64) {
    Thread.detachNewThread { [self] in
      do { try run(server.client(), seed: seed) } catch { state.withLock { $0.failure = error } }
      finished.signal()
    }
  }

  /// Ends after the transaction that runs.
  func stop() throws {
    state.withLock { $0.isStopped = true }
    finished.wait()
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  private func run(_ connection: MariaDBConnection, seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var next = shard * 100_000_000 + 10_000_000
    var live: [Int] = []
    while !state.withLock({ $0.isStopped }) {
      try connection.execute("BEGIN")
      for statement in statements(&random, &next, &live) { try connection.execute(statement) }
      try connection.execute("COMMIT")
      state.withLock { $0.transactions += 1 }
      usleep(UInt32.random(in: 0...2000, using: &random))
    }
  }

  private func statements(_ random: inout SeededRandom, _ next: inout Int, _ live: inout [Int]) -> [String] {
    let schema = ShardWorkload.schema(shard)
    switch Int.random(in: 0..<8, using: &random) {
    case 0..<3:
      let amount = Int.random(in: 1...50, using: &random)
      let (from, to) = (Int.random(in: 1...50, using: &random), Int.random(in: 1...50, using: &random))
      return [
        "UPDATE \(schema).accounts SET balance = balance - \(amount) WHERE id = \(shard * 1000 + from)",
        "UPDATE \(schema).accounts SET balance = balance + \(amount) WHERE id = \(shard * 1000 + to)",
      ]
    case 3..<6:
      let rows = (0..<Int.random(in: 1...10, using: &random)).map { _ in
        next += 1
        live.append(next)
        return "(\(next), \(next % 1000).25, REPEAT('x', \(next % 60)))"
      }
      return ["INSERT INTO \(schema).orders VALUES \(rows.joined(separator: ","))"]
    case 6:
      guard let id = live.randomElement(using: &random) else { return [] }
      return ["UPDATE \(schema).orders SET amount = amount + 1, body = 'changed' WHERE id = \(id)"]
    default:
      guard let index = live.indices.randomElement(using: &random) else { return [] }
      return ["DELETE FROM \(schema).orders WHERE id = \(live.remove(at: index))"]
    }
  }
}
