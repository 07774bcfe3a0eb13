import Change
import FilesConnector
import Foundation
import Pipeline
import Testing

@Suite struct LayoutTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func folders(_ separator: DateSeparator, _ seconds: [Int64]) async throws -> [String] {
    var settings = Sample.settings(folder.root)
    settings.date = separator
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for second in seconds {
      work.time = EventTime(microseconds: second * 1_000_000)
      work.insert(into: [Sample.table("t")])
    }
    _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    #expect(try committedRows(folder.root).count == seconds.count)
    return folder.files().filter { $0.hasSuffix(".jsonl") }.map {
      $0.split(separator: "/").dropLast().joined(separator: "/")
    }
  }

  /// 2024-02-29T23:59:59Z, a second later, an hour later, and 2025-01-01.
  private let times: [Int64] = [1_709_251_199, 1_709_251_200, 1_709_254_800, 1_735_689_600]

  @Test(arguments: [
    (DateSeparator.none, ["shop/t"]), (.year, ["shop/t/2024", "shop/t/2025"]),
    (.month, ["shop/t/2024-02", "shop/t/2024-03", "shop/t/2025-01"]),
    (.day, ["shop/t/2024-02-29", "shop/t/2024-03-01", "shop/t/2025-01-01"]),
    (
      .hour,
      ["shop/t/2024-02-29-23", "shop/t/2024-03-01-00", "shop/t/2024-03-01-01", "shop/t/2025-01-01-00"]
    ),
  ])
  func foldersFollowTheCommitsTime(_ separator: DateSeparator, _ expected: [String]) async throws {
    #expect(try await folders(separator, times) == expected)
  }

  @Test(arguments: CompressionKind.allCases)
  func noLineIsLostWhenOneBatchTouchesMoreTablesThanMayBeOpen(_ compression: CompressionKind) async throws {
    var settings = Sample.settings(folder.root)
    settings.segmentLimit = 3
    settings.compression = compression
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    let tables = (0..<5).map { Sample.table("t\($0)") }
    for step in 1...3 {
      for _ in 0..<3 { work.insert(into: tables + tables.prefix(2)) }
      _ = try await sink.deliver(work.take(), Sample.checkpoint(step))
    }
    await sink.close()
    #expect(try committedRows(folder.root) == Array(1...63))
  }

  @Test func timesAtTheEdgesOfTheClockHaveFolders() async throws {
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for time in [Int64.min, -1, 0, Int64.max - 1_000_000] {
      work.time = EventTime(microseconds: time)
      work.insert(into: [Sample.table("t")])
    }
    _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    #expect(try committedLines(folder.root).count == 4)
  }

  @Test func aStreamHoldsAllTablesInLogOrder() async throws {
    var settings = Sample.settings(folder.root)
    settings.layout = .stream
    settings.rollBytes = 5000
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    let tables = (0..<4).map { Sample.table("t\($0)") }
    for step in 1...20 {
      for _ in 0..<5 { work.insert(into: tables) }
      _ = try await sink.deliver(work.take(), Sample.checkpoint(step))
    }
    await sink.close()
    var positions: [Int] = []
    try ManifestReader(folder.root).read { record, line in
      #expect(record.table == nil && record.path.hasPrefix("@stream/"))
      let text = String(decoding: line, as: UTF8.self)
      let offset = text.components(separatedBy: "\"pos\":\"binlog.000001:").last?.prefix { $0.isNumber } ?? ""
      positions.append(Int(offset) ?? -1)
    }
    #expect(positions == (1...400).map { $0 * 100 })
    #expect(folder.files().filter { $0.hasSuffix(".jsonl") }.count > 5)
  }

  @Test func segmentsAreClosedBySizeAndByAge() async throws {
    var settings = Sample.settings(folder.root)
    settings.rollBytes = 3000
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for _ in 0..<100 { work.insert(into: [Sample.table("t")]) }
    _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    var manifest = try #require(try ManifestReader(folder.root).read { _, _ in })
    #expect(manifest.segments.count >= 4)
    for segment in manifest.segments where !segment.isOpen { #expect((3000..<3300).contains(segment.bytes)) }

    settings.rollBytes = 1 << 30
    settings.rollAge = 0
    let second = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await second.open()
    for step in 2...4 {
      work.insert(into: [Sample.table("t")])
      _ = try await second.deliver(work.take(), Sample.checkpoint(step))
    }
    await second.close()
    manifest = try #require(try ManifestReader(folder.root).read { _, _ in })
    let last = manifest.segments.filter { $0.epoch == 2 }
    #expect(last.count == 3 && last.allSatisfy { !$0.isOpen && $0.changes == 1 })
  }

  @Test func manyTablesNeedFewDescriptorsAndLoseNothing() async throws {
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let tables = (0..<400).map { Sample.table("t\($0)") }
    let work = Workload()
    for step in 1...2 {
      work.insert(into: tables)
      _ = try await sink.deliver(work.take(), Sample.checkpoint(step))
      let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { descriptor in
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
      }
      #expect(open.filter { $0.hasPrefix(folder.path) && $0.hasSuffix(".jsonl") }.count <= 256)
    }
    await sink.close()
    #expect(try committedRows(folder.root) == Array(1...800))
    #expect(folder.files().filter { $0.hasSuffix(".jsonl") }.count == 400)
  }

  @Test func aLargeTransactionIsOnDiskBeforeItIsVisible() async throws {
    var settings = Sample.settings(folder.root)
    settings.rollBytes = 8 << 20
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    let table = Sample.table("t")
    work.transaction = 1
    work.begin()
    for _ in 0..<30 {
      for _ in 0..<100 { work.append(table, String(repeating: "x", count: 10_000)) }
      let batch = work.take()
      try await sink.write(batch, parts: 0..<batch.transactions.count)
    }
    let onDisk = try folder.files().filter { $0.hasSuffix(".jsonl") }.reduce(0) { sum, path in
      sum + (try FileManager.default.attributesOfItem(atPath: "\(folder.root)/\(path)")[.size] as? Int ?? 0)
    }
    #expect(onDisk > 28 << 20)
    #expect(try committedLines(folder.root).isEmpty)
    work.end()
    _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
    #expect(try committedRows(folder.root) == Array(1...3000))
    await sink.close()
  }
}
