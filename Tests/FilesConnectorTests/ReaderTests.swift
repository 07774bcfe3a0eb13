import Change
import FilesConnector
import Formats
import Foundation
import Glibc
import Pipeline
import Testing

/// Polls the manifest until it has `checkpoint`; each transaction has three rows.
private func follow(_ root: String, until checkpoint: Checkpoint) throws -> (lines: [String], polls: Int) {
  let reader = try ManifestReader(root)
  var lines: [String] = []
  var polls = 0
  while true {
    let manifest = try reader.read { _, line in lines.append(String(decoding: line, as: UTF8.self)) }
    polls += 1
    guard lines.count % 3 == 0 else { throw Failure(.internal, "a transaction was visible in part") }
    if manifest?.checkpoint == checkpoint { return (lines, polls) }
    usleep(1000)
  }
}

@Suite struct ReaderTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  @Test func aReaderBesideTheWriterGetsEachLineOnceAndTransactionsWhole() async throws {
    var settings = Sample.settings(folder.root)
    settings.rollBytes = 2000
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let root = folder.root
    // On a thread of its own: the sink blocks the task's thread.
    let (results, result) = AsyncStream<Result<(lines: [String], polls: Int), any Error>>.makeStream()
    Thread.detachNewThread { result.yield(Result { try follow(root, until: Sample.checkpoint(60)) }) }
    let work = Workload()
    let tables = (0..<3).map { Sample.table("t\($0)") }
    for step in 1...60 {
      for _ in 0..<10 { work.insert(into: tables) }
      _ = try await sink.deliver(work.take(), Sample.checkpoint(step))
    }
    await sink.close()
    let (lines, polls) = try #require(await results.first { _ in true }).get()
    #expect(lines.count == 1800)
    #expect(Set(lines).count == 1800)
    #expect(polls > 1)
  }

  @Test(arguments: [CompressionKind.zstd, .gzip])
  func compressedSegmentsHoldTheSameLines(_ compression: CompressionKind) async throws {
    var settings = Sample.settings(folder.root)
    settings.compression = compression
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for step in 1...5 {
      for _ in 0..<700 { work.insert(into: [Sample.table("t")], note: String(repeating: "ab", count: 1000)) }
      _ = try await sink.deliver(work.take(), Sample.checkpoint(step))
    }
    await sink.close()
    #expect(try committedRows(folder.root) == Array(1...3500))
    let segment = try #require(folder.files().first { $0.contains("/") })
    #expect(segment.hasSuffix(compression == .zstd ? ".jsonl.zst" : ".jsonl.gz"))
    let size = try FileManager.default.attributesOfItem(atPath: "\(folder.root)/\(segment)")[.size] as? Int
    #expect((size ?? .max) < 700_000)
  }

  @Test func linesOfCSVAreToldApartByTheQuoteThatTheyWereWrittenWith() async throws {
    var options = CSVOptions()
    options.quote = UInt8(ascii: "'")
    options.header = false
    let sink = try FilesSink(Sample.settings(folder.root, .csv(options)), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for note in ["5\" wide", "two\nlines", "it's", "plain"] { work.insert(into: [Sample.table("t")], note: note) }
    _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    let lines = try committedLines(folder.root)
    #expect(lines.count == 4)
    #expect(lines.contains { $0.contains("two\nlines") })
  }

  @Test func gzipSegmentsAreReadByOtherPrograms() async throws {
    var settings = Sample.settings(folder.root)
    settings.compression = .gzip
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for step in 1...3 {
      work.insert(into: [Sample.table("t")])
      _ = try await sink.deliver(work.take(), Sample.checkpoint(step))
    }
    await sink.close()
    let segment = try #require(folder.files().first { $0.hasSuffix(".gz") })
    let text = try run("/usr/bin/env", ["gzip", "-dc", "\(folder.root)/\(segment)"])
    #expect(text.split(separator: "\n").map(String.init) == (try committedLines(folder.root)))
  }

  @Test func theExampleOfTheArticleReadsWhatTheReaderReads() async throws {
    var settings = Sample.settings(folder.root)
    settings.rollBytes = 300
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for step in 1...7 {
      for _ in 0..<90 { work.insert(into: [Sample.table("t"), Sample.table("u")]) }
      _ = try await sink.deliver(work.take(), Sample.checkpoint(step))
    }
    work.insert(into: [Sample.table("t")])
    try await sink.write(work.take(), parts: 0..<1)
    let lines = try runScripts([0])
    #expect(lines == (try committedLines(folder.root)))
    #expect(lines.count == 1260)
    #expect(folder.files().contains { $0.hasPrefix("manifest-") })
    await sink.close()
  }

  /// What scripts of the module's article print together, by their places in it.
  private func runScripts(_ numbers: [Int]) throws -> [String] {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
    let article = try String(
      contentsOf: package.appending(path: "Sources/Connectors/Files/Files.docc/Files.md"), encoding: .utf8)
    let scripts = article.components(separatedBy: "```python\n").dropFirst()
      .map { $0.components(separatedBy: "```").first ?? "" }
    var code = ""
    for number in numbers { code += try #require(scripts.count > number ? scripts[number] : nil) }
    let script = folder.path + "/read.py"
    try code.write(toFile: script, atomically: true, encoding: .utf8)
    let text = try run("/usr/bin/env", ["python3", script, folder.root])
    return text.split(separator: "\n").map(String.init)
  }

  @Test func theCutOfTheArticleIsOneStateOfAllTables() async throws {
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    // Four transactions a millisecond apart, of which the sources have promised the first two.
    for _ in 0..<4 { work.insert(into: [Sample.table("orders"), Sample.table("items")]) }
    _ = try await sink.deliver(
      work.take(),
      Checkpoint(position: Sample.checkpoint(1).position, watermark: EventTime(microseconds: 1_700_000_000_002_000)))
    await sink.close()
    let all = try runScripts([0])
    #expect(all.count == 8)
    // The second one goes on behind the first.
    let kept = try runScripts([0, 1]).dropFirst(all.count)
    #expect(kept.count == 4)
    for table in ["orders", "items"] {
      #expect(kept.filter { $0.contains("\"table\":\"\(table)\"") }.count == 2)
    }
    #expect(kept.allSatisfy { $0.contains("\"tx\":\"0-1-1\"") || $0.contains("\"tx\":\"0-1-2\"") })
  }

  @Test func compressedSegmentsThatAreCutOrFlippedAreRefused() async throws {
    for compression in [CompressionKind.zstd, .gzip] {
      let root = folder.path + "/" + compression.rawValue
      var settings = Sample.settings(root)
      settings.compression = compression
      let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
      _ = try await sink.open()
      let work = Workload()
      work.insert(into: [Sample.table("t")])
      _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
      await sink.close()
      let segment = try #require(folder.files(root).first { $0.contains("/") })
      let url = URL(fileURLWithPath: "\(root)/\(segment)")
      let whole = try Data(contentsOf: url)
      let lines = try committedLines(root)
      for offset in whole.indices {
        try whole.prefix(offset).write(to: url)
        #expect(throws: Failure.self) { try committedLines(root) }
        var flipped = whole
        flipped[offset] ^= 1 << UInt8(offset % 8)
        try flipped.write(to: url)
        // A bit of a header that carries no content may differ; content never does.
        let read = try? committedLines(root)
        #expect(read == nil || read == lines)
      }
    }
  }

  private func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: bytes, as: UTF8.self)
  }
}
