import Change
import Flow
import MemoryConnector
import Pipeline

/// A sink that the suite drives by hand, beside the memory sink that shows what is right.
final class SinkSession {
  let sink: any Sink
  let position: Position?
  private let oracle: MemorySink
  private let builder: BatchBuilder
  private(set) var sequence: Int
  /// Changes written since the last commit, by table.
  private(set) var written: [TableName: UInt64] = [:]
  /// What became of the changes of the groups since the last call of `commit`.
  private var outcomes: [TableName: Outcome] = [:]

  init(
    _ definition: any SinkDefinition, oracle target: MemoryTarget, context: ConnectorContext, batchBytes: Int = 64 << 10
  ) async throws {
    sink = try definition.makeSink(context)
    position = try await sink.open()
    oracle = MemorySink(target: target, traits: SinkTraits())
    sequence = target.content.checkpoint.flatMap { Int($0.position.text) } ?? 0
    builder = BatchBuilder(byteLimit: batchBytes)
    _ = try await oracle.open()
  }

  /// Writes one transaction; a large one in several pieces. One that holds a schema change is a group of its own where the
  /// sink asks for it, as the delivery makes it one.
  func write(_ changes: [MemoryChange]) async throws {
    let isApart =
      sink.traits.separatesSchemaChanges && changes.contains { if case .schema = $0 { true } else { false } }
    if isApart, !written.isEmpty { try await commitGroup() }
    try await writeTransaction(changes)
    if isApart { try await commitGroup() }
  }

  private func writeTransaction(_ changes: [MemoryChange]) async throws {
    sequence += 1
    let time = EventTime(microseconds: 1_700_000_000_000_000 + Int64(sequence) * 1000)
    let mark = LogMark(sequence: UInt64(sequence), endOffset: UInt64(sequence))
    builder.begin(commitTime: time, mark: mark, identifier: "\(sequence)")
    for change in changes {
      if builder.isFull { try await send() }
      change.append(to: builder, at: time, offset: UInt64(sequence))
    }
    builder.end(mark: mark)
    try await send()
  }

  /// What was written since the last call is durable, and what became of all of it.
  func commit() async throws -> Receipt {
    try await commitGroup()
    defer { outcomes = [:] }
    return Receipt(outcomes: outcomes)
  }

  private func commitGroup() async throws {
    let checkpoint = Checkpoint(
      position: MemoryPosition.position(behind: sequence),
      watermark: EventTime(microseconds: 1_700_000_000_000_000 + Int64(sequence) * 1000))
    let receipt = try await sink.commit(checkpoint)
    _ = try await oracle.commit(checkpoint)
    written = [:]
    for (table, outcome) in receipt.outcomes { outcomes[table, default: Outcome()] += outcome }
  }

  func close() async {
    await sink.close()
    await oracle.close()
  }

  private func send() async throws {
    builder.readAt = MonotonicTime.now()
    let batch = builder.take(position: MemoryPosition.position(behind: sequence))
    try await sink.write(batch, parts: batch.transactions.indices)
    try await oracle.write(batch, parts: batch.transactions.indices)
    for change in batch.changes {
      let table =
        change.operation == .schema
        ? batch.schemaChanges[Int(change.row)].table : batch.schemas[Int(change.schema)].name
      written[table, default: 0] += 1
    }
  }
}
