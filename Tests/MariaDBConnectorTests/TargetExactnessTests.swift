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
}
