import Change
import ConnectorConformance
import Foundation
import Pipeline
import SQLRendering
import Testing

@testable import SQLiteConnector

/// What a reader makes of the watermarks beside the checkpoints.
@Suite struct WatermarkTests {
  let harness: SinkHarness

  init() throws { harness = try SinkHarness() }

  /// The queries of the module's article: the time of the cut, and the rows that there were at it.
  private func queries() throws -> (time: String, rows: String) {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
    let article = try String(
      contentsOf: package.appending(path: "Sources/Connectors/SQLite/SQLiteConnector.docc/SQLiteConnector.md"),
      encoding: .utf8)
    let section = try #require(article.components(separatedBy: "## A consistent state across tables").last)
    let code = try #require(section.components(separatedBy: "```sql\n").dropFirst().first)
    let statements = try #require(code.components(separatedBy: "```").first)
      .split(separator: "\n").map { $0.components(separatedBy: "--")[0] }.joined(separator: " ")
      .components(separatedBy: ";")
    #expect(statements.count == 3)
    return (statements[0], statements[1])
  }

  /// One sink has come further than the other: what both have is the state at the lower watermark.
  @Test func theLeastWatermarkCutsOneStateOfAllSinks() async throws {
    let orders = itemsSchema("orders")
    let mode = TargetMode(.history)
    let ahead = harness.sink(name: "ahead") { $0.mode = mode }
    let behind = harness.sink(name: "behind") {
      $0.mode = mode
      $0.tableName = "behind_{table}"
    }
    _ = try await ahead.open()
    _ = try await behind.open()
    for second in 1...4 {
      let batch = harness.batch { builder in
        if second == 1 {
          builder.insert(orders, [.int(7), builder.text("state 1"), .null])
        } else {
          builder.update(
            orders, [.int(7), builder.text("state \(second - 1)"), .null],
            [.int(7), builder.text("state \(second)"), .null])
        }
      }
      try await ahead.deliver(batch, harness.checkpoint(second))
      if second <= 2 { try await behind.deliver(batch, harness.checkpoint(second)) }
    }
    await ahead.close()
    await behind.close()
    let queries = try queries()
    let cut = try harness.rows(queries.time)
    #expect(cut == ["2000000"])
    let rows = queries.rows.replacing("*", with: "id, name").replacing(":cut", with: cut[0])
    #expect(try harness.rows(rows) == ["7|'state 2'"])
    #expect(try harness.rows(rows.replacing("orders", with: "behind_orders")) == ["7|'state 2'"])
    #expect(try harness.rows(queries.time.replacing("WHERE", with: "WHERE sink = 'ahead' AND")) == ["4000000"])
  }
}
