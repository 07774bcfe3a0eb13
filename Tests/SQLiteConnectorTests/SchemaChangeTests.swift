import Change
import ConnectorConformance
import Pipeline
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

@Suite struct SchemaChangeTests {
  private static let number = ColumnType.integer(bits: 32, unsigned: false)

  private static func schema(_ columns: [ColumnSchema], table: String = "t", key: [Int] = [0]) -> TableSchema {
    TableSchema(name: TableName(namespace: "shop", table: table), columns: columns, key: key)
  }

  private static func column(
    _ name: String, _ type: ColumnType = number, nullable: Bool = true, default value: ColumnSchema.Default? = nil
  ) -> ColumnSchema {
    ColumnSchema(name: name, type: type, isNullable: nullable, defaultValue: value)
  }

  private static let base = schema([column("id", nullable: false), column("a"), column("b", .text(length: 20))])

  /// Two rows, then the change, in one group; what the target's table then holds.
  private func rows(
    before: TableSchema = base, after: TableSchema?, kind: SchemaChange.Kind = .alter, _ statement: String,
    policy: SchemaChangePolicy = .evolve, knowsBefore: Bool = true, fill: [[Cell]]? = nil,
    _ query: String = "SELECT * FROM t ORDER BY id", _ next: (BatchBuilder) -> Void = { _ in }
  ) async throws -> [String] {
    let harness = try SinkHarness()
    let sink = harness.sink(policy: policy)
    _ = try await sink.open()
    let batch = harness.batch { builder in
      if let fill {
        for row in fill { builder.insert(before, row) }
      } else {
        builder.insert(before, [.int(1), .int(10), builder.text("x")])
        builder.insert(before, [.int(2), .null, builder.text("y")])
      }
      builder.schemaChange(
        SchemaChange(
          kind: kind, table: before.name, before: knowsBefore ? before : nil, after: after, statement: statement))
      next(builder)
    }
    let receipt = try await sink.deliver(batch, harness.checkpoint(1))
    #expect(receipt.outcomes.values.reduce(0) { $0 + $1.total } == UInt64(batch.changes.count))
    await sink.close()
    return try harness.rows(query)
  }

  private func failure(_ body: () async throws -> [String]) async -> Failure? {
    do {
      let rows = try await body()
      Issue.record("carried out: \(rows)")
      return nil
    } catch {
      return error as? Failure
    }
  }

  @Test func anAddedColumnGivesTheOldRowsWhatTheSourceGaveThem() async throws {
    let after = Self.schema(
      Self.base.columns + [
        Self.column("c", .decimal(precision: 8, scale: 3, unsigned: false), nullable: false, default: .literal("1.5")),
        Self.column("d", .enumeration(members: ["new", "old"]), nullable: false),
        Self.column("e", .timestamp(fraction: 3), nullable: false), Self.column("f"),
      ])
    let rows = try await rows(
      after: after,
      "ALTER TABLE t ADD c DECIMAL(8,3) NOT NULL, ADD d ENUM('new','old') NOT NULL, ADD e DATETIME(3) NOT NULL, ADD f INT"
    ) { builder in
      builder.insert(
        after,
        [
          .int(3), .int(1), builder.text("z"), .decimal64(unscaled: -5, scale: 3), builder.text("old"),
          .timestamp(microseconds: 1_500_000), .int(9),
        ])
    }
    #expect(
      rows == [
        "1|10|'x'|'1.500'|'new'|'0000-00-00 00:00:00.000'|NULL",
        "2|NULL|'y'|'1.500'|'new'|'0000-00-00 00:00:00.000'|NULL",
        "3|1|'z'|'-0.005'|'old'|'1970-01-01 00:00:01.500'|9",
      ])
  }

  @Test func anAddedColumnWhoseOldValuesAreNotInTheLogStops() async throws {
    let expression = Self.schema(Self.base.columns + [Self.column("c", default: .expression("current_timestamp()"))])
    #expect(
      await failure { try await rows(after: expression, "ALTER TABLE t ADD c INT DEFAULT now()") }?.code
        == .schemaChange)
    let hidden = Self.schema(Self.base.columns + [Self.column("c")])
    #expect(await failure { try await rows(after: hidden, "ALTER TABLE t ADD c INT DEFAULT 5") }?.code == .schemaChange)
  }

  @Test func columnsAreDroppedRenamedAndReordered() async throws {
    let dropped = Self.schema([Self.base.columns[0], Self.base.columns[2]])
    #expect(try await rows(after: dropped, "ALTER TABLE t DROP a") == ["1|'x'", "2|'y'"])
    let renamed = Self.schema([Self.base.columns[0], Self.column("z"), Self.base.columns[2]])
    #expect(
      try await rows(after: renamed, "ALTER TABLE t CHANGE `a` `z` INT", "SELECT z, id FROM t ORDER BY id")
        == ["10|1", "NULL|2"])
    let reordered = Self.schema([Self.base.columns[2], Self.base.columns[0], Self.base.columns[1]], key: [1])
    #expect(
      try await rows(after: reordered, "ALTER TABLE t MODIFY b VARCHAR(20) FIRST", "SELECT id, a, b FROM t ORDER BY id")
      {
        $0.insert(reordered, [$0.text("first"), .int(3), .int(30)])
      } == ["1|10|'x'", "2|NULL|'y'", "3|30|'first'"])
  }

  @Test func columnsThatTradeTheirNamesTradeThemAtTheTarget() async throws {
    let before = Self.schema([Self.column("id", nullable: false), Self.column("a"), Self.column("b")])
    let after = Self.schema([Self.column("id", nullable: false), Self.column("b"), Self.column("a")])
    let rows = try await rows(
      before: before, after: after, "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a",
      fill: [[.int(1), .int(10), .int(20)]], "SELECT a, b FROM t")
    #expect(rows == ["20|10"])
  }

  @Test func aRenameThatCannotBeToldFromADropAndAnAddStops() async throws {
    let renamed = Self.schema([Self.base.columns[0], Self.column("z"), Self.base.columns[2]])
    #expect(await failure { try await rows(after: renamed, "") }?.code == .schemaChange)
    #expect(
      try await rows(after: renamed, "ALTER TABLE t DROP a, ADD z INT AFTER id", "SELECT id, z FROM t")
        == ["1|NULL", "2|NULL"])
    let sameName = Self.schema(Self.base.columns)
    #expect(
      try await rows(after: sameName, "ALTER TABLE t DROP COLUMN a, ADD COLUMN a INT AFTER id", "SELECT a FROM t")
        == ["NULL", "NULL"])
  }

  @Test(arguments: [
    (ColumnType.integer(bits: 32, unsigned: false), ColumnType.integer(bits: 64, unsigned: false), Cell.int(-7), "-7"),
    (.integer(bits: 32, unsigned: false), .integer(bits: 8, unsigned: false), .int(-128), "-128"),
    (.integer(bits: 32, unsigned: false), .text(length: 20), .int(-7), "'-7'"),
    (.integer(bits: 32, unsigned: true), .integer(bits: 64, unsigned: true), .uint(7), "'7'"),
    (.integer(bits: 64, unsigned: true), .integer(bits: 64, unsigned: false), .uint(1 << 62), "4611686018427387904"),
    (.integer(bits: 32, unsigned: false), .decimal(precision: 12, scale: 2, unsigned: false), .int(-7), "'-7.00'"),
    (
      .decimal(precision: 12, scale: 2, unsigned: false), .decimal(precision: 14, scale: 4, unsigned: false),
      .decimal64(unscaled: -5, scale: 2), "'-0.0500'"
    ),
    (.timestamp(fraction: 0), .timestamp(fraction: 6), .timestamp(microseconds: 0), "'1970-01-01 00:00:00.000000'"),
    (
      .timestampZoned(fraction: 0), .timestampZoned(fraction: 3), .timestampZoned(microseconds: 0),
      "'1970-01-01 00:00:00.000Z'"
    ),
    (.time(fraction: 1), .time(fraction: 3), .time(microseconds: -3_020_399_500_000), "'-838:59:59.500'"),
    (.date, .timestamp(fraction: 0), .date(days: 19_782), "'2024-02-29 00:00:00'"),
    (.float32, .float64, .float32(0.5), "0.5"),
  ]) func aTypeIsChangedWhereEveryStoredValueStaysExact(
    _ old: ColumnType, _ new: ColumnType, _ cell: Cell, _ result: String
  )
    async throws
  {
    let before = Self.schema([Self.column("id", nullable: false), Self.column("v", old)])
    let after = Self.schema([Self.column("id", nullable: false), Self.column("v", new)])
    let rows = try await rows(
      before: before, after: after, "ALTER TABLE t MODIFY v …", fill: [[.int(1), cell], [.int(2), .null]],
      "SELECT v FROM t ORDER BY id")
    #expect(rows == [result, "NULL"])
  }

  @Test(arguments: [
    (ColumnType.integer(bits: 32, unsigned: false), ColumnType.integer(bits: 8, unsigned: false), Cell.int(200)),
    (
      .decimal(precision: 12, scale: 2, unsigned: false), .decimal(precision: 12, scale: 1, unsigned: false),
      .decimal64(unscaled: 15, scale: 2)
    ),
    (.timestamp(fraction: 6), .timestamp(fraction: 0), .timestamp(microseconds: 500_000)),
    (.float64, .text(length: 10), .float64(0.1)),
    (.integer(bits: 64, unsigned: true), .integer(bits: 64, unsigned: false), .uint(1 << 63)),
  ]) func aTypeWhoseOldValuesTheSourceMayHaveChangedStops(_ old: ColumnType, _ new: ColumnType, _ cell: Cell)
    async throws
  {
    let before = Self.schema([Self.column("id", nullable: false), Self.column("v", old)])
    let after = Self.schema([Self.column("id", nullable: false), Self.column("v", new)])
    let failure = await failure {
      try await rows(before: before, after: after, "ALTER TABLE t MODIFY v …", fill: [[.int(1), cell]])
    }
    #expect(failure?.code == .schemaChange)
    #expect(failure?.description.contains("\"v\"") == true)
  }

  @Test func anotherPrimaryKeyBuildsTheTableAnewWithItsIndexes() async throws {
    let after = Self.schema(Self.base.columns, key: [2])
    let rows = try await rows(
      after: after, "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b)", "SELECT id, a, b FROM t ORDER BY b"
    ) { $0.update(after, [.int(1), .int(10), $0.text("x")], [.int(5), .int(11), $0.text("x")]) }
    #expect(rows == ["5|11|'x'", "2|NULL|'y'"])
  }

  @Test func whatOthersHaveBuiltOnATableIsThereAfterItWasBuiltAnew() async throws {
    let harness = try SinkHarness()
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { builder in
        builder.insert(Self.base, [.int(1), .int(10), builder.text("x")])
        builder.insert(Self.base, [.int(2), .null, builder.text("y")])
      }, harness.checkpoint(1))
    await sink.close()
    try harness.execute(
      """
      CREATE TABLE seen (b TEXT);
      CREATE INDEX t_a ON t (a DESC) WHERE a IS NOT NULL;
      CREATE UNIQUE INDEX t_ab ON t (a, b);
      CREATE TRIGGER t_seen AFTER INSERT ON t BEGIN INSERT INTO seen VALUES (new.b); END;
      CREATE VIEW t_view AS SELECT b FROM t;
      """)
    let query = "SELECT name, sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY name"
    let built = try harness.rows(query)
    #expect(built.count == 4)
    let after = Self.schema(Self.base.columns, key: [2])
    let next = harness.sink()
    _ = try await next.open()
    try await next.deliver(
      harness.batch { builder in
        builder.schemaChange(
          SchemaChange(
            kind: .alter, table: Self.base.name, before: Self.base, after: after,
            statement: "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b)"))
        builder.insert(after, [.int(1), .int(7), builder.text("z")])
      }, harness.checkpoint(2))
    await next.close()
    #expect(try harness.rows(query) == built)
    #expect(try harness.rows("SELECT id, a, b FROM t ORDER BY b") == ["1|10|'x'", "2|NULL|'y'", "1|7|'z'"])
    // The trigger fired for the row of the source, and for none of those that were carried over.
    #expect(try harness.rows("SELECT b FROM seen") == ["'z'"])
    #expect(try harness.rows("SELECT b FROM t_view ORDER BY b") == ["'x'", "'y'", "'z'"])
  }

  @Test func aComputedDefaultOfAnAddedColumnMattersOnlyWhereRowsAre() async throws {
    let after = Self.schema(
      Self.base.columns + [
        Self.column("c", .text(length: 36), nullable: false, default: .expression("uuid()")),
        Self.column("d", .timestamp(fraction: 6), default: .expression("current_timestamp(6)")),
      ])
    let statement =
      "ALTER TABLE t ADD c CHAR(36) NOT NULL DEFAULT uuid(), ADD d DATETIME(6) DEFAULT current_timestamp(6)"
    let empty = try await rows(after: after, statement, fill: []) { builder in
      builder.schemaChange(
        SchemaChange(kind: .create, table: Self.base.name, before: nil, after: after, statement: ""))
      builder.insert(after, [.int(3), .null, .null, builder.text("u"), .timestamp(microseconds: 1)])
    }
    #expect(empty == ["3|NULL|NULL|'u'|'1970-01-01 00:00:00.000001'"])
    let refused = await failure { try await self.rows(after: after, statement) }
    #expect(refused?.code == .schemaChange)
    #expect(refused?.description.contains("\"c\"") == true)
  }

  @Test func aComputedDefaultIsAddedToATableThatIsThereAndEmpty() async throws {
    let after = Self.schema(
      Self.base.columns + [Self.column("c", .text(length: 36), nullable: false, default: .expression("uuid()"))])
    let harness = try SinkHarness()
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { builder in
        builder.schemaChange(
          SchemaChange(kind: .create, table: Self.base.name, before: nil, after: Self.base, statement: ""))
        builder.schemaChange(
          SchemaChange(
            kind: .alter, table: Self.base.name, before: Self.base, after: after,
            statement: "ALTER TABLE t ADD c CHAR(36) NOT NULL DEFAULT uuid()"))
        builder.insert(after, [.int(3), .null, .null, builder.text("u")])
      }, harness.checkpoint(1))
    await sink.close()
    #expect(try harness.rows("SELECT * FROM t") == ["3|NULL|NULL|'u'"])
  }

  @Test func tablesAreCreatedDroppedTruncatedAndRenamed() async throws {
    #expect(
      try await rows(after: nil, kind: .drop, "DROP TABLE t", "SELECT name FROM sqlite_schema WHERE name = 't'") == [])
    #expect(try await rows(after: Self.base, kind: .truncate, "TRUNCATE t") == [])
    let renamed = Self.schema(Self.base.columns, table: "u")
    #expect(
      try await rows(after: renamed, kind: .rename, "RENAME TABLE t TO u", "SELECT id FROM u ORDER BY id") {
        $0.insert(renamed, [.int(3), .null, .null])
      } == ["1", "2", "3"])
    let other = Self.schema(Self.base.columns, table: "made")
    #expect(
      try await rows(after: other, kind: .create, "CREATE TABLE made …", "SELECT count(*) FROM made", { _ in }) == ["0"]
    )
  }

  @Test func thePolicyDecides() async throws {
    let dropped = Self.schema([Self.base.columns[0], Self.base.columns[2]])
    #expect(
      await failure { try await rows(after: dropped, "ALTER TABLE t DROP a", policy: .stop) }?.code == .schemaChange)
    #expect(
      try await rows(after: dropped, "ALTER TABLE t DROP a", policy: .lenient) {
        $0.insert(dropped, [.int(3), $0.text("z")])
      } == ["1|10|'x'", "2|NULL|'y'", "3|NULL|'z'"])
    let added = Self.schema(Self.base.columns + [Self.column("c")])
    #expect(
      try await rows(after: added, "ALTER TABLE t ADD c INT", policy: .ignore) {
        $0.insert(added, [.int(3), .int(1), $0.text("z"), .int(4)])
      } == ["1|10|'x'", "2|NULL|'y'", "3|1|'z'"])
    let renamed = Self.schema([Self.base.columns[0], Self.column("z"), Self.base.columns[2]])
    #expect(
      try await rows(
        after: renamed, "ALTER TABLE t CHANGE a z INT", policy: .lenient, "SELECT id, a, z FROM t ORDER BY id")
        == ["1|10|10", "2|NULL|NULL"])
    let refused = Self.schema(Self.base.columns + [Self.column("c", default: .expression("uuid()"))])
    #expect(
      try await rows(after: refused, "ALTER TABLE t ADD c INT DEFAULT (f())", policy: .tryEvolve) {
        $0.insert(refused, [.int(3), .int(1), $0.text("z"), .int(4)])
      } == ["1|10|'x'", "2|NULL|'y'", "3|1|'z'"])
  }

  @Test func aTextThatBecomesAPaddedOneLosesTheSpacesAtItsEnd() async throws {
    let texts = ["varchar(20)", "char(5)"].map { native in
      Self.schema([
        Self.column("id", nullable: false),
        ColumnSchema(name: "v", type: .text(length: native == "char(5)" ? 5 : 20), nativeType: native),
      ])
    }
    let harness = try SinkHarness()
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { builder in
        for (id, text) in [" a  b   ", "x", "    ", "12345 "].enumerated() {
          builder.insert(texts[0], [.int(Int64(id)), builder.text(text)])
        }
        builder.schemaChange(
          SchemaChange(
            kind: .alter, table: Self.base.name, before: texts[0], after: texts[1],
            statement: "ALTER TABLE t MODIFY v CHAR(5)"))
      }, harness.checkpoint(1))
    await sink.close()
    #expect(try harness.rows("SELECT v FROM t ORDER BY id") == ["' a  b'", "'x'", "''", "'12345'"])
  }

  @Test(arguments: [SchemaChangePolicy.lenient, .tryEvolve])
  func aColumnThatIsDroppedAndAddedAgainDoesNotShowItsOldValues(_ policy: SchemaChangePolicy) async throws {
    let dropped = Self.schema([
      Self.base.columns[0], Self.base.columns[2],
      // What `try_evolve` cannot carry out, so that the old column stays there, too.
      Self.column("e", default: .expression("rand()")),
    ])
    let added = Self.schema(dropped.columns + [Self.column("a", nullable: false, default: .literal("4"))])
    let plain = Self.schema(Array(dropped.columns.prefix(2)))
    let before = policy == .lenient ? plain : dropped
    let rows = try await rows(
      after: before, "ALTER TABLE t DROP a", policy: policy, "SELECT id, a FROM t ORDER BY id"
    ) { builder in
      let after = policy == .lenient ? Self.schema(plain.columns + [added.columns[3]]) : added
      builder.schemaChange(
        SchemaChange(
          kind: .alter, table: Self.base.name, before: before, after: after,
          statement: "ALTER TABLE t ADD a INT NOT NULL DEFAULT 4"))
    }
    #expect(rows == ["1|4", "2|4"])
  }

  @Test func aColumnThatSomeoneHasAddedByHandKeepsItsValues() async throws {
    let harness = try SinkHarness()
    let sink = harness.sink()
    _ = try await sink.open()
    try await sink.deliver(
      harness.batch { $0.insert(Self.base, [.int(1), .int(10), $0.text("x")]) }, harness.checkpoint(1))
    await sink.close()
    try harness.execute("ALTER TABLE t ADD COLUMN c TEXT; UPDATE t SET c = 'by hand'")
    let next = harness.sink()
    _ = try await next.open()
    let after = Self.schema(
      Self.base.columns + [Self.column("c", .text(length: 36), nullable: false, default: .expression("uuid()"))])
    try await next.deliver(
      harness.batch {
        $0.schemaChange(
          SchemaChange(
            kind: .alter, table: Self.base.name, before: Self.base, after: after,
            statement: "ALTER TABLE t ADD c CHAR(36) NOT NULL DEFAULT uuid()"))
      }, harness.checkpoint(2))
    await next.close()
    #expect(try harness.rows("SELECT c FROM t") == ["'by hand'"])
  }

  @Test func aChangeWithoutItsFormerSchemaIsReadFromTheTarget() async throws {
    let after = Self.schema(Self.base.columns + [Self.column("c", nullable: false)])
    #expect(
      try await rows(after: after, "ALTER TABLE t ADD c INT NOT NULL", knowsBefore: false) == [
        "1|10|'x'|0", "2|NULL|'y'|0",
      ])
  }
}
