package import Change
import Flow
package import Pipeline

/// Emits a `GeneratedWorkload` as fast as it is taken, and ends behind its last transaction.
package final class GeneratedSource: Source {
  private let workload: GeneratedWorkload
  private let builder = BatchBuilder()
  /// Transactions that were emitted to their end.
  private var emitted = 0

  package init(workload: GeneratedWorkload) { self.workload = workload }

  package var coverage: any PositionCoverage { MemoryCoverage() }

  package func run(
    from checkpoints: [Position?], into output: any SourceOutput, control: SourceControl
  ) async throws {
    emitted = try MemoryPosition.start(of: checkpoints)
    let end = min(workload.transactions, try MemoryPosition.end(of: control.until) ?? workload.transactions)
    while emitted < end, !control.stop.isRequested {
      if case .time(let limit) = control.until, workload.commitTime(of: emitted) > limit { break }
      try await emit(into: output)
      if builder.isFull { try await flush(into: output) }
    }
    try await flush(into: output)
  }

  private func emit(into output: any SourceOutput) async throws {
    let mark = LogMark(sequence: UInt64(emitted + 1), endOffset: UInt64(emitted + 1))
    if builder.isEmpty { builder.readAt = MonotonicTime.now() }
    builder.begin(commitTime: workload.commitTime(of: emitted), mark: mark, identifier: "\(emitted + 1)")
    for row in 0..<workload.rowsPerTransaction {
      if builder.isFull {
        try await send(into: output)
        builder.readAt = MonotonicTime.now()
      }
      workload.append(row: row, of: emitted, to: builder)
    }
    builder.end(mark: mark)
    emitted += 1
  }

  private func flush(into output: any SourceOutput) async throws {
    guard !builder.isEmpty else { return }
    try await send(into: output)
    output.advance(to: workload.commitTime(of: emitted - 1))
  }

  private func send(into output: any SourceOutput) async throws {
    builder.logBytes = builder.arena.count + builder.cells.count * MemoryLayout<Cell>.stride
    try await output.send(builder.take(position: MemoryPosition.position(behind: emitted)))
  }
}

package struct GeneratedSourceDefinition: SourceDefinition {
  package var workload: GeneratedWorkload

  package init(workload: GeneratedWorkload) { self.workload = workload }

  package func makeSource(_ context: ConnectorContext) throws -> any Source { GeneratedSource(workload: workload) }

  package func plan(_ context: ConnectorContext) async throws -> SourcePlan {
    let rows = workload.transactions.multipliedReportingOverflow(by: workload.rowsPerTransaction)
    return SourcePlan(
      server: "a generated workload",
      tables: [PlannedTable(schema: workload.schema, rows: rows.overflow ? nil : UInt64(rows.partialValue))],
      start: "0", end: "\(workload.transactions)", warnings: [])
  }
}
