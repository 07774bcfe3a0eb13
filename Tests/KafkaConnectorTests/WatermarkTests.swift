import Change
import Formats
import KafkaMock
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// What the readers of the topics are told of how far the changes have come.
@Suite(.serialized, .timeLimit(.minutes(1))) struct WatermarkTests {
  private static let partitions = 3

  private static func table(_ name: String) -> TableSchema {
    TableSchema(
      name: TableName(namespace: "shop", table: name), columns: SinkBench.items.columns, key: SinkBench.items.key)
  }

  private func broker(_ tables: [String]) throws -> TestBroker {
    let broker = try TestBroker()
    for table in tables {
      broker.mock?.createTopic("\(broker.prefix).shop.\(table)", partitions: WatermarkTests.partitions)
    }
    return broker
  }

  private func settings(_ broker: TestBroker, watermarks: UInt64? = 0) throws -> KafkaSettings {
    var settings = try broker.settings()
    settings.newTopics.partitions = WatermarkTests.partitions
    settings.watermarkInterval = watermarks
    return settings
  }

  /// One life of a sink: writes a row to each of the tables and commits.
  private func write(
    to tables: [String], _ broker: TestBroker, _ settings: KafkaSettings, watermark: EventTime? = nil
  ) async throws {
    let bench = try SinkBench(broker, settings)
    try await bench.open()
    if !tables.isEmpty {
      try await bench.write(tables.map { .insert(WatermarkTests.table($0), SinkBench.item(1)) })
    }
    try await bench.commit(watermark: watermark)
    await bench.close()
  }

  /// The newest watermark of each partition of a table's topic.
  private func watermarks(_ table: String, _ broker: TestBroker) throws -> [Int: String] {
    let messages = try broker.messages("\(broker.prefix).shop.\(table)").filter { $0.key == #"{"op":"watermark"}"# }
    var newest: [Int: String] = [:]
    for message in messages.sorted(by: { $0.offset < $1.offset }) {
      newest[message.partition] = try members(of: message.payload)["ts_us"]
    }
    return newest
  }

  private func everywhere(_ microseconds: String) -> [Int: String] {
    Dictionary(uniqueKeysWithValues: (0..<WatermarkTests.partitions).map { ($0, microseconds) })
  }

  @Test func watermarksReachEveryPartition() async throws {
    let broker = try broker(["items"])
    try await write(to: ["items"], broker, settings(broker))
    let marks = try broker.messages("\(broker.prefix).shop.items").filter { $0.key == #"{"op":"watermark"}"# }
    #expect(Set(marks.map(\.partition)) == Set(0..<WatermarkTests.partitions))
    #expect(marks.allSatisfy { $0.payload == #"{"op":"watermark","ts_us":1700000001000000,"pos":"0-1-1"}"# })
  }

  /// A reader that waits for the watermark of all partitions gets on.
  @Test func aTableThatIsQuietSinceARestartIsToldHowFarTheOthersAre() async throws {
    let broker = try broker(["busy", "quiet"])
    try await write(to: ["busy", "quiet"], broker, settings(broker))
    #expect(try watermarks("quiet", broker) == everywhere("1700000001000000"))
    try await write(to: ["busy"], broker, settings(broker), watermark: EventTime(seconds: 1_700_000_050))
    #expect(try watermarks("busy", broker) == everywhere("1700000050000000"))
    #expect(try watermarks("quiet", broker) == everywhere("1700000050000000"))
    // And through a life in which nothing at all is written.
    try await write(to: [], broker, settings(broker), watermark: EventTime(seconds: 1_700_000_060))
    #expect(try watermarks("quiet", broker) == everywhere("1700000060000000"))
    #expect(try watermarks("busy", broker) == everywhere("1700000060000000"))
  }

  @Test func topicsAreNotedWhetherOrNotThereAreWatermarks() async throws {
    let broker = try broker(["busy", "quiet"])
    try await write(to: ["quiet"], broker, settings(broker, watermarks: nil))
    #expect(try watermarks("quiet", broker).isEmpty)
    try await write(to: ["busy"], broker, settings(broker), watermark: EventTime(seconds: 1_700_000_050))
    #expect(try watermarks("quiet", broker) == everywhere("1700000050000000"))
  }

  @Test func aTopicThatIsGoneIsNotMadeAnew() async throws {
    let broker = try broker(["busy"])
    let settings = try settings(broker)
    let bench = try SinkBench(broker, settings)
    try await bench.open()
    try await bench.write([.insert(WatermarkTests.table("busy"), SinkBench.item(1))])
    try await bench.commit()
    await bench.close()
    let note = WrittenTopic(pipeline: broker.prefix, sink: "events")
    #expect(note.name(in: note.key(of: "a.b")) == "a.b")
    for key in ["\(broker.prefix)/events", "\(broker.prefix)/events/", "other/events/a", "\(broker.prefix)/events/a b"]
    {
      #expect(note.name(in: Array(key.utf8)) == nil, "\(key)")
    }
    let other = try SinkBench(broker, settings)
    try await other.open()
    let gone = try #require(other.directory)
    try gone.find(["\(broker.prefix).shop.gone", settings.checkpointTopic])
    #expect(gone.all.map(\.name) == ["\(broker.prefix).shop.busy"])
    await other.close()
    #expect(try broker.messages("\(broker.prefix).shop.gone").isEmpty)
  }

  @Test func aCheckpointKeepsTheWatermarkOfTheOneBefore() async throws {
    let broker = try broker(["items"])
    try await write(to: ["items"], broker, settings(broker, watermarks: nil))
    try await write(to: ["items"], broker, settings(broker, watermarks: nil), watermark: .distantPast)
    let records = try broker.messages("\(broker.prefix)-checkpoint").filter { $0.key == "\(broker.prefix)/events" }
    #expect(records.count == 2)
    #expect(records.last?.payload?.contains(#""watermark_us":1700000001000000"#) == true)
  }
}
