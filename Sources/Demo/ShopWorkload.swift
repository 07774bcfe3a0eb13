import Change
import Flow
import Glibc
import MariaDBClient
import Synchronization

/// Customers who place, pay and cancel orders, one transaction at a time, at a steady pace, on a thread of their own.
final class ShopWorkload: Sendable {
  private struct State {
    var isStopped = false
    var transactions: UInt64 = 0
    var failure: Failure?
    var isDone = false
  }

  private let state = Mutex(State())
  private let transactionsPerSecond: UInt64

  init(transactionsPerSecond: UInt64) { self.transactionsPerSecond = transactionsPerSecond }

  var transactions: UInt64 { state.withLock { $0.transactions } }

  /// Starts on a thread of its own, through this connection, which belongs to the workload from now on.
  func start(_ connection: sending MariaDBConnection) {
    let box = Mutex<MariaDBConnection?>(connection)
    let thread = DedicatedThread(name: "shop")
    Task(executorPreference: thread) {
      defer {
        self.state.withLock { $0.isDone = true }
        thread.stop()
      }
      guard let connection = box.withLock({ $0.take() }) else { return }
      do throws(Failure) {
        try self.run(connection)
      } catch {
        self.state.withLock { $0.failure = error }
      }
    }
  }

  /// Ends the workload and waits for its last transaction.
  /// - Returns: how many transactions were committed.
  func finish() async throws -> UInt64 {
    state.withLock { $0.isStopped = true }
    while !state.withLock({ $0.isDone }) { try await Task.sleep(nanoseconds: 5_000_000) }
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.transactions
    }
  }

  private func run(_ connection: MariaDBConnection) throws(Failure) {
    var due = MonotonicTime.now()
    var number: UInt64 = 0
    while !state.withLock({ $0.isStopped }) {
      for statement in ShopWorkload.transaction(number) { _ = try connection.execute(statement) }
      number += 1
      state.withLock { $0.transactions = number }
      due += 1_000_000_000 / transactionsPerSecond
      let now = MonotonicTime.now()
      if due > now { usleep(UInt32((due - now) / 1000)) }
    }
  }

  /// The statements of the `number`th transaction: of ten, six place an order, three pay one, one cancels one.
  private static func transaction(_ number: UInt64) -> [String] {
    switch number % 10 {
    case 0..<6:
      let sku = String(number * 7 % 2000 + 100_001).dropFirst()
      return [
        "BEGIN",
        """
        INSERT INTO shop.orders (customer, status, amount, placed)
          VALUES (\(1 + number * 31 % 10_000), 'placed', \(number % 900).50, NOW(6))
        """,
        "INSERT INTO shop.order_lines VALUES (LAST_INSERT_ID(), 1, 'SKU\(sku)', \(1 + number % 3), 9.25)",
        "UPDATE shop.products SET stock = stock - 1 WHERE sku = 'SKU\(sku)'",
        "COMMIT",
      ]
    case 6..<9:
      return ["UPDATE shop.orders SET status = 'paid', paid = NOW(6) WHERE id = \(1 + number * 17 % 28_000)"]
    default:
      let order = 1 + number * 13 % 28_000
      return [
        "BEGIN", "DELETE FROM shop.order_lines WHERE order_id = \(order)",
        "DELETE FROM shop.orders WHERE id = \(order)", "COMMIT",
      ]
    }
  }
}
