import Change
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

/// Names of a log that has none, over restarts: the right ones, or a stop.
@Suite(.serialized) struct LiveCatalogTests {
  private static let minimal: [String: String?] = ["binlog_row_metadata": "MINIMAL"]

  private func directory() -> String { NSTemporaryDirectory() + "freshet-catalog-\(UUID().uuidString)" }

  /// Every row as its columns were called when it was written.
  private func rows(_ batches: [Batch]) -> [String] {
    var texts: [String] = []
    for batch in batches {
      for change in batch.changes where change.operation != .schema && change.hasAfter {
        let schema = batch.schemas[Int(change.schema)]
        let cells = schema.columns.indices.map { index in
          "\(schema.columns[index].name)=\(LiveTarget.text(batch.cells[Int(change.after) + index], batch).split(separator: " ").last ?? "")"
        }
        texts.append("\(schema.name.table)(\(cells.joined(separator: " ")))")
      }
    }
    return texts
  }

  @Test func `definitions that change while the source is stopped give each row its own names`() async throws {
    let server = try MariaDBServer(options: Self.minimal)
    let directory = directory()
    try server.run(
      "CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY, b INT, c INT)",
      "CREATE TABLE shop.old (x INT PRIMARY KEY, y INT)", "INSERT INTO shop.t VALUES (1, 10, 100)")
    let options = try server.source(["shop.*"], snapshot: .initial)
    let first = LiveRun(options, until: .now, directory: directory)
    try await first.finished()
    try await server.awaitNextSecond()
    try server.run(
      "INSERT INTO shop.t VALUES (2, 20, 200)", "ALTER TABLE shop.t RENAME COLUMN b TO x",
      "INSERT INTO shop.t VALUES (3, 30, 300)", "ALTER TABLE shop.t RENAME COLUMN c TO b",
      "INSERT INTO shop.t VALUES (4, 40, 400)", "ALTER TABLE shop.t MODIFY b INT FIRST",
      "INSERT INTO shop.t VALUES (500, 5, 50)", "RENAME TABLE shop.old TO shop.new",
      "INSERT INTO shop.new VALUES (1, 2)", "ALTER TABLE shop.new RENAME COLUMN y TO z",
      "CREATE TABLE shop.twin LIKE shop.new", "INSERT INTO shop.twin VALUES (3, 4)", "DROP TABLE shop.twin")
    let expected = [
      "t(a=2 b=20 c=200)", "t(a=3 x=30 c=300)", "t(a=4 x=40 b=400)", "t(b=500 a=5 x=50)", "new(x=1 y=2)",
      "twin(x=3 z=4)",
    ]
    let second = LiveRun(options, from: [first.output.target.checkpoint], until: .now, directory: directory)
    try await second.finished()
    #expect(rows(second.output.batches) == expected)
    // The catalog is now ahead of the old checkpoint, and of every one between: each is resumed with it.
    for batch in [first.output.batches.last].compactMap(\.self) + second.output.batches {
      let again = LiveRun(options, from: [batch.position], until: .now, directory: directory)
      try await again.finished()
      let texts = rows(again.output.batches)
      #expect(texts == expected.suffix(texts.count), "from \(batch.position.text)")
    }
  }

  @Test func `a table whose definition is newer than its rows stops the source instead of naming them wrongly`()
    async throws
  {
    let server = try MariaDBServer(options: Self.minimal)
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY, b INT, c INT)", "FLUSH BINARY LOGS")
    let place = try server.query("SHOW MASTER STATUS")[0]
    try server.run("INSERT INTO shop.t VALUES (1, 10, 100)")
    try await server.awaitNextSecond()
    try server.run(
      "ALTER TABLE shop.t RENAME COLUMN b TO x", "ALTER TABLE shop.t RENAME COLUMN c TO b",
      "INSERT INTO shop.t VALUES (2, 20, 200)")
    var options = try server.source(["shop.*"])
    options.start = .place(LogPlace(file: place[0] ?? "", offset: UInt64(place[1] ?? "") ?? 0))
    let run = LiveRun(options, until: .now)
    let failure = await run.failure()
    #expect(failure?.code == .schemaMismatch && failure?.hint.contains("binlog_row_metadata=FULL") == true)
    #expect(run.output.changeCount == 0)
  }

  @Test func `a dropped database of which this run has seen nothing is dropped at the target`() async throws {
    let server = try MariaDBServer()
    let directory = directory()
    try server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (a INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)")
    let options = try server.source(["shop.*"], snapshot: .initial)
    let first = LiveRun(options, until: .now, directory: directory)
    try await first.finished()
    try server.run("DROP DATABASE shop")
    let second = LiveRun(options, from: [first.output.target.checkpoint], until: .now, directory: directory)
    try await second.finished()
    #expect(second.output.target.schemaChanges == ["drop shop.t"])
  }
}
