import Change
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

/// What a target would change of the values without a word.
@Suite(.serialized) struct TargetExactnessTests {
  @Test func `a change of a column's type keeps dates that are on no calendar`() async throws {
    let harness = try TargetHarness()
    try harness.run(
      "SET sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES'",
      "CREATE TABLE shop.t (id INT PRIMARY KEY, d DATETIME, e DATE)",
      "INSERT INTO shop.t VALUES (1, '2020-02-31 10:00:00', '2021-11-31')")
    _ = try await harness.read()
    let tables = try harness.tables()
    try harness.copy(tables, "t")
    for change in try await harness.changes(["ALTER TABLE shop.t MODIFY d DATETIME(3), MODIFY e DATETIME"]) {
      _ = try tables.carryOut(change)
    }
    #expect(try harness.rows("SELECT * FROM shop.t") == ["1|2020-02-31 10:00:00.000|2021-11-31 00:00:00"])
    #expect(try harness.rows("SELECT * FROM copy.t") == ["1|2020-02-31 10:00:00.000|2021-11-31 00:00:00"])
  }

  @Test func `a server that promotes timestamps makes none that changes by itself`() throws {
    let harness = try TargetHarness(options: ["explicit_defaults_for_timestamp": "0"])
    try harness.run(
      "SET SESSION explicit_defaults_for_timestamp = 1",
      "CREATE TABLE shop.t (id INT PRIMARY KEY, a TIMESTAMP NOT NULL, b TIMESTAMP(3) NOT NULL, c TIMESTAMP NULL)")
    _ = try harness.tables().table(for: harness.schema("t"))
    let text = try #require(try harness.client.definition(of: TableName(namespace: "copy", table: "t")))
    #expect(!text.lowercased().contains("current_timestamp"), "\(text)")
    #expect(text.contains("`c` timestamp NULL DEFAULT NULL"), "\(text)")
  }

  @Test func `a column that rounds, or that loses blanks at the end, is refused unless the source's does so too`()
    throws
  {
    let harness = try TargetHarness()
    try harness.run("CREATE DATABASE copy")
    for (source, target, isRefused) in [
      ("DOUBLE", "DOUBLE(10,2)", true), ("FLOAT", "FLOAT(7,4)", true), ("DOUBLE(10,2)", "DOUBLE(10,3)", true),
      ("DOUBLE(10,2)", "DOUBLE(10,2)", false), ("FLOAT(7,4)", "FLOAT", false), ("DOUBLE", "DOUBLE", false),
      ("VARCHAR(20)", "CHAR(20)", true), ("TEXT", "CHAR(20)", true), ("CHAR(20)", "CHAR(30)", false),
      ("CHAR(20)", "VARCHAR(20)", false),
    ] {
      try harness.run(
        "DROP TABLE IF EXISTS shop.t, copy.t", "CREATE TABLE shop.t (id INT PRIMARY KEY, v \(source))",
        "CREATE TABLE copy.t (id INT PRIMARY KEY, v \(target))")
      do {
        _ = try harness.tables().table(for: harness.schema("t"))
        #expect(!isRefused, "\(source) into \(target)")
      } catch {
        #expect(isRefused && (error as? Failure)?.code == .targetShape, "\(source) into \(target): \(error)")
      }
    }
  }

  @Test func `indexes that wait outlast a start that failed before its first checkpoint`() async throws {
    let harness = try TargetHarness()
    try harness.run(
      "UPDATE freshet._freshet_checkpoint SET token = NULL, position = NULL",
      "CREATE TABLE shop.t (id INT PRIMARY KEY, a INT, b INT, KEY by_a (a), KEY by_b (b))",
      "CREATE TABLE shop.u (id INT PRIMARY KEY, a INT, KEY by_a (a))")
    let first = try harness.tables()
    for name in ["t", "u"] { _ = try first.table(for: harness.schema(name)) }
    #expect(try harness.rows("SHOW INDEX FROM copy.t").count == 1)
    // The source has others by the time of the second start.
    try harness.run("ALTER TABLE shop.t DROP KEY by_a, ADD KEY by_both (a, b)")
    let second = try harness.tables()
    _ = try second.table(for: harness.schema("t"))
    try await second.finishLoad()
    #expect(try harness.definition("copy", "u") == harness.definition("shop", "u"))
    let keys = try harness.rows("SHOW INDEX FROM copy.t").map { $0.split(separator: "|")[2] }
    #expect(keys == ["PRIMARY", "by_b", "by_both", "by_both"])
    // What a person takes away afterwards stays away.
    try harness.run("ALTER TABLE copy.t DROP KEY by_b")
    _ = try second.table(for: harness.schema("t"))
    try await second.finishLoad()
    #expect(try harness.rows("SHOW INDEX FROM copy.t").count == 3)
  }
}
