package import Change
package import Pipeline

/// The connector `memory`: a generated workload as a source, a target that ends with the process as a sink.
package struct InMemory: Connector {
  package init() {}

  package var name: String { "memory" }
  package var summary: String {
    "A generated workload as a source, a target inside the process as a sink; for measuring and trying out."
  }

  package var sourceOptions: [Option]? {
    [
      Option("transactions", .integer(1...1_000_000_000), default: "1000", "How many transactions the log holds."),
      Option("rows_per_transaction", .integer(1...10_000_000), default: "100", "Rows that each transaction inserts."),
      Option("columns", .integer(1...1000), default: "4", "Columns besides the key; numbers and texts alternate."),
    ]
  }

  /// What it holds ends with the process: a restart begins anew.
  package var sinkOptions: [Option]? { [] }

  package func source(_ block: OptionBlock) throws(Failure) -> any SourceDefinition {
    GeneratedSourceDefinition(
      workload: GeneratedWorkload(
        transactions: try block.require(block.integer("transactions"), "transactions"),
        rowsPerTransaction: try block.require(block.integer("rows_per_transaction"), "rows_per_transaction"),
        columns: try block.require(block.integer("columns"), "columns")))
  }

  package func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition {
    MemorySinkDefinition(target: MemoryTarget())
  }
}
