import Change
import Formats
import KafkaMock
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// Which topics there are, and what may lie in one.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TopicTests {
  private func table(_ namespace: String, _ name: String) -> TableSchema {
    TableSchema(
      name: TableName(namespace: namespace, table: name), columns: SinkBench.items.columns, key: [0])
  }

  /// The failure of one row of each table, each in a transaction of its own.
  private func failure(
    badRows: BadRowPolicy = .stop, _ change: (TestBroker, inout KafkaSettings) throws -> Void, _ tables: [TableSchema]
  ) async throws -> Failure? {
    let broker = try TestBroker()
    var settings = try broker.settings()
    try change(broker, &settings)
    let bench = try SinkBench(broker, settings, badRows: badRows)
    let failure = try await SinkBench.failure {
      try await bench.open()
      for table in tables { try await bench.write([.insert(table, SinkBench.item(1))]) }
    }
    await bench.close()
    return failure
  }

  @Test func twoTablesNeverShareATopicUnlessTheTemplateSaysSo() async throws {
    let dots = try await failure({ _, _ in }, [table("a.b", "c"), table("a", "b.c")])
    #expect(dots?.code == .configuration)
    #expect(dots?.message.contains("a.b.c") == true)
    let bare = try await failure(
      { $1.topic = try TopicTemplate("\($0.prefix).{table}") }, [table("north", "orders"), table("south", "orders")])
    #expect(bare?.code == .configuration)
    #expect(bare?.message.contains("north.orders") == true && bare?.message.contains("south.orders") == true)
    let shared = try await failure(
      { $1.topic = try TopicTemplate("\($0.prefix).{schema}") }, [table("a", "b"), table("a", "c"), table("b", "b")])
    #expect(shared == nil, "\(shared.map { "\($0)" } ?? "")")
  }

  @Test func rowsShareATopicWithNothingElse() async throws {
    let checkpoint = try await failure({ $1.topic = try TopicTemplate("\($0.prefix)-checkpoint") }, [table("a", "b")])
    #expect(checkpoint?.code == .configuration)
    let quarantine = try await failure(
      badRows: .quarantine, { $1.topic = try TopicTemplate("\($0.prefix)-{table}") }, [table("a", "quarantine")])
    #expect(quarantine?.code == .configuration)
    let broker = try TestBroker()
    var settings = try broker.settings()
    settings.topic = try TopicTemplate(broker.prefix)
    let bench = try SinkBench(broker, settings)
    try await bench.open()
    try await bench.insert(1...1)
    let creation = SchemaChange(
      kind: .create, table: SinkBench.items.name, before: nil, after: SinkBench.items, statement: "CREATE …")
    let schema = try await SinkBench.failure { try await bench.write([.schema(creation)]) }
    #expect(schema?.code == .configuration)
    await bench.close()
  }

  @Test func aTruncationLiesInItsTablesPartition() async throws {
    let broker = try TestBroker()
    var settings = try broker.settings()
    settings.partitioning = .table
    settings.newTopics.partitions = 7
    var options = DebeziumOptions()
    options.skippedOperations = []
    settings.format = .debezium(options)
    let bench = try SinkBench(broker, settings)
    // Not all of these names have partition 0.
    let tables = ["items", "orders", "notes", "people", "places"].map { table("shop", $0) }
    for table in tables { broker.mock?.createTopic("\(broker.prefix).\(table.name)", partitions: 7) }
    try await bench.open()
    for table in tables {
      let truncation = SchemaChange(
        kind: .truncate, table: table.name, before: table, after: table, statement: "TRUNCATE …")
      try await bench.write([.insert(table, SinkBench.item(1)), .schema(truncation)])
    }
    try await bench.commit()
    await bench.close()
    var partitions: Set<Int> = []
    for table in tables {
      let messages = try broker.messages("\(broker.prefix).\(table.name)")
      #expect(messages.count == 2)
      #expect(Set(messages.map(\.partition)).count == 1, "\(table.name)")
      partitions.formUnion(messages.map(\.partition))
    }
    #expect(partitions.count > 1)
  }
}
