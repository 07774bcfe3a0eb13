package import Change
import Synchronization

/// The tables of the targets that get rows of more than one source, as the order of the sources finds them out.
///
/// *Ordering*: a table is in here before the first batch goes on that makes it one. *Thread*: any.
package final class MergedTables: Sendable {
  private let names: [String]
  private let tables = Mutex<Set<TableName>>([])

  /// - Parameter names: of the sources, in the pipeline's order.
  package init(sources names: [String] = []) { self.names = names }

  /// - Parameter table: the name that the sinks see.
  package func contains(_ table: TableName) -> Bool { tables.withLock { $0.contains(table) } }

  package func insert(_ table: TableName) { tables.withLock { _ = $0.insert(table) } }

  /// A source by its place in the pipeline's list.
  package func name(of source: UInt16) -> String {
    names.indices.contains(Int(source)) ? names[Int(source)] : "\(source)"
  }
}
