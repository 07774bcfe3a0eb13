import Synchronization

/// A request to stop gracefully that wakes whoever is blocked. Made once, never taken back.
package final class StopSignal: Sendable {
  private struct State {
    var isRequested = false
    var wakers: [UInt64: @Sendable () -> Void] = [:]
    var nextID: UInt64 = 0
  }

  private let state = Mutex(State())

  package init() {}

  package var isRequested: Bool { state.withLock { $0.isRequested } }

  /// Asks everybody to stop. Each waker runs once, on the calling thread.
  package func request() {
    let wakers = state.withLock { state in
      state.isRequested = true
      defer { state.wakers = [:] }
      return Array(state.wakers.values)
    }
    for wake in wakers { wake() }
  }

  /// Calls `wake` when a stop is requested, at once if it was already; until the returned id is given to `forget`.
  package func whenRequested(_ wake: @escaping @Sendable () -> Void) -> UInt64 {
    let (id, isRequested) = state.withLock { state in
      state.nextID += 1
      if !state.isRequested { state.wakers[state.nextID] = wake }
      return (state.nextID, state.isRequested)
    }
    if isRequested { wake() }
    return id
  }

  package func forget(_ id: UInt64) {
    state.withLock { _ = $0.wakers.removeValue(forKey: id) }
  }
}
