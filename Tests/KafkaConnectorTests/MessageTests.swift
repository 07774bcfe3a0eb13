import Change
import Formats
import Foundation
import KafkaMock
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// What the messages are: keys, partitions, tombstones, headers, and the other records beside them.
@Suite(.serialized, .timeLimit(.minutes(1))) struct MessageTests {
  private let items = SinkBench.items

  private func written(
    _ change: (inout KafkaSettings) throws -> Void, badRows: BadRowPolicy = .stop,
    _ transactions: [[MemoryChange]]
  ) async throws -> (bench: SinkBench, receipt: Receipt) {
    let broker = try TestBroker()
    broker.mock?.createTopic("\(broker.prefix).shop.items", partitions: 7)
    var settings = try broker.settings()
    settings.newTopics.partitions = 7
    try change(&settings)
    let bench = try SinkBench(broker, settings, badRows: badRows)
    do {
      try await bench.open()
      for transaction in transactions { try await bench.write(transaction) }
      let receipt = try await bench.commit()
      await bench.close()
      return (bench, receipt)
    } catch {
      // As a pipeline does: librdkafka 2.0.2 may abort the process when a producer goes inside a transaction.
      await bench.close()
      throw error
    }
  }

  private func written(_ transactions: [[MemoryChange]]) async throws -> (bench: SinkBench, receipt: Receipt) {
    try await written({ _ in }, transactions)
  }

  private func insert(_ id: Int, _ note: String = "") -> MemoryChange { .insert(items, SinkBench.item(id, note)) }

  @Test func aKeyGoesToThePartitionThatJavasClientsChoose() async throws {
    let (bench, _) = try await written([(1...50).map { insert($0) }])
    let messages = try bench.items()
    #expect(messages.count == 50)
    #expect(Set(messages.map(\.partition)).count == 7)
    for message in messages {
      let key = Array(try #require(message.key).utf8)
      #expect(message.partition == Int(Murmur2.partition(of: key.span.bytes, count: 7)))
    }
  }

  @Test func aTableCanHaveOnePartition() async throws {
    let (bench, _) = try await written({ $0.partitioning = .table }, [(1...20).map { insert($0) }])
    #expect(Set(try bench.items().map(\.partition)).count == 1)
    #expect(try bench.items().map(\.key) == (1...20).map { "{\"id\":\($0)}" })
  }

  @Test func columnsThatAreNamedMakeTheKeyAndThePartition() async throws {
    let (bench, _) = try await written(
      { settings in
        settings.encoding.keyColumns = [items.name: ["note", "id"]]
        settings.keyColumns = settings.encoding.keyColumns
        settings.partitioning = .columns
        settings.partitionColumns = [items.name: ["note"]]
      }, [(1...30).map { insert($0, $0 % 2 == 0 ? "even" : "odd") }])
    let messages = try bench.items()
    #expect(messages.contains { $0.key == #"{"note":"odd","id":1}"# })
    for note in ["even", "odd"] {
      #expect(Set(messages.filter { $0.key?.contains("\"\(note)\"") == true }.map(\.partition)).count == 1)
    }
  }

  @Test func aColumnThatIsNotThereIsNamed() async throws {
    let failure = try await SinkBench.failure {
      _ = try await written({ $0.keyColumns = [items.name: ["nope"]] }, [[insert(1)]])
    }
    #expect(failure?.code == .configuration)
    #expect(failure?.message.contains("nope") == true)
  }

  @Test func aDeleteIsFollowedByATombstoneWhereThatIsAskedFor() async throws {
    let changes: [[MemoryChange]] = [
      [insert(1), .update(items, before: SinkBench.item(1), after: SinkBench.item(2))],
      [.delete(items, SinkBench.item(2))],
    ]
    let (plain, _) = try await written({ $0.partitioning = .table }, changes)
    #expect(try plain.items().map(\.key) == [#"{"id":1}"#, #"{"id":2}"#, #"{"id":2}"#])
    #expect(try plain.items().allSatisfy { $0.payload != nil })
    let (marked, receipt) = try await written(
      {
        $0.partitioning = .table
        $0.writesTombstones = true
      }, changes)
    let messages = try marked.items()
    #expect(messages.map(\.key) == [1, 1, 2, 2, 2].map { "{\"id\":\($0)}" })
    #expect(messages.map { $0.payload == nil } == [false, true, false, false, true])
    #expect(receipt.outcomes[items.name] == Outcome(delivered: 3))
  }

  @Test func debeziumsKeyChangesCarryHeaders() async throws {
    let (bench, _) = try await written(
      {
        $0.format = .debezium(DebeziumOptions())
        $0.partitioning = .table
      },
      [[insert(1), .update(items, before: SinkBench.item(1), after: SinkBench.item(2))]])
    let messages = try bench.items()
    #expect(messages.map(\.key) == [1, 1, 1, 2].map { "{\"id\":\($0)}" })
    #expect(messages.map { $0.payload == nil } == [false, false, true, false])
    #expect(messages[1].header("__debezium.newkey") == #"{"id":2}"#)
    #expect(messages[3].header("__debezium.oldkey") == #"{"id":1}"#)
  }

  @Test func canalsAndMaxwellsMessagesHaveTheRowsKey() async throws {
    let changes: [[MemoryChange]] = [[insert(1), .delete(items, SinkBench.item(1))]]
    for (format, mark) in [
      (KafkaSettings.Format.canal(CanalOptions()), #""type":"DELETE""#),
      (.maxwell(MaxwellOptions()), #""commit":true"#),
    ] {
      let (bench, _) = try await written(
        {
          $0.format = format
          $0.partitioning = .table
        }, changes)
      let messages = try bench.items()
      #expect(messages.map(\.key) == [#"{"id":1}"#, #"{"id":1}"#])
      #expect(messages.last?.payload?.contains(mark) == true)
      #expect(messages.first?.payload?.contains(mark) == false)
    }
  }

  @Test func headersNameTableOperationAndPlace() async throws {
    let (bench, _) = try await written(
      { $0.headers = KafkaSettings.Header.allCases }, [[insert(1)], [.delete(items, SinkBench.item(1))]])
    let messages = try bench.items().sorted { $0.offset < $1.offset }
    let first = try #require(messages.first)
    #expect(first.header("__table") == "items")
    #expect(first.header("__schema") == "shop")
    #expect(first.header("__op") == "c")
    #expect(first.header("__tx") == "0-1-1")
    #expect(first.header("__position") == "binlog.000001:1")
    #expect(first.header("__ts_us") == "1700000001000000")
    #expect(messages.last?.header("__op") == "d")
  }

  @Test func aMessageOverTheLimitIsNamedWithoutItsValues() async throws {
    let note = String(repeating: "secret", count: 2000)
    let failure = try await SinkBench.failure {
      _ = try await written({ $0.messageLimit = 8192 }, [[insert(1), insert(2, note)]])
    }
    #expect(failure?.code == .limit)
    let text = failure.map { "\($0)" } ?? ""
    #expect(text.contains("shop.items") && text.contains("\"id\"") && text.contains("8192"))
    #expect(!text.contains("secret"))
  }

  @Test func aMessageOverTheLimitGoesToTheQuarantine() async throws {
    let note = String(repeating: "x", count: 12_000)
    let (bench, receipt) = try await written(
      { $0.messageLimit = 8192 }, badRows: .quarantine, [[insert(1), insert(2, note), insert(3)]])
    #expect(Set(try bench.items().map(\.key)) == [#"{"id":1}"#, #"{"id":3}"#])
    #expect(receipt.outcomes[items.name] == Outcome(delivered: 2, quarantined: 1))
    let aside = try bench.broker.messages("\(bench.broker.prefix)-quarantine")
    #expect(aside.map(\.key) == [#"{"id":2}"#])
    let value = try members(of: aside.first?.payload)
    #expect(value["table"] == #""items""#)
    #expect(value["code"] == #""limit""#)
    #expect(value["change"] == "null", "the row itself fits no message")
  }

  @Test func transactionsAreMarkedAsDebeziumMarksThem() async throws {
    var options = DebeziumOptions()
    options.providesTransactionMetadata = true
    let (bench, _) = try await written({ $0.format = .debezium(options) }, [[insert(1), insert(2)]])
    let marks = try bench.broker.messages("\(bench.broker.prefix).transaction")
    #expect(marks.map(\.key) == [#"{"id":"0-1-1"}"#, #"{"id":"0-1-1"}"#])
    #expect(marks.first?.payload?.contains(#""status":"BEGIN""#) == true)
    #expect(marks.last?.payload?.contains(#""event_count":2"#) == true)
  }

  @Test func theCheckpointIsARecordThatTheNextSinkFinds() async throws {
    let (bench, _) = try await written([[insert(1)]])
    let broker = bench.broker
    let next = try SinkBench(broker, try broker.settings())
    #expect(try await next.open()?.token == #"{"n":1}"#)
    try await next.insert(5...5)
    try await next.commit()
    await next.close()
    let all = try broker.messages("\(broker.prefix)-checkpoint")
    let records = all.filter { $0.key == "\(broker.prefix)/events" }
    #expect(Set(all.map(\.partition)) == [0])
    #expect(
      all.map(\.key).filter { $0?.hasSuffix("/events") == false }
        == ["\(broker.prefix)/events/\(broker.prefix).shop.items"], "the topic that was written to is noted once")
    var epochs: [String?] = []
    for record in records { epochs.append(try members(of: record.payload)["epoch"]) }
    #expect(epochs == ["1", "2"])
  }
}
