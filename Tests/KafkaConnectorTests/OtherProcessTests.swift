import Change
import Foundation
import KafkaMock
import MemoryConnector
import Pipeline
import Testing

@testable import KafkaConnector

/// The mock cluster as a process of its own, as benchmarks and other programs use it; and what `plan` says.
@Suite(.serialized, .enabled(if: !TestBroker.isReal, "this is about the mock cluster"), .timeLimit(.minutes(1)))
struct OtherProcessTests {
  @Test func theMockClusterRunsAsAProgramAndObeys() async throws {
    // The tests' own program lies beside the one that runs them.
    let build = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    let folders = [build, URL(filePath: #filePath).appending(path: "../../../.build/debug").standardized]
    let program = try #require(
      folders.map { $0.appending(path: "kafka-mock") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) })
    let process = Process()
    process.executableURL = program
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer { process.terminate() }
    func line() -> String {
      var bytes: [UInt8] = []
      while let byte = output.fileHandleForReading.readData(ofLength: 1).first, byte != UInt8(ascii: "\n") {
        bytes.append(byte)
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    func obey(_ command: String) -> String {
      input.fileHandleForWriting.write(Data("\(command)\n".utf8))
      return line()
    }
    let servers = line()
    #expect(servers.hasPrefix("127.0.0.1:"))
    #expect(obey("topic things 3") == "ok")
    #expect(obey("errors 26 90") == "ok")
    #expect(obey("nonsense").hasPrefix("error"))
    let broker = try TestBroker(servers: servers)
    let bench = try SinkBench(broker, try broker.settings())
    try await bench.open()
    try await bench.insert(1...3)
    let failure = try await SinkBench.failure { try await bench.commit() }
    #expect(failure?.code == .fenced)
    await bench.close()
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test func aPlanTellsTopicsCheckpointAndWarningsAndFencesNobody() async throws {
    let broker = try TestBroker()
    let bench = try SinkBench(broker, try broker.settings())
    try await bench.open()
    try await bench.insert(1...3)
    try await bench.commit()
    var settings = try broker.settings()
    settings.newTopics.maker = .sink
    settings.newTopics.partitions = 6
    settings.newTopics.settings = ["cleanup.policy": "compact"]
    let keyless = TableSchema(
      name: TableName(namespace: "shop", table: "log"), columns: SinkBench.items.columns, key: [])
    let plan = try await bench.plan(settings, [SinkBench.items, keyless])
    #expect(plan.target.contains(broker.servers))
    #expect(plan.checkpoint?.text == "0-1-1")
    #expect(plan.statements == ["make the topic \(broker.prefix).shop.log, 6 partitions, cleanup.policy=compact"])
    #expect(plan.warnings.contains { $0.contains("shop.log") && $0.contains("no key") })
    #expect(plan.warnings.contains { $0.contains("compacted") })
    try await bench.insert(4...6)
    try await bench.commit()
    await bench.close()
  }

  @Test func twoTablesThatWouldShareATopicByAccidentAreRefused() async throws {
    let broker = try TestBroker()
    let bench = try SinkBench(broker, try broker.settings())
    try await bench.open()
    func table(_ name: String) -> TableSchema {
      TableSchema(
        name: TableName(namespace: "shop", table: name), columns: SinkBench.items.columns, key: [0])
    }
    try await bench.write([.insert(table("a b"), SinkBench.item(1))])
    let failure = try await SinkBench.failure { try await bench.write([.insert(table("a_b"), SinkBench.item(1))]) }
    #expect(failure?.code == .configuration)
    #expect(failure?.message.contains("shop.a_b") == true)
    await bench.close()
  }
}
