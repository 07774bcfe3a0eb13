import Change
import Foundation
import MariaDBClient
import PrivateServers
import Synchronization
import TestRandom

/// A writer that does everything a pipeline must survive, and keeps a ledger of what the server has acknowledged.
///
/// Transfers between accounts keep the sum of the balances; every transaction writes numbered ledger rows of its own; rows
/// are inserted, updated, deleted and change their key; the table `items` gains and loses a column every few seconds.
final class MixedWorkload: Sendable {
  static let accounts = 100
  static let balance = 1000

  private struct State {
    var isStopped = false
    var acknowledged: [LedgerRow] = []
    var transactions: UInt64 = 0
    var schemaChanges = 0
    var failure: (any Error)?
  }

  struct LedgerRow: Hashable, Sendable {
    var transaction: UInt64
    var ordinal: Int
  }

  private let state = Mutex(State())
  private let finished = DispatchSemaphore(value: 0)

  var acknowledged: [LedgerRow] { state.withLock { $0.acknowledged } }
  var transactions: UInt64 { state.withLock { $0.transactions } }
  var schemaChanges: Int { state.withLock { $0.schemaChanges } }

  /// Creates the tables; `seedRows` rows are there before any pipeline starts.
  static func prepare(_ server: PrivateMariaDB, seedRows: Int) throws {
    for statement in [
      "CREATE DATABASE bank",
      "CREATE TABLE bank.accounts (id INT NOT NULL PRIMARY KEY, balance BIGINT NOT NULL)",
      "INSERT INTO bank.accounts SELECT seq, \(balance) FROM bank.seq_1_to_\(accounts)",
      """
      CREATE TABLE bank.items (id BIGINT NOT NULL PRIMARY KEY, code VARCHAR(40) NOT NULL UNIQUE, amount DECIMAL(20,4),
        at DATETIME(6) NOT NULL, body TEXT)
      """,
      """
      CREATE TABLE bank.ledger (tx BIGINT NOT NULL, ordinal INT NOT NULL, note VARCHAR(30) NOT NULL,
        PRIMARY KEY (tx, ordinal))
      """,
      "CREATE TABLE bank.seed (id BIGINT NOT NULL PRIMARY KEY, body CHAR(80) NOT NULL)",
      "CREATE TABLE bank.events (kind VARCHAR(10), value DOUBLE, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3))",
      "INSERT INTO bank.seed SELECT seq, MD5(seq) FROM bank.seq_1_to_\(max(1, seedRows))",
    ] { try server.execute(statement) }
  }

  /// Starts on a thread of its own.
  func start(_ server: PrivateMariaDB, seed: UInt64, secondsPerSchemaChange: Double = 5) {
    Thread.detachNewThread { [self] in
      do {
        try run(server.client(database: "bank"), seed: seed, secondsPerSchemaChange: secondsPerSchemaChange)
      } catch {
        state.withLock { $0.failure = error }
      }
      finished.signal()
    }
  }

  /// Ends after the transaction that runs.
  func stop() throws {
    state.withLock { $0.isStopped = true }
    finished.wait()
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  private func run(_ connection: MariaDBConnection, seed: UInt64, secondsPerSchemaChange: Double) throws {
    var random = SeededRandom(seed: seed)
    var number: UInt64 = 0
    var nextItem = 1
    var live: [Int] = []
    var columns = 0
    var changeAt = Date().addingTimeInterval(secondsPerSchemaChange)
    while !state.withLock({ $0.isStopped }) {
      if Date() >= changeAt {
        changeAt = Date().addingTimeInterval(secondsPerSchemaChange)
        columns += 1
        try connection.execute(
          columns % 2 == 1
            ? "ALTER TABLE items ADD COLUMN extra\(columns) INT NOT NULL DEFAULT \(columns)"
            : "ALTER TABLE items DROP COLUMN extra\(columns - 1)")
        state.withLock { $0.schemaChanges += 1 }
      }
      number += 1
      let rows = Int.random(in: 1...3, using: &random)
      var statements = MixedWorkload.statements(&random, &nextItem, &live)
      for ordinal in 1...rows { statements.append("INSERT INTO ledger VALUES (\(number), \(ordinal), 'tx \(number)')") }
      try connection.execute("BEGIN")
      for statement in statements { try connection.execute(statement) }
      try connection.execute("COMMIT")
      let acknowledged = (1...rows).map { LedgerRow(transaction: number, ordinal: $0) }
      state.withLock { state in
        state.acknowledged += acknowledged
        state.transactions += 1
      }
    }
  }

  private static func statements(_ random: inout SeededRandom, _ nextItem: inout Int, _ live: inout [Int]) -> [String] {
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<3:
      let from = Int.random(in: 1...accounts, using: &random)
      let to = Int.random(in: 1...accounts, using: &random)
      let amount = Int.random(in: 1...50, using: &random)
      return [
        "UPDATE accounts SET balance = balance - \(amount) WHERE id = \(from)",
        "UPDATE accounts SET balance = balance + \(amount) WHERE id = \(to)",
      ]
    case 3..<6:
      let items = (0..<Int.random(in: 1...20, using: &random)).map { _ in
        nextItem += 1
        live.append(nextItem)
        return "(\(nextItem), 'code \(nextItem)', \(nextItem % 1000).1250, NOW(6), REPEAT('x', \(nextItem % 300)))"
      }
      return ["INSERT INTO items (id, code, amount, at, body) VALUES \(items.joined(separator: ","))"]
    case 6:
      guard let id = live.randomElement(using: &random) else { return [] }
      return ["UPDATE items SET amount = amount + 1, body = 'changed' WHERE id = \(id)"]
    case 7:
      guard let index = live.indices.randomElement(using: &random) else { return [] }
      return ["DELETE FROM items WHERE id = \(live.remove(at: index))"]
    case 8:
      guard let index = live.indices.randomElement(using: &random) else { return [] }
      nextItem += 1
      defer { live[index] = nextItem }
      return ["UPDATE items SET id = \(nextItem) WHERE id = \(live[index])"]
    default:
      return [
        "INSERT INTO events (kind, value) VALUES ('a', 0.5), ('a', 0.5)",
        "DELETE FROM events WHERE kind = 'a' LIMIT 1",
      ]
    }
  }
}
