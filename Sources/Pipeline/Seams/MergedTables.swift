package import Change
import Synchronization

/// The tables of the targets that get rows of more than one source, as the order of the sources finds them out.
///
/// *Ordering*: a table is in here before the first batch goes on that makes it one. *Thread*: any.
package final class MergedTables: Sendable {
  private let names: [String]
  private struct State {
    var merged: Set<TableName> = []
    var unwatched: Set<TableName> = []
  }

  private let state = Mutex(State())

  /// - Parameter names: of the sources, in the pipeline's order.
  package init(sources names: [String] = []) { self.names = names }

  /// - Parameter table: the name that the sinks see.
  package func contains(_ table: TableName) -> Bool {
    state.withLock { $0.merged.contains(table) && !$0.unwatched.contains(table) }
  }

  package func insert(_ table: TableName) { state.withLock { _ = $0.merged.insert(table) } }

  /// Deletions of the table are left out on the way: what it has of a key may be a source's own row from before.
  package func leaveUnwatched(_ table: TableName) { state.withLock { _ = $0.unwatched.insert(table) } }

  /// A source by its place in the pipeline's list.
  package func name(of source: UInt16) -> String {
    names.indices.contains(Int(source)) ? names[Int(source)] : "\(source)"
  }
}
