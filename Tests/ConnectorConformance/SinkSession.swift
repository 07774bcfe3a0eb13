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

  /// Writes one transaction; a large one in several pieces.
  func write(_ changes: [MemoryChange]) async throws {
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

  func commit() async throws -> Receipt {
    let checkpoint = Checkpoint(
      position: MemoryPosition.position(behind: sequence),
      watermark: EventTime(microseconds: 1_700_000_000_000_000 + Int64(sequence) * 1000))
    let receipt = try await sink.commit(checkpoint)
    _ = try await oracle.commit(checkpoint)
    written = [:]
    return receipt
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
