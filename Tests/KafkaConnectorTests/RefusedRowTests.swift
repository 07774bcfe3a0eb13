import Change
import Formats
import KafkaMock
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// Rows that no message can carry: they are set aside whatever is wrong with them, and everything else goes on.
@Suite(.serialized, .timeLimit(.minutes(1))) struct RefusedRowTests {
  private static let documents = TableSchema(
    name: TableName(namespace: "shop", table: "documents"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "region", type: .text(length: 20)),
      ColumnSchema(name: "content", type: .json),
    ], key: [0])

  private static func row(_ id: Int, _ region: MemoryValue, _ content: String = "{}") -> [MemoryValue] {
    [.int(Int64(id)), region, .json(content)]
  }

  private func bench(
    memory: Int = 16 << 20, badRows: BadRowPolicy = .quarantine, _ change: (inout KafkaSettings) -> Void = { _ in }
  ) async throws -> SinkBench {
    let broker = try TestBroker()
    var settings = try broker.settings()
    change(&settings)
    let bench = try SinkBench(broker, settings, badRows: badRows, memory: memory)
    try await bench.open()
    return bench
  }

  /// Writes one transaction and returns what was set aside of it.
  private func aside(_ bench: SinkBench, _ changes: [MemoryChange]) async throws -> [TestBroker.Message] {
    try await bench.write(changes)
    try await bench.commit()
    await bench.close()
    return try bench.broker.messages("\(bench.broker.prefix)-quarantine")
  }

  private func keys(_ bench: SinkBench, _ table: TableSchema) throws -> [String?] {
    try bench.broker.messages("\(bench.broker.prefix).\(table.name)").map(\.key)
  }

  @Test func aDocumentThatIsNoneIsSetAsideWithItsKey() async throws {
    let table = RefusedRowTests.documents
    let bench = try await bench()
    let aside = try await aside(
      bench, [.insert(table, RefusedRowTests.row(1, .null, "{")), .insert(table, RefusedRowTests.row(2, .null))])
    #expect(aside.map(\.key) == [#"{"id":1}"#])
    let value = try members(of: aside.first?.payload)
    #expect(value["code"] == #""badValue""#)
    #expect(value["change"] == "null")
    #expect(try keys(bench, table) == [#"{"id":2}"#])
  }

  @Test func aKeyThatTheLogDoesNotHoldIsSetAsideAsFarAsItIsKnown() async throws {
    let table = RefusedRowTests.documents
    let bench = try await bench { settings in
      settings.keyColumns = [table.name: ["id", "region"]]
      settings.encoding.keyColumns = settings.keyColumns
    }
    let aside = try await aside(bench, [.delete(table, RefusedRowTests.row(1, .absent))])
    #expect(aside.map(\.key) == [#"{"id":1}"#])
    let value = try members(of: aside.first?.payload)
    #expect(value["key"] == #"{"id":1}"#)
    #expect(value["change"]?.contains(#""op":"d""#) == true)
  }

  @Test func aRowWithoutAPartitionIsSetAsideBeforeAnyOfItIsSent() async throws {
    let table = RefusedRowTests.documents
    let bench = try await bench { settings in
      settings.partitioning = .columns
      settings.partitionColumns = [table.name: ["region"]]
      settings.writesTombstones = true
    }
    let aside = try await aside(
      bench,
      [
        .insert(table, RefusedRowTests.row(1, .text("north"))), .delete(table, RefusedRowTests.row(1, .absent)),
        .insert(table, RefusedRowTests.row(2, .text("south"))),
      ])
    #expect(aside.map(\.key) == [#"{"id":1}"#])
    #expect(try Set(keys(bench, table)) == [#"{"id":1}"#, #"{"id":2}"#])
    #expect(try keys(bench, table).count == 2)
  }

  @Test func aLongKeyLeavesItsRowRoomInTheQuarantine() async throws {
    let table = RefusedRowTests.documents
    var options = DebeziumOptions()
    options.valueSchemas = true
    let bench = try await bench { settings in
      settings.format = .debezium(options)
      settings.messageLimit = 8192
      settings.keyColumns = [table.name: ["region"]]
      settings.encoding.keyColumns = settings.keyColumns
    }
    // With its schema each is too large; without, some fit, but not all of those fit beside their key.
    let region = MemoryValue.text(String(repeating: "r", count: 1500))
    let rows = (1...20).map { RefusedRowTests.row($0, region, "\"\(String(repeating: "x", count: 2500 + $0 * 150))\"") }
    let aside = try await aside(bench, rows.map { .insert(table, $0) })
    #expect(aside.count > 15)
    for message in aside {
      #expect((message.key?.utf8.count ?? 0) + (message.payload?.utf8.count ?? 0) <= 8192)
    }
    let changes = try aside.map { try members(of: $0.payload)["change"] }
    #expect(changes.contains("null") && changes.contains { $0 != "null" })
  }

  @Test func aRowThatIsTooLargeIsNotEvenRendered() async throws {
    let bench = try await bench(badRows: .stop) { $0.messageLimit = 8192 }
    // Each line break would take two bytes.
    let note = String(repeating: "\n", count: 3 << 20)
    let failure = try await SinkBench.failure { try await bench.insert(1...1, note) }
    #expect(failure?.code == .limit)
    #expect(failure?.message.contains("at least \(3 << 20) bytes") == true, "\(failure.map { "\($0)" } ?? "none")")
    await bench.close()
  }

  @Test func largeRowsAreSentInTheirOrder() async throws {
    let bench = try await bench {
      $0.messageLimit = 2 << 20
      $0.partitioning = .table
    }
    let notes = (1...20).map { String(repeating: "x", count: $0 % 5 == 0 ? 3 << 20 : 200_000) }
    let aside = try await aside(
      bench, zip(1..., notes).map { .insert(SinkBench.items, SinkBench.item($0, $1)) })
    #expect(Set(aside.map(\.key)) == Set([5, 10, 15, 20].map { "{\"id\":\($0)}" }))
    #expect(try bench.items().map(\.key) == (1...20).filter { $0 % 5 != 0 }.map { "{\"id\":\($0)}" })
  }

  @Test func aRowLargerThanTheClientsQueueIsRefused() async throws {
    // A queue of 1 MiB: librdkafka would say for ever that it is full.
    let bench = try await bench(memory: 1 << 20, badRows: .stop) {
      $0.messageLimit = 4 << 20
      $0.guarantee = .atLeastOnce
    }
    let failure = try await SinkBench.failure {
      try await bench.insert(1...1, String(repeating: "x", count: 2 << 20))
    }
    #expect(failure?.code == .limit)
    #expect(failure?.hint.contains("memory") == true)
    await bench.close()
  }

  @Test func aRowThatIsSetAsideIsNoEventOfItsTransaction() async throws {
    var options = DebeziumOptions()
    options.providesTransactionMetadata = true
    let bench = try await bench {
      $0.format = .debezium(options)
      $0.messageLimit = 8192
    }
    // Rendered it is too large, but not before: the line breaks take two bytes each.
    let note = String(repeating: "\n", count: 6000)
    let table = RefusedRowTests.documents
    let aside = try await aside(
      bench,
      [
        .insert(SinkBench.items, SinkBench.item(1)), .insert(SinkBench.items, SinkBench.item(2, note)),
        .insert(SinkBench.items, SinkBench.item(3)), .insert(table, RefusedRowTests.row(1, .text(note))),
      ])
    #expect(aside.count == 2)
    let end = try bench.broker.messages("\(bench.broker.prefix).transaction").last?.payload
    #expect(
      end?.contains(#""event_count":2,"data_collections":[{"data_collection":"shop.items","event_count":2}]"#) == true)
  }
}
