package import Change
import Synchronization

/// Trouble that a test orders at a target's steps: failures at the n-th time, and a barrier that blocks until it is lifted.
package final class MemoryFaults: Sendable {
  package enum Step: Hashable, Sendable { case open, write, commit, committed }

  private struct State {
    var visits: [Step: Int] = [:]
    var failures: [Step: [Int: Failure]] = [:]
    var barriers: Set<Step> = []
    var blocked = 0
  }

  private let state = Mutex(State())
  private let bell = Bell()

  init() {}

  /// Lets the `visit`-th visit of a step, counted from 1 over all writers, fail. A failure at `committed` comes after the
  /// commit has become durable.
  package func fail(_ step: Step, visit: Int, with failure: Failure) {
    state.withLock { $0.failures[step, default: [:]][visit] = failure }
  }

  /// Blocks every writer that comes to `step`, until `lift`.
  package func block(_ step: Step) { state.withLock { _ = $0.barriers.insert(step) } }

  package func lift(_ step: Step) {
    state.withLock { _ = $0.barriers.remove(step) }
    bell.ring()
  }

  package func visits(of step: Step) -> Int { state.withLock { $0.visits[step, default: 0] } }

  /// Returns once a writer stands before a barrier.
  package func waitUntilBlocked() async throws {
    try await bell.wait { self.state.withLock { $0.blocked > 0 } }
  }

  func pass(_ step: Step) async throws {
    let (failure, isBlocked) = state.withLock { state in
      state.visits[step, default: 0] += 1
      let isBlocked = state.barriers.contains(step)
      if isBlocked { state.blocked += 1 }
      return (state.failures[step]?[state.visits[step, default: 0]], isBlocked)
    }
    if isBlocked {
      bell.ring()
      defer { state.withLock { $0.blocked -= 1 } }
      try await bell.wait { self.state.withLock { !$0.barriers.contains(step) } }
    }
    if let failure { throw failure }
  }
}
