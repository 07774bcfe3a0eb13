import Change
import FilesConnector
import Foundation
import Pipeline
import Testing

@Suite struct ManifestTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func makeSegments(_ count: Int) async throws {
    var settings = Sample.settings(folder.root)
    settings.rollBytes = 1
    let sink = try FilesSink(settings, pipeline: "shop \"one\"\n", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for _ in 0..<count { work.insert(into: [Sample.table("t")]) }
    _ = try await sink.deliver(work.take(), Sample.checkpoint(1))
    // A second commit seals what the first one closed.
    _ = try await sink.commit(Sample.checkpoint(2))
    await sink.close()
  }

  private func expectDamage(_ file: String) throws {
    let url = URL(fileURLWithPath: "\(folder.root)/\(file)")
    let whole = try Data(contentsOf: url)
    for offset in whole.indices {
      var flipped = whole
      flipped[offset] ^= 1 << UInt8(offset % 8)
      try flipped.write(to: url)
      expectRefusal("byte \(offset) flipped")
      try whole.prefix(offset).write(to: url)
      expectRefusal("cut at \(offset)")
    }
    try whole.write(to: url)
    _ = try committedLines(folder.root)
  }

  private func expectRefusal(_ what: String) {
    do {
      _ = try committedLines(folder.root)
      Issue.record("\(what) was not noticed")
    } catch let failure as Failure {
      if failure.code != .corruptState { Issue.record("\(what): \(failure)") }
    } catch {
      Issue.record("\(what): \(error)")
    }
  }

  @Test func aManifestThatIsCutOrFlippedAtAnyByteIsRefused() async throws {
    try await makeSegments(1)
    try expectDamage("manifest.json")
  }

  @Test func aSealedListThatIsCutOrFlippedIsRefused() async throws {
    try await makeSegments(300)
    let list = try #require(folder.files().first { $0.hasPrefix("manifest-") })
    let url = URL(fileURLWithPath: "\(folder.root)/\(list)")
    let whole = try Data(contentsOf: url)
    for offset in stride(from: 0, to: whole.count, by: 997) {
      var flipped = whole
      flipped[offset] ^= 0x10
      try flipped.write(to: url)
      expectRefusal("byte \(offset) flipped")
      try whole.prefix(offset).write(to: url)
      expectRefusal("cut at \(offset)")
    }
    try FileManager.default.removeItem(at: url)
    expectRefusal("the list removed")
    try whole.write(to: url)
    #expect(try committedRows(folder.root) == Array(1...300))
  }

  @Test func aDamagedManifestStopsTheSinkWithoutAChange() async throws {
    try await makeSegments(2)
    let url = URL(fileURLWithPath: folder.root + "/manifest.json")
    var bytes = try Data(contentsOf: url)
    bytes[100] ^= 1
    try bytes.write(to: url)
    let before = folder.files()
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop \"one\"\n", badRows: .stop)
    let failure = await #expect(throws: Failure.self) { _ = try await sink.open() }
    #expect(failure?.code == .corruptState)
    #expect(folder.files() == before)
    #expect(try Data(contentsOf: url) == bytes)
  }

  @Test func theManifestStaysSmallWhileSegmentsGrowInNumber() async throws {
    var settings = Sample.settings(folder.root)
    settings.rollBytes = 1
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let reader = try ManifestReader(folder.root)
    let work = Workload()
    var seen: [String] = []
    var largest = 0
    for step in 1...12 {
      for _ in 0..<100 { work.insert(into: [Sample.table("t")]) }
      _ = try await sink.deliver(work.take(), Sample.checkpoint(step))
      let size = try FileManager.default.attributesOfItem(atPath: folder.root + "/manifest.json")[.size] as? Int
      largest = max(largest, size ?? .max)
      if step % 2 == 0 { try reader.read { _, line in seen.append(String(decoding: line, as: UTF8.self)) } }
    }
    await sink.close()
    #expect(largest < 256 * 600)
    #expect(folder.files().filter { $0.hasPrefix("manifest-") }.count >= 3)
    #expect(seen.count == 1200)
    #expect(Set(seen).count == 1200)
    #expect(try committedRows(folder.root) == Array(1...1200))
    let again = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    #expect(try await again.open() == Sample.checkpoint(12).position)
    await again.close()
    #expect(try committedRows(folder.root) == Array(1...1200))
  }

  @Test func theManifestTellsWhereSegmentsBeginAndEnd() async throws {
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for _ in 0..<5 { work.insert(into: [Sample.table("a"), Sample.table("b")]) }
    _ = try await sink.deliver(work.take(), Sample.checkpoint(5))
    await sink.close()
    let manifest = try #require(try ManifestReader(folder.root).read { _, _ in })
    #expect(manifest.checkpoint == Sample.checkpoint(5))
    let record = try #require(manifest.segments.first { $0.table?.table == "b" })
    #expect(record.first.transaction == "0-1-1" && record.last.transaction == "0-1-5")
    #expect(record.first.offset == 200 && record.last.offset == 1000 && record.last.file == 1)
    #expect(record.changes == 5 && record.date == "2023-11-14" && record.format == "json" && record.isOpen)
  }

  /// The member `watermark_us` of the manifest's checkpoint as it stands there; nil: it has none.
  private func storedWatermark() throws -> Int64? {
    struct Stored: Decodable {
      struct Checkpoint: Decodable {
        var watermark: Int64?
        enum CodingKeys: String, CodingKey { case watermark = "watermark_us" }
      }
      var checkpoint: Checkpoint?
    }
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder.root)/manifest.json"))
    return try #require(try JSONDecoder().decode(Stored.self, from: data).checkpoint).watermark
  }

  @Test func theManifestHoldsTheWatermarkInMicrosecondsAndKeepsIt() async throws {
    let work = Workload()
    var stored: [Int64?] = []
    let promised = EventTime(microseconds: 1_700_000_001_000_007)
    let times = [EventTime.distantPast, promised, .distantPast, EventTime(seconds: 9)]
    for (number, watermark) in times.enumerated() {
      let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
      _ = try await sink.open()
      work.insert(into: [Sample.table("t")])
      _ = try await sink.deliver(
        work.take(), Checkpoint(position: Sample.checkpoint(number).position, watermark: watermark))
      await sink.close()
      stored.append(try storedWatermark())
    }
    #expect(stored == [nil, 1_700_000_001_000_007, 1_700_000_001_000_007, 1_700_000_001_000_007])
    let manifest = try #require(try ManifestReader(folder.root).read { _, _ in })
    #expect(manifest.checkpoint?.watermark == promised)
    #expect(manifest.checkpoint?.position == Sample.checkpoint(3).position)
  }
}
