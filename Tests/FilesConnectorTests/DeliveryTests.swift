import Change
import FilesConnector
import Foundation
import Pipeline
import Testing

@Suite struct DeliveryTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  @Test func aReaderSeesExactlyWhatWasCommitted() async throws {
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    #expect(try await sink.open() == nil)
    let work = Workload()
    let orders = Sample.table("orders")
    for _ in 0..<10 { work.insert(into: [orders, Sample.table("items")]) }
    let receipt = try await sink.deliver(work.take(), Sample.checkpoint(10))
    #expect(receipt.outcomes[orders.name] == Outcome(delivered: 10))
    work.insert(into: [orders])
    let rest = work.take()
    try await sink.write(rest, parts: 0..<1)
    #expect(try committedRows(folder.root) == Array(1...20))
    _ = try await sink.commit(Sample.checkpoint(11))
    #expect(try committedRows(folder.root) == Array(1...21))
    await sink.close()
  }

  @Test func aRestartGoesOnFromTheCheckpointOfTheManifest() async throws {
    let work = Workload()
    for run in 1...4 {
      let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
      let position = try await sink.open()
      #expect(position == (run == 1 ? nil : Sample.checkpoint(run - 1).position))
      work.insert(into: [Sample.table("orders")])
      _ = try await sink.deliver(work.take(), Sample.checkpoint(run))
      await sink.close()
    }
    #expect(try committedRows(folder.root) == [1, 2, 3, 4])
    var manifest: Manifest?
    manifest = try ManifestReader(folder.root).read { _, _ in }
    #expect(manifest?.epoch == 4)
    #expect(manifest?.checkpoint == Sample.checkpoint(4))
  }
}
