package import Change

/// A system that pipelines can read from, write to, or both: one folder, one line in the list of connectors.
package protocol Connector: Sendable {
  /// The value of `type:` in a pipeline file.
  var name: String { get }
  /// One sentence for `freshet connectors`.
  var summary: String { get }
  /// The options of a `source:` block besides `type`; nil when the system is not a source.
  var sourceOptions: [Option]? { get }
  /// The options of a `sinks:` entry besides `type` and `name`; nil when the system is not a sink.
  var sinkOptions: [Option]? { get }

  /// Reads a source block whose keys and types were already checked against `sourceOptions`.
  func source(_ block: OptionBlock) throws(Failure) -> any SourceDefinition
  /// Reads a sink block whose keys and types were already checked against `sinkOptions`.
  func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition
}

extension Connector {
  package func source(_ block: OptionBlock) throws(Failure) -> any SourceDefinition {
    throw Failure(.configuration, "\"\(name)\" cannot be a source", at: block.place)
  }

  package func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition {
    throw Failure(.configuration, "\"\(name)\" cannot be a sink", at: block.place)
  }
}

/// A checked source block: makes as many sources as there are attempts.
package protocol SourceDefinition: Sendable {
  func makeSource(_ context: ConnectorContext) throws -> any Source
  /// Connects and tells what a run would read, and what stands in its way. Changes nothing.
  func plan(_ context: ConnectorContext) async throws -> SourcePlan
}

/// A checked sink block: makes as many sinks as there are attempts.
package protocol SinkDefinition: Sendable {
  func makeSink(_ context: ConnectorContext) throws -> any Sink
  /// Connects and tells what a run would do at the target for these tables. Changes nothing.
  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan
}

package struct SourcePlan: Sendable {
  /// One line: what the source is, with version, without secrets.
  package var server: String
  package var tables: [PlannedTable]
  /// Where a first run would start, as text.
  package var start: String
  /// The log's end now, as text.
  package var end: String
  package var warnings: [String]

  package init(server: String, tables: [PlannedTable], start: String, end: String, warnings: [String]) {
    self.server = server
    self.tables = tables
    self.start = start
    self.end = end
    self.warnings = warnings
  }
}

package struct PlannedTable: Sendable {
  package var schema: TableSchema
  /// The server's estimate; nil when it has none.
  package var rows: UInt64?

  package init(schema: TableSchema, rows: UInt64?) {
    self.schema = schema
    self.rows = rows
  }
}

package struct SinkPlan: Sendable {
  /// One line: what the target is, without secrets.
  package var target: String
  /// Statements or steps that a run would carry out first, in order.
  package var statements: [String]
  /// The checkpoint that is there; nil when there is none.
  package var checkpoint: Position?
  package var warnings: [String]

  package init(target: String, statements: [String] = [], checkpoint: Position? = nil, warnings: [String] = []) {
    self.target = target
    self.statements = statements
    self.checkpoint = checkpoint
    self.warnings = warnings
  }
}
