import Change
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

/// Schema changes out of a real log, carried out at the target: definitions and rows must be the source's.
@Suite(.serialized) struct TargetChangeTests {
  private static let base = """
    CREATE TABLE shop.t (id INT NOT NULL PRIMARY KEY, a INT, b VARCHAR(20) DEFAULT 'x', c DECIMAL(8,2) NOT NULL DEFAULT 1.00,
      e ENUM('p','q'), KEY by_a (a), UNIQUE KEY by_b (b)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
    """
  private static let fill =
    "INSERT INTO shop.t VALUES (1, 10, 'one', 1.5, 'p'), (2, NULL, 'two', -2, 'q'), (3, 30, NULL, 3, NULL)"

  /// A source with a filled table that the target has a copy of.
  private func harness(_ create: [String] = [base, fill]) async throws -> TargetHarness {
    let harness = try TargetHarness()
    for statement in create { try harness.run(statement) }
    _ = try await harness.read()
    let tables = try harness.tables()
    try harness.copy(tables, "t")
    try await tables.finishLoad()
    try #require(try harness.definition("copy", "t") == harness.definition("shop", "t"))
    return harness
  }

  private func expectSame(_ harness: TargetHarness, _ table: String = "t", after statement: String) throws {
    let (source, copy) = (try harness.definition("shop", table), try harness.definition("copy", table))
    #expect(source == copy, "\(statement)")
    guard source != "missing", source == copy else { return }
    let sums = try harness.rows("CHECKSUM TABLE shop.\(table), copy.\(table) EXTENDED").map {
      $0.split(separator: "|").last
    }
    #expect(sums[0] == sums[1], "\(statement)")
  }

  /// Every kind of alteration, one after the other on one table.
  private static let alterations = [
    "ALTER TABLE shop.t ADD COLUMN f INT NOT NULL DEFAULT 7", "ALTER TABLE shop.t ADD g VARCHAR(10) AFTER a",
    "ALTER TABLE shop.t ADD (h BIT(3) DEFAULT b'101', i DATETIME(3)), ADD KEY by_h (h)",
    "ALTER TABLE shop.t ADD first_one ENUM('it''s','no') NOT NULL FIRST", "ALTER TABLE shop.t DROP COLUMN g",
    "ALTER TABLE shop.t CHANGE a aa BIGINT UNSIGNED", "ALTER TABLE shop.t RENAME COLUMN aa TO a",
    "ALTER TABLE shop.t MODIFY b VARCHAR(5) CHARACTER SET latin1 COLLATE latin1_german1_ci",
    "ALTER TABLE shop.t MODIFY b TEXT NOT NULL, DROP KEY by_b",
    "ALTER TABLE shop.t MODIFY c DECIMAL(12,4) NULL", "ALTER TABLE shop.t MODIFY c DOUBLE",
    "ALTER TABLE shop.t MODIFY e ENUM('q','p','r') DEFAULT 'r'", "ALTER TABLE shop.t ALTER f SET DEFAULT 9",
    "ALTER TABLE shop.t ALTER f DROP DEFAULT", "ALTER TABLE shop.t MODIFY f SMALLINT INVISIBLE",
    "ALTER TABLE shop.t MODIFY i DATETIME(3) AFTER id, MODIFY e ENUM('q','p') FIRST",
    "CREATE INDEX by_i ON shop.t (i, f)",
    "CREATE UNIQUE INDEX by_id ON shop.t (id, f)", "DROP INDEX by_i ON shop.t",
    "ALTER TABLE shop.t RENAME INDEX by_h TO by_bit",
    "ALTER TABLE shop.t ADD KEY by_text (b(3)), ADD FULLTEXT words (b)",
    "ALTER TABLE shop.t DROP PRIMARY KEY, ADD PRIMARY KEY (id, c)",
    "ALTER TABLE shop.t ADD gen INT AS (id * 2) STORED, ADD virt INT AS (id + 1) VIRTUAL",
    "ALTER TABLE shop.t DROP gen, DROP virt, DROP PRIMARY KEY, MODIFY id INT NOT NULL AUTO_INCREMENT PRIMARY KEY",
    "ALTER TABLE shop.t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "ALTER TABLE shop.t RENAME COLUMN f TO c, RENAME COLUMN c TO f", "ALTER TABLE shop.t DROP e, ADD e INT DEFAULT 4",
    "ALTER TABLE shop.t ADD z INT DEFAULT (1 + 1), ADD j JSON, ADD u UUID DEFAULT '00000000-0000-0000-0000-000000000001'",
    "ALTER TABLE shop.t ENGINE=InnoDB", "TRUNCATE TABLE shop.t", "DROP TABLE shop.t",
  ]

  @Test func `each kind of change gives the target the source's definition and rows, also when it comes again`()
    async throws
  {
    let harness = try await harness()
    try harness.run("SET sql_mode = ''")
    for (number, statement) in Self.alterations.enumerated() {
      // The log tells all of what CONVERT did with the next rows.
      let isConverted = statement.contains("CONVERT TO")
      let changes = try await harness.changes([statement] + (isConverted ? ["DELETE FROM shop.t WHERE id = 3"] : []))
      if isConverted { try harness.run("DELETE FROM copy.t WHERE id = 3") }
      let tables = try harness.tables()
      for change in changes { #expect(try tables.carryOut(change) == Outcome(delivered: 1)) }
      try expectSame(harness, after: statement)
      // The writer dies before it stores a checkpoint behind the change.
      let again = try harness.tables()
      for change in changes { #expect(throws: Never.self, "\(statement)") { try again.carryOut(change) } }
      try expectSame(harness, after: "again: \(statement)")
      try harness.advance(to: "\(number)")
    }
  }

  @Test func `tables are made, renamed and swapped`() async throws {
    let harness = try await harness()
    try harness.run("CREATE DATABASE depot")
    let statements = [
      "CREATE TABLE shop.n (id INT PRIMARY KEY, v INT, KEY (v))",
      "RENAME TABLE shop.t TO shop.old, shop.n TO shop.t, shop.old TO shop.n",
      "ALTER TABLE shop.n RENAME TO shop.m, ADD x INT",
      "CREATE OR REPLACE TABLE shop.t (k INT PRIMARY KEY, w TEXT) CHARSET utf8mb4 COLLATE utf8mb4_general_ci",
      "CREATE TABLE shop.like_m LIKE shop.m",
    ]
    for (number, statement) in statements.enumerated() {
      let changes = try await harness.changes([statement])
      #expect(!changes.isEmpty)
      for attempt in 1...2 {
        let tables = try harness.tables()
        for change in changes { _ = try tables.carryOut(change) }
        for name in ["t", "n", "m", "like_m", "old"] {
          try expectSame(harness, name, after: "\(attempt): \(statement)")
        }
      }
      try harness.advance(to: "\(number)")
    }
    #expect(try harness.rows("SELECT name FROM freshet._freshet_table ORDER BY 1") == ["like_m", "m", "t"])
  }

  /// The state that a writer leaves which dies between the intent and the mark that it is done.
  @Test func `a change that was begun is finished, whether or not the server has carried it out`() async throws {
    let harness = try await harness()
    for isCarriedOut in [true, false] {
      let statement =
        "ALTER TABLE shop.t ADD x\(isCarriedOut) INT NOT NULL DEFAULT 3, DROP COLUMN \(isCarriedOut ? "a" : "e")"
      let before = try harness.definition("copy", "t")
      let changes = try await harness.changes([statement])
      let tables = try harness.tables()
      _ = try tables.carryOut(#require(changes.first))
      try harness.run("UPDATE freshet._freshet_schema_change SET is_done = 0")
      if !isCarriedOut {
        try harness.run("ALTER TABLE copy.t DROP COLUMN xfalse, ADD COLUMN e ENUM('p','q') AFTER c")
        try #require(try harness.definition("copy", "t") == before)
        try harness.run("UPDATE copy.t JOIN shop.t USING (id) SET copy.t.c = shop.t.c")
      }
      _ = try harness.tables().carryOut(#require(changes.first))
      try expectSame(harness, after: statement)
      #expect(try harness.rows("SELECT is_done FROM freshet._freshet_schema_change") == ["1"])
      try harness.advance(to: "\(isCarriedOut)")
    }
  }

  @Test func `columns that trade names without a trace stop when it cannot be told whether they have`() async throws {
    let harness = try await harness([
      "CREATE TABLE shop.t (id INT PRIMARY KEY, a INT, b INT) CHARSET utf8mb4 COLLATE utf8mb4_general_ci",
      "INSERT INTO shop.t VALUES (1, 10, 20)",
    ])
    let statement = "ALTER TABLE shop.t CHANGE a b INT AFTER id, CHANGE b a INT AFTER id"
    let changes = try await harness.changes([statement])
    _ = try harness.tables().carryOut(#require(changes.first))
    try expectSame(harness, after: statement)
    _ = try harness.tables().carryOut(#require(changes.first))
    try expectSame(harness, after: statement)
    try harness.run("UPDATE freshet._freshet_schema_change SET is_done = 0")
    let failure = #expect(throws: Failure.self) { _ = try harness.tables().carryOut(#require(changes.first)) }
    #expect(failure?.code == .schemaChange && failure?.hint.contains("is_done = 1") == true)
  }

  @Test func `values that the log does not tell stop the change, while there are rows`() async throws {
    let statements = [
      "ALTER TABLE shop.t ADD x TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP",
      "ALTER TABLE shop.t ADD x CHAR(36) DEFAULT (uuid())",
      "ALTER TABLE shop.t DROP PRIMARY KEY, ADD n INT AUTO_INCREMENT PRIMARY KEY",
      "ALTER TABLE shop.t MODIFY i TIMESTAMP NULL",
      "ALTER TABLE shop.t MODIFY k DATETIME",
    ]
    for statement in statements {
      for hasRows in [true, false] {
        let create =
          "CREATE TABLE shop.t (id INT NOT NULL PRIMARY KEY, i DATETIME, k TIME) CHARSET utf8mb4 COLLATE utf8mb4_general_ci"
        let harness = try await harness(
          hasRows ? [create, "INSERT INTO shop.t VALUES (1, '2020-01-01', '1:0:0')"] : [create])
        let changes = try await harness.changes([statement])
        if hasRows {
          let failure = #expect(throws: Failure.self, "\(statement)") {
            _ = try harness.tables().carryOut(#require(changes.first))
          }
          #expect(failure?.code == .schemaChange, "\(statement)")
          #expect(try harness.rows("SELECT * FROM freshet._freshet_schema_change").isEmpty)
        } else {
          _ = try harness.tables().carryOut(#require(changes.first))
          try expectSame(harness, after: statement)
        }
      }
    }
  }

  @Test func `stop stops before each kind of change`() async throws {
    let harness = try await harness()
    for statement in ["ALTER TABLE shop.t ADD x INT", "TRUNCATE TABLE shop.t", "DROP TABLE shop.t"] {
      let changes = try await harness.changes([statement])
      let failure = #expect(throws: Failure.self) { _ = try harness.tables(.stop).carryOut(#require(changes.first)) }
      #expect(failure?.code == .schemaChange)
    }
    #expect(try harness.rows("SELECT COUNT(*) FROM copy.t") == ["3"])
  }

  @Test func `ignore leaves the target as it is, but for truncations, and leaves out what it lacks`() async throws {
    let harness = try await harness()
    let before = try harness.definition("copy", "t")
    let changes = try await harness.changes(["ALTER TABLE shop.t ADD x INT, DROP a, DROP KEY by_b"])
    #expect(try harness.tables(.ignore).carryOut(#require(changes.first)) == Outcome(filtered: 1))
    #expect(try harness.definition("copy", "t") == before)
    let table = try harness.tables(.ignore).table(for: harness.schema("t"))
    #expect(
      table.leftOut.map { table.schema.columns[$0].name } == ["x"]
        && table.columns.map(\.name) == ["id", "b", "c", "e"])
    let more = try await harness.changes(["TRUNCATE TABLE shop.t", "DROP TABLE shop.t"])
    let tables = try harness.tables(.ignore)
    #expect(try more.map { try tables.carryOut($0) } == [Outcome(delivered: 1), Outcome(filtered: 1)])
    #expect(try harness.rows("SELECT COUNT(*) FROM copy.t") == ["0"])
  }

  @Test func `lenient loses nothing at the target`() async throws {
    let harness = try await harness()
    let changes = try await harness.changes([
      "ALTER TABLE shop.t RENAME COLUMN b TO bb", "ALTER TABLE shop.t DROP COLUMN c, ADD x INT DEFAULT 2",
      "DROP TABLE shop.t",
    ])
    var outcomes: [Outcome] = []
    for (number, change) in changes.enumerated() {
      for attempt in 1...2 {
        let outcome = try harness.tables(.lenient).carryOut(change)
        if attempt == 1 { outcomes.append(outcome) }
      }
      try harness.advance(to: "\(number)")
    }
    #expect(outcomes == [Outcome(delivered: 1), Outcome(delivered: 1), Outcome(filtered: 1)])
    #expect(
      try harness.rows("SELECT id, b, bb, c, x FROM copy.t ORDER BY id")
        == ["1|one|one|1.50|2", "2|two|two|-2.00|2", "3|NULL|NULL|3.00|2"])
    // Rows of the source, which know nothing of the old columns, can still be written.
    try harness.run("INSERT INTO copy.t (id, a, bb, e, x) VALUES (4, 1, 'four', 'p', 5)")
  }

  @Test func `try_evolve keeps the old shape when the target refuses`() async throws {
    let harness = try await harness()
    try harness.run("ALTER TABLE copy.t ADD own DECIMAL(8,2) AS (c + 1) STORED")
    let before = try harness.definition("copy", "t")
    let changes = try await harness.changes(["ALTER TABLE shop.t DROP COLUMN c", "ALTER TABLE shop.t ADD x INT"])
    #expect(throws: Failure.self) { _ = try harness.tables(.evolve).carryOut(#require(changes.first)) }
    let tables = try harness.tables(.tryEvolve)
    #expect(try tables.carryOut(#require(changes.first)) == Outcome(filtered: 1))
    #expect(try harness.definition("copy", "t") == before)
    try harness.advance(to: "next")
    #expect(try tables.carryOut(#require(changes.last)) == Outcome(delivered: 1))
    #expect(try harness.definition("copy", "t").contains("`x` int(11)"))
  }

  @Test func `a paused writer that comes back changes no schema`() async throws {
    let harness = try await harness()
    let changes = try await harness.changes(["ALTER TABLE shop.t ADD x INT"])
    let old = try harness.tables()
    try old.prepare()
    try harness.run("UPDATE freshet._freshet_checkpoint SET epoch = 2")
    let before = try harness.definition("copy", "t")
    let failure = #expect(throws: Failure.self) { _ = try old.carryOut(#require(changes.first)) }
    #expect(failure?.code == .fenced)
    #expect(try harness.definition("copy", "t") == before)
    // And while one is at work, the next waits for it.
    harness.settings.lockWaitSeconds = 1
    try old.connection.execute("UPDATE freshet._freshet_checkpoint SET epoch = 1")
    try old.takeLock()
    try harness.run("UPDATE freshet._freshet_checkpoint SET epoch = 2")
    let new = #expect(throws: Failure.self) { _ = try harness.tables(epoch: 2).carryOut(#require(changes.first)) }
    #expect(new?.code == .busy)
    old.freeLock()
    _ = try harness.tables(epoch: 2).carryOut(#require(changes.first))
    try expectSame(harness, after: "the second writer")
  }
}
