import Synchronization

/// Where the sinks' tasks leave the checkpoints that they found, and the source's task waits for all of them.
final class Rendezvous<Value: Sendable>: Sendable {
  private struct State {
    var values: [Value?]
    var arrived = 0
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let state: Mutex<State>

  init(count: Int) { state = Mutex(State(values: Array(repeating: nil, count: count))) }

  /// Leaves the value of one participant; each does so once.
  func arrive(_ index: Int, with value: Value) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.values[index] = value
      state.arrived += 1
      return state.arrived == state.values.count ? state.waiter.take() : nil
    }
    waiter?.resume()
  }

  /// All values, once everybody has arrived.
  /// - Throws: `CancellationError` when the task is cancelled before.
  func all() async throws -> [Value] {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state -> Bool in
          guard state.arrived < state.values.count, !Task.isCancelled else { return false }
          state.waiter = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiter.take() }?.resume()
    }
    try Task.checkCancellation()
    return state.withLock { $0.values.compactMap(\.self) }
  }
}
