import Change
import ConnectorConformance
import FilesConnector
import Flow
import Foundation
import Logging
import Pipeline
import Testing

@Suite struct ConnectorTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func block(_ connector: any Connector, _ values: [(String, String)]) -> OptionBlock {
    let place = Place(file: "pipeline.yaml", line: 3, column: 7)
    let entries = values.enumerated().map { index, pair in
      let place = Place(file: "pipeline.yaml", line: 4 + index, column: 9)
      return OptionNode.Entry(
        key: pair.0, keyPlace: place, value: OptionNode(.scalar(pair.1, isPlain: true), at: place))
    }
    return OptionBlock(OptionNode(.map(entries), at: place), options: connector.sinkOptions ?? [])
  }

  private func context() -> ConnectorContext {
    ConnectorContext(
      pipeline: "shop", name: "archive", stateDirectory: folder.path, memoryLimit: 64 << 20,
      schemaChangePolicy: .evolve, badRowPolicy: .stop, thread: DedicatedThread(name: "test"),
      logger: Logger(label: "test"))
  }

  @Test func aBlockMakesASinkThatWritesAsItSays() async throws {
    let connector = Files()
    let definition = try connector.sink(
      block(
        connector,
        [
          ("path", folder.root), ("format", "debezium-json"), ("compression", "gzip"), ("layout", "stream"),
          ("date", "none"), ("decimal.handling.mode", "string"),
        ]))
    let sink = try definition.makeSink(context())
    _ = try await sink.open()
    let work = Workload()
    work.insert(into: [Sample.table("t")])
    let batch = work.take()
    try await sink.write(batch, parts: 0..<1)
    _ = try await sink.commit(Sample.checkpoint(1))
    await sink.close()
    #expect(folder.files().contains("@stream/00000001-0000000001.jsonl.gz"))
    #expect(try committedLines(folder.root).first?.contains("\"name\":\"shop\"") == true)
  }

  @Test func changesCarryTheSourceAsItDescribesItselfOrAsTheBlockSays() async throws {
    for (option, expected) in [([], "mysql ledger.000001"), ([("log_file_base", "other")], "mysql other.000001")] {
      let root = "\(folder.root)-\(option.count)"
      let definition = try Files().sink(
        block(Files(), [("path", root), ("format", "debezium-json"), ("layout", "stream")] + option))
      let context = context()
      let sink = try definition.makeSink(context)
      _ = try await sink.open()
      context.source.set(kind: "mysql", logFileBase: "ledger")
      let work = Workload()
      work.insert(into: [Sample.table("t")])
      let batch = work.take()
      try await sink.write(batch, parts: 0..<1)
      _ = try await sink.commit(Sample.checkpoint(1))
      await sink.close()
      let line = try #require(try committedLines(root).first)
      let source = try JSONMembers.read(try #require(try JSONMembers.read(Array(line.utf8))["source"]))
      let seen = try ["connector", "file"].map { try JSONMembers.string(try #require(source[$0])) }
      #expect(seen.joined(separator: " ") == expected)
    }
  }

  @Test func eachChangeOfSeveralSourcesCarriesItsOwn() async throws {
    let definition = try Files().sink(
      block(Files(), [("path", folder.root), ("format", "debezium-json"), ("layout", "stream")]))
    var context = context()
    context.sources = [SourceDescription(), SourceDescription()]
    let sink = try definition.makeSink(context)
    _ = try await sink.open()
    context.sources[0].set(kind: "mariadb", logFileBase: "binlog")
    let work = Workload()
    for _ in 0..<2 { work.insert(into: [Sample.table("t")]) }
    let batch = work.take()
    var parts = batch.transactions
    parts[1].source = 1
    let merged = Batch.relabel(batch, transactions: parts, position: Sample.checkpoint(1).position)
    try await sink.write(merged, parts: 0..<1)
    // The second speaks up by its first transaction.
    context.sources[1].set(kind: "mysql", logFileBase: "ledger")
    try await sink.write(merged, parts: 1..<2)
    _ = try await sink.commit(Sample.checkpoint(1))
    await sink.close()
    let seen = try committedLines(folder.root).map { line in
      let source = try JSONMembers.read(try #require(try JSONMembers.read(Array(line.utf8))["source"]))
      return try ["connector", "file"].map { try JSONMembers.string(try #require(source[$0])) }.joined(separator: " ")
    }
    #expect(seen == ["mariadb binlog.000001", "mysql ledger.000001"])
  }

  @Test(arguments: [
    ([("format", "json")], 3), ([("path", "x"), ("format", "csv"), ("layout", "stream")], 6),
    ([("path", "x"), ("compression", "gzip"), ("compression_level", "13")], 6),
    ([("path", "x"), ("format", "debezium-json"), ("skipped.operations", "q")], 6),
    ([("path", "x"), ("format", "csv"), ("delimiter", "ab")], 6),
  ])
  func aWrongBlockIsRefusedWithItsPlace(_ values: [(String, String)], _ line: Int) throws {
    let connector = Files()
    let failure = #expect(throws: Failure.self) { _ = try connector.sink(block(connector, values)) }
    #expect(failure?.code == .configuration)
    #expect(failure?.place.hasPrefix("pipeline.yaml:\(line):") == true)
  }

  @Test func aPlanTellsAndChangesNothing() async throws {
    let connector = Files()
    let definition = try connector.sink(block(connector, [("path", folder.root)]))
    var plan = try await definition.plan(for: [], context())
    #expect(plan.statements.count == 1 && plan.checkpoint == nil)
    #expect(!FileManager.default.fileExists(atPath: folder.root))
    let sink = try definition.makeSink(context())
    _ = try await sink.open()
    _ = try await sink.commit(Sample.checkpoint(8))
    await sink.close()
    let files = folder.files()
    plan = try await definition.plan(for: [], context())
    #expect(plan.checkpoint == Sample.checkpoint(8).position && plan.warnings.isEmpty)
    #expect(folder.files() == files)
  }

  @Test func standardOutputTellsThatItKeepsNoCheckpoint() async throws {
    let connector = StandardOutput()
    let definition = try connector.sink(block(connector, [("format", "pretty")]))
    let plan = try await definition.plan(for: [], context())
    #expect(plan.warnings.count == 1)
    #expect(try definition.makeSink(context()) is StandardOutputSink)
  }
}
