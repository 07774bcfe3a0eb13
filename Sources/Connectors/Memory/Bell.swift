import Synchronization

/// Wakes tasks that wait for a condition over state that changes elsewhere: whoever changes the state rings afterwards.
package final class Bell: Sendable {
  private struct State {
    var rings: UInt64 = 0
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextID: UInt64 = 0
  }

  private let state = Mutex(State())

  package init() {}

  /// Lets everybody who waits look at the condition again.
  package func ring() {
    let waiters = state.withLock { state in
      state.rings += 1
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Returns once the condition holds, which is asked now and after each ring.
  /// - Throws: `CancellationError`.
  package func wait(until condition: () -> Bool) async throws {
    while true {
      let seen = state.withLock { $0.rings }
      if condition() { return }
      try Task.checkCancellation()
      await pause(after: seen)
    }
  }

  private func pause(after rings: UInt64) async {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state -> Bool in
          guard state.rings == rings, !Task.isCancelled else { return false }
          state.waiters[id] = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
    }
  }
}
