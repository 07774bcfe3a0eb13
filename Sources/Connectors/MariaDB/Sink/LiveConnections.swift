import MariaDBClient
import Synchronization

/// The connections of a sink that are in use, so that a cancellation reaches whatever is blocked. Keeps none of them alive.
///
/// *Thread*: any.
final class LiveConnections: Sendable {
  private struct Entry {
    weak var connection: MariaDBConnection?
  }

  private struct State {
    var entries: [Entry] = []
    var isCut = false
  }

  private let state = Mutex(State())

  /// Returns the connection, which `cut` reaches from now on; after a cut it is cut at once.
  func adding(_ connection: MariaDBConnection) -> MariaDBConnection {
    let isCut = state.withLock { state in
      state.entries.removeAll { $0.connection == nil }
      state.entries.append(Entry(connection: connection))
      return state.isCut
    }
    if isCut { connection.shutdownSocket() }
    return connection
  }

  /// Wakes every call that is blocked, for good.
  func cut() {
    let connections = state.withLock { state in
      state.isCut = true
      return state.entries.compactMap(\.connection)
    }
    for connection in connections { connection.shutdownSocket() }
  }
}
