import Synchronization

/// What a running source says of itself, for sinks whose format names the source of each change.
///
/// *Ordering*: a source describes itself before it sends its first batch; a sink that reads the description when it is
/// given the first change of the source reads what holds for the whole attempt. *Thread*: any.
package final class SourceDescription: Sendable {
  package struct Content: Hashable, Sendable {
    /// The kind of system, as it is named outside of this program; empty while nobody has said it.
    package var kind = ""
    /// What the log's files are called without their number; empty where a log is not cut into files.
    package var logFileBase = ""
    /// What tells the server from every other of its kind; empty where there is none, or nobody has said it.
    package var server = ""
  }

  private let state = Mutex(Content())

  package init() {}

  package var content: Content { state.withLock { $0 } }

  package func set(kind: String, logFileBase: String, server: String = "") {
    state.withLock { $0 = Content(kind: kind, logFileBase: logFileBase, server: server) }
  }
}
