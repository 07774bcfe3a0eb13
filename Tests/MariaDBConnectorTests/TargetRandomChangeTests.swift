import Change
import MariaDBClient
import Pipeline
import TestRandom
import TestServers
import Testing

@testable import MariaDBConnector

/// Alterations that nobody thought of: after each run of them the target is the source.
@Suite(.serialized) struct TargetRandomChangeTests {
  private static let types = [
    "INT DEFAULT 5", "BIGINT UNSIGNED NOT NULL DEFAULT 9", "DECIMAL(12,3) DEFAULT 1.250", "VARCHAR(40) DEFAULT 'it''s'",
    "VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci", "TEXT", "BLOB", "BIT(9) DEFAULT b'11'",
    "DATE DEFAULT '2020-02-03'",
    "DATETIME(3)", "TIME(2)", "YEAR DEFAULT 2001", "ENUM('a','b','it''s') DEFAULT 'b'", "SET('x','y')", "DOUBLE",
    "JSON",
    "UUID", "INET6", "TIMESTAMP(3) NULL", "SMALLINT INVISIBLE DEFAULT 3", "INT AS (id + 1) STORED",
    "INT AS (id * 3) VIRTUAL",
  ]

  private static func statement(_ random: inout SeededRandom, _ columns: [String], _ number: Int) -> String {
    let name = columns[Int.random(in: 0..<columns.count, using: &random)]
    let type = types[Int.random(in: 0..<types.count, using: &random)]
    let other = columns[Int.random(in: 0..<columns.count, using: &random)]
    let place = ["", " FIRST", " AFTER \(other)"][Int.random(in: 0..<3, using: &random)]
    switch Int.random(in: 0..<12, using: &random) {
    case 0...2: return "ALTER TABLE shop.t ADD c\(number) \(type)\(place)"
    case 3: return "ALTER TABLE shop.t DROP COLUMN \(name)"
    case 4: return "ALTER TABLE shop.t RENAME COLUMN \(name) TO r\(number)"
    case 5: return "ALTER TABLE shop.t CHANGE \(name) r\(number) \(type)\(place)"
    case 6: return "ALTER TABLE shop.t MODIFY \(name) \(type)\(place)"
    case 7: return "ALTER TABLE shop.t ADD KEY k\(number) (\(name))"
    case 8: return "CREATE UNIQUE INDEX u\(number) ON shop.t (id, \(name))"
    case 9: return "ALTER TABLE shop.t DROP COLUMN \(name), ADD a\(number) \(type), ADD b\(number) INT AFTER \(other)"
    case 10: return "ALTER TABLE shop.t RENAME COLUMN \(name) TO \(other), RENAME COLUMN \(other) TO \(name)"
    default: return "ALTER TABLE shop.t ALTER \(name) SET DEFAULT '1'"
    }
  }

  @Test(arguments: [1, 2, 3])
  func `random alterations give the target the source's definition and rows`(seed: UInt64) async throws {
    let harness = try TargetHarness()
    try harness.run(
      "CREATE TABLE shop.t (id INT PRIMARY KEY, a INT, b VARCHAR(30), c INT) CHARSET utf8mb4 COLLATE utf8mb4_general_ci",
      "INSERT INTO shop.t SELECT seq, seq * 3, CONCAT('row ', seq), NULL FROM shop.seq_1_to_50",
      "SET sql_mode = ''")
    _ = try await harness.read()
    try harness.copy(harness.tables(), "t")
    var random = SeededRandom(seed: seed)
    var done = 0
    for round in 0..<10 {
      var statements: [String] = []
      for step in 0..<7 {
        let columns = try harness.schema("t").columns.map(\.name)
        let statement = Self.statement(&random, columns, round * 7 + step)
        // What the source refuses is no change.
        if (try? harness.run(statement)) != nil { statements.append(statement) }
      }
      let changes = try await harness.changes([])
      let tables = try harness.tables()
      for change in changes {
        let failure = refusal { _ = try tables.carryOut(change) }
        guard let failure else {
          done += 1
          continue
        }
        // What the log does not tell a person mends by hand.
        #expect(
          failure.code == .schemaChange && failure.message.contains("log"),
          "seed \(seed): \(change.statement)\n\(failure)")
        try harness.run(change.statement.replacing("shop.t", with: "copy.t"))
      }
      try harness.advance(to: "\(round)")
      try #require(
        try harness.definition("shop", "t") == harness.definition("copy", "t"),
        "seed \(seed), round \(round):\n\(statements.joined(separator: "\n"))")
      let sums = try harness.rows("CHECKSUM TABLE shop.t, copy.t EXTENDED").map { $0.split(separator: "|").last }
      #expect(sums[0] == sums[1], "seed \(seed), round \(round):\n\(statements.joined(separator: "\n"))")
    }
    #expect(done > 25, "seed \(seed)")
  }

  private func refusal(_ body: () throws -> Void) -> Failure? {
    do {
      try body()
      return nil
    } catch {
      return error as? Failure ?? Failure(.internal, "\(error)")
    }
  }
}
