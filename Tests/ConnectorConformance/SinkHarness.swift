package import Change
package import MemoryConnector
package import Pipeline

/// What a sink's tests give the suite: fresh targets, and the eyes to look at them.
package protocol SinkHarness: Sendable {
  associatedtype Target: SinkTarget

  /// Shown with each failure.
  var name: String { get }
  var capabilities: SinkCapabilities { get }
  func makeTarget() async throws -> Target
  /// How the target writes a value of a column: what reading it back must give. Nil: NULL.
  func text(of value: MemoryValue, in column: ColumnSchema) -> String?
  /// Whether the target's type for a column has the value at all. A sink must refuse it otherwise, which its own tests show.
  func canHold(_ value: MemoryValue, in column: ColumnSchema) -> Bool
  /// Whether the target can name a table or a column so.
  func canName(_ name: String) -> Bool
}

extension SinkHarness {
  package func canHold(_ value: MemoryValue, in column: ColumnSchema) -> Bool { true }
  package func canName(_ name: String) -> Bool { true }
}

package struct SinkCapabilities: Sendable {
  /// Readers see tables; otherwise an append-only list of changes.
  package var isMirror: Bool
  /// `open` returns the position of the last commit.
  package var keepsCheckpoint: Bool
  /// Row changes without a key, or with absent cells, can be applied.
  package var takesPartialRows: Bool

  package init(isMirror: Bool, keepsCheckpoint: Bool = true, takesPartialRows: Bool = true) {
    self.isMirror = isMirror
    self.keepsCheckpoint = keepsCheckpoint
    self.takesPartialRows = takesPartialRows
  }
}

/// One target, empty at first, and what a reader who knows nothing of Freshet's internals sees in it.
package protocol SinkTarget: Sendable {
  var definition: any SinkDefinition { get }
  /// A mirror's rows of a table in any order, in the order of the schema's columns; nil when there is no such table.
  func rows(of schema: TableSchema) async throws -> [[String?]]?
  /// An append-only target's changes of a table, in order; schema changes left out.
  func changes(of schema: TableSchema) async throws -> [ConformanceChange]
  /// Makes the target block its writers, and returns what lets them go on; nil when a test cannot do that.
  func block() async throws -> (@Sendable () async throws -> Void)?
  /// Removes what the target holds of the system: files, tables, servers.
  func remove() async throws
}

extension SinkTarget {
  package func rows(of schema: TableSchema) async throws -> [[String?]]? { nil }
  package func changes(of schema: TableSchema) async throws -> [ConformanceChange] { [] }
  package func block() async throws -> (@Sendable () async throws -> Void)? { nil }
  package func remove() async throws {}
}

/// A change as an append-only target shows it.
package struct ConformanceChange: Hashable, Sendable {
  package var operation: Operation
  package var before: [String?]?
  package var after: [String?]?

  package init(_ operation: Operation, before: [String?]?, after: [String?]?) {
    self.operation = operation
    self.before = before
    self.after = after
  }
}
