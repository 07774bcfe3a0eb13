package import Change
package import Pipeline
import Synchronization

/// An append-only list of transactions that any number of sources read: a change log without a server.
package final class MemoryLog: Sendable {
  private struct State {
    var transactions: [MemoryTransaction] = []
    var promise = EventTime.distantPast
  }

  private let state = Mutex(State())
  private let bell = Bell()

  package init(_ transactions: [MemoryTransaction] = []) { append(contentsOf: transactions) }

  package var count: Int { state.withLock { $0.transactions.count } }

  /// What was promised last: nothing with an event time at or before it will be appended.
  package var promise: EventTime { state.withLock { $0.promise } }

  package func append(_ transaction: MemoryTransaction) { append(contentsOf: [transaction]) }

  package func append(contentsOf transactions: [MemoryTransaction]) {
    state.withLock { state in
      for transaction in transactions {
        precondition(transaction.commitTime > state.promise, "a promise of the log is kept")
        state.transactions.append(transaction)
      }
    }
    bell.ring()
  }

  /// Promises that nothing with an event time at or before `time` will be appended, as a heartbeat of a quiet server does.
  package func promise(_ time: EventTime) {
    state.withLock { $0.promise = max($0.promise, time) }
    bell.ring()
  }

  package subscript(ordinal: Int) -> MemoryTransaction { state.withLock { $0.transactions[ordinal] } }

  /// Returns when there are more than `count` transactions, a later promise, or a request to stop.
  package func wait(beyond count: Int, promise: EventTime, stop: StopSignal) async throws {
    let waker = stop.whenRequested { [bell] in bell.ring() }
    defer { stop.forget(waker) }
    try await bell.wait { self.count > count || self.promise > promise || stop.isRequested }
  }
}
