import Change
import ConnectorConformance
import Foundation
import MariaDBClient
import Pipeline
import SQLRendering
import TestRandom
import Testing

@testable import MariaDBConnector

@Suite(.serialized) struct SinkModesTests {
  static let kinds = TargetMode.Kind.allCases

  @Test(arguments: kinds)
  func whateverTheChangesTheirCutsAndTheRestartsTheTableIsWhatTheModeSays(_ kind: TargetMode.Kind) async throws {
    for seed in 0..<12 { try await play(UInt64(seed), kind, SinkTestTarget()) }
  }

  private func play(_ seed: UInt64, _ kind: TargetMode.Kind, _ target: SinkTestTarget) async throws {
    var trial = ModesTrial(
      player: RandomPlayer(seed: seed, hasPartialImages: seed % 2 == 1 && kind != .append), model: ModeModel(kind),
      open: { try await open(target, kind) }, apply: { try await $0.applyAll() },
      rows: { try target.rows("SELECT * FROM items").sorted() })
    #expect(try await trial.play(checkpoint: target.checkpoint) == nil, "\(kind), seed \(seed)")
    #expect(trial.total.quarantined == 0 && trial.total.filtered == 0)
    #expect(trial.total.total == trial.player.changes, "\(kind), seed \(seed)")
  }

  private func open(_ target: SinkTestTarget, _ kind: TargetMode.Kind) async throws -> MariaDBSink {
    let sink = try target.sink {
      $0.mode = TargetMode(kind)
      $0.keepsExistingRows = false
      $0.stateDatabase = "\(target.database)_state"
    }
    _ = try await sink.open()
    return sink
  }

  // MARK: Watermarks

  private func stored(_ target: SinkTestTarget) throws -> [String] {
    try target.rows("SELECT position, watermark FROM \(target.state)._freshet_checkpoint")
  }

  @Test func theWatermarkIsNullUntilThereIsOneAndStaysWhereItWas() async throws {
    let target = try SinkTestTarget()
    var found: [[String]] = []
    for (number, watermark) in [(1, .distantPast), (2, EventTime(microseconds: 50_000_007)), (3, .distantPast)] {
      let sink = try target.sink()
      _ = try await sink.open()
      let batch = target.batch { $0.insert(itemsSchema(), [.int(Int64(number)), $0.text("x"), .null]) }
      try await sink.deliver(
        batch, Checkpoint(position: target.checkpoint(number).position, watermark: watermark))
      await sink.close()
      found.append(try stored(target))
    }
    #expect(found == [["0-1-1|NULL"], ["0-1-2|50000007"], ["0-1-3|50000007"]])
  }

  /// The statements of the module's article that cut a state, each without its remark.
  private func statements() throws -> [String] {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
    let article = try String(
      contentsOf: package.appending(path: "Sources/Connectors/MariaDB/MariaDBConnector.docc/MariaDBConnector.md"),
      encoding: .utf8)
    let section = try #require(article.components(separatedBy: "**A consistent state across tables").last)
    let code = try #require(section.components(separatedBy: "```sql\n").dropFirst().first)
    return code.components(separatedBy: "```")[0].split(separator: "\n").map { $0.components(separatedBy: "--")[0] }
      .joined(separator: " ")
      .components(separatedBy: ";").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }

  @Test(arguments: [TargetMode.Kind.history, .append])
  func theWatermarkCutsOneStateFromATargetThatIsAheadOfIt(_ kind: TargetMode.Kind) async throws {
    let target = try SinkTestTarget()
    let orders = itemsSchema("orders")
    let sink = try await open(target, kind)
    for second in 1...4 {
      let batch = target.batch { builder in
        if second == 1 {
          builder.insert(orders, [.int(7), builder.text("state 1"), .null])
        } else {
          builder.update(
            orders, [.int(7), builder.text("state \(second - 1)"), .null],
            [.int(7), builder.text("state \(second)"), .null])
        }
      }
      // What the sources promise lies behind what they have sent.
      let watermark = EventTime(seconds: UInt32(min(second, 2)))
      try await sink.deliver(
        batch, Checkpoint(position: target.checkpoint(second).position, watermark: watermark))
    }
    await sink.close()
    let statements = try statements()
    #expect(statements.count == 6)
    let number = kind == .history ? 3 : 4
    for statement in statements[..<3] {
      try target.client.execute(statement.replacing("freshet.", with: "\(target.state)."))
    }
    let query = statements[number].replacing("*", with: "id, name").replacing("history.", with: "")
      .replacing("log.", with: "")
    #expect(try target.rows(query).sorted() == (kind == .history ? ["7|state 2"] : ["7|state 1", "7|state 2"]))
    try target.client.execute(statements[5])
  }
}
