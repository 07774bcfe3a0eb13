import Synchronization

/// Where tasks leave what others wait for: the sinks their checkpoints, the source its arithmetic. Any number may wait.
final class Rendezvous<Value: Sendable>: Sendable {
  private struct State {
    var values: [Value?]
    var arrived = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextID = 0
  }

  private let state: Mutex<State>

  init(count: Int) { state = Mutex(State(values: Array(repeating: nil, count: count))) }

  /// Leaves the value of one participant; each does so once.
  func arrive(_ index: Int, with value: Value) {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      state.values[index] = value
      state.arrived += 1
      guard state.arrived == state.values.count else { return [] }
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume() }
  }

  /// What a participant has left; nil when it has not arrived.
  func value(of index: Int) -> Value? { state.withLock { $0.values[index] } }

  /// All values, once everybody has arrived.
  /// - Throws: `CancellationError` when the task is cancelled before.
  func all() async throws -> [Value] {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state -> Bool in
          guard state.arrived < state.values.count, !Task.isCancelled else { return false }
          state.waiters[id] = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
    }
    try Task.checkCancellation()
    return state.withLock { $0.values.compactMap(\.self) }
  }
}
