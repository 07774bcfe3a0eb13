import Flow
import Synchronization

/// A request to stop gracefully that wakes whoever is blocked. Made once, never taken back.
package final class StopSignal: Sendable {
  private struct State {
    var wakers: [UInt64: @Sendable () -> Void] = [:]
    var nextID: UInt64 = 0
  }

  private let state = Mutex(State())
  /// Written under the lock. Read without: sources may ask for each transaction, all of them the same signal.
  private let requested = Atomic<Bool>(false)

  package init() {}

  package var isRequested: Bool { requested.load(ordering: .acquiring) }

  /// Asks everybody to stop. Each waker runs once, on the calling thread.
  package func request() {
    let wakers = state.withLock { state in
      requested.store(true, ordering: .releasing)
      defer { state.wakers = [:] }
      return Array(state.wakers.values)
    }
    for wake in wakers { wake() }
  }

  /// Calls `wake` when a stop is requested, at once if it was already; until the returned id is given to `forget`.
  package func whenRequested(_ wake: @escaping @Sendable () -> Void) -> UInt64 {
    let (id, isRequested) = state.withLock { state in
      state.nextID += 1
      let isRequested = requested.load(ordering: .acquiring)
      if !isRequested { state.wakers[state.nextID] = wake }
      return (state.nextID, isRequested)
    }
    if isRequested { wake() }
    return id
  }

  package func forget(_ id: UInt64) {
    state.withLock { _ = $0.wakers.removeValue(forKey: id) }
  }

  /// Sleeps, but not longer than until a stop is requested.
  func sleep(nanoseconds: UInt64) async throws {
    let end = MonotonicTime.now() + nanoseconds
    while !isRequested {
      let now = MonotonicTime.now()
      guard now < end else { return }
      try await Task.sleep(nanoseconds: min(100_000_000, end - now))
    }
  }
}
