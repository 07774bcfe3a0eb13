import Change
import Flow
import Logging
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// Drives one Kafka sink by hand: a transaction, a commit, another one.
///
/// A test hands it to one task at a time, and the sink does its work on one thread; so nothing is used by two at once.
final class SinkBench: @unchecked Sendable {
  let broker: TestBroker
  let sink: KafkaSink
  let context: ConnectorContext
  private let thread = DedicatedThread(name: "kafka-test")
  private var sequence: UInt64 = 0

  init(
    _ broker: TestBroker, _ settings: KafkaSettings, badRows: BadRowPolicy = .stop, memory: Int = 16 << 20,
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  ) throws {
    self.broker = broker
    context = ConnectorContext(
      pipeline: broker.prefix, name: "events", stateDirectory: "/nowhere", memoryLimit: memory,
      schemaChangePolicy: .evolve, badRowPolicy: badRows, thread: thread, logger: logger)
    sink = try #require(try KafkaSinkDefinition(settings: settings).makeSink(context) as? KafkaSink)
  }

  deinit { thread.stop() }

  static let items = TableSchema(
    name: TableName(namespace: "shop", table: "items"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "note", type: .text(length: 0)),
    ], key: [0])

  static func item(_ id: Int, _ note: String = "") -> [MemoryValue] { [.int(Int64(id)), .text(note)] }

  /// Writes one transaction.
  func write(_ changes: [MemoryChange]) async throws {
    sequence += 1
    let time = EventTime(seconds: UInt32(1_700_000_000 + sequence))
    let builder = BatchBuilder()
    builder.begin(commitTime: time, mark: mark, identifier: "0-1-\(sequence)")
    for change in changes { change.append(to: builder, at: time, offset: sequence) }
    builder.end(mark: mark)
    let batch = builder.take(position: position)
    try await withTaskExecutorPreference(thread) {
      try await sink.write(batch, parts: batch.transactions.indices)
    }
  }

  func insert(_ ids: ClosedRange<Int>, _ note: String = "") async throws {
    try await write(ids.map { .insert(SinkBench.items, SinkBench.item($0, note)) })
  }

  @discardableResult
  func commit(watermark: EventTime? = nil) async throws -> Receipt {
    let checkpoint = Checkpoint(
      position: position, watermark: watermark ?? EventTime(seconds: UInt32(1_700_000_000 + sequence)))
    return try await withTaskExecutorPreference(thread) { try await sink.commit(checkpoint) }
  }

  @discardableResult
  func open() async throws -> Position? { try await withTaskExecutorPreference(thread) { try await sink.open() } }

  /// What a sink with these settings would say it is going to do.
  func plan(_ settings: KafkaSettings, _ tables: [TableSchema]) async throws -> SinkPlan {
    try await withTaskExecutorPreference(thread) {
      try await KafkaSinkDefinition(settings: settings).plan(for: tables, context)
    }
  }

  /// The topics of the open sink.
  var directory: TopicDirectory? { sink.sender?.directory }

  func close() async { await withTaskExecutorPreference(thread) { await sink.close() } }

  private var mark: LogMark { LogMark(sequence: sequence, file: 1, endOffset: sequence) }
  private var position: Position { Position(text: "0-1-\(sequence)", token: "{\"n\":\(sequence)}") }

  /// The topic of `items`, as kcat reads it.
  func items() throws -> [TestBroker.Message] { try broker.messages("\(broker.prefix).shop.items") }

  /// The code with which `body` fails; nil: it does not.
  static func failure(of body: () async throws -> Void) async throws -> Failure? {
    do {
      try await body()
      return nil
    } catch let failure as Failure {
      return failure
    }
  }
}
