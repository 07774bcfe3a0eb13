package import Pipeline

/// What a source's tests give the suite: fresh logs, and a way to write to them.
package protocol SourceHarness: Sendable {
  associatedtype Log: SourceLog

  /// Shown with each failure.
  var name: String { get }
  /// A log that holds nothing that the source would emit.
  func makeLog() async throws -> Log
}

/// One log with one table, whose first column is a 64-bit integer key.
package protocol SourceLog: Sendable {
  /// A source of this log only, from its beginning, that cuts its batches as small as it can.
  var definition: any SourceDefinition { get }
  /// Commits one transaction for each element, in order, that inserts rows with these keys.
  func append(_ transactions: [[Int64]]) async throws
  /// Removes what the log holds of the system.
  func remove() async throws
}

extension SourceLog {
  package func remove() async throws {}
}
