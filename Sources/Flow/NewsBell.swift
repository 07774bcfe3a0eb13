import Synchronization

/// Wakes one task that looks into several places for news: whoever brings some rings afterwards.
///
/// *Thread*: any may ring; one task waits. A ring while nobody waits is kept: the next wait returns at once.
package final class NewsBell: Sendable {
  private struct State {
    var hasRung = false
    var waiter: UnsafeContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  package init() {}

  package func ring() {
    let waiter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
      guard let waiter = state.waiter.take() else {
        state.hasRung = true
        return nil
      }
      return waiter
    }
    waiter?.resume()
  }

  /// Returns once the bell has rung since the last wait.
  /// - Throws: `CancellationError`.
  package func wait() async throws {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let mustWait = state.withLock { state -> Bool in
          precondition(state.waiter == nil, "one task waits for a bell")
          if state.hasRung || Task.isCancelled {
            state.hasRung = false
            return false
          }
          state.waiter = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiter.take() }?.resume()
    }
    try Task.checkCancellation()
  }
}
