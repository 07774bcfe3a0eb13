import Change
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

/// Tables that the sink makes at the target, and those that it finds there.
@Suite(.serialized) struct TargetTableTests {
  private static let everyType = """
    CREATE TABLE shop.every (
      id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, t TINYINT(1), tu TINYINT UNSIGNED NOT NULL DEFAULT 7,
      s SMALLINT, m MEDIUMINT UNSIGNED, i INT(8) UNSIGNED ZEROFILL, d DECIMAL(65,30), du DECIMAL(10,2) UNSIGNED DEFAULT 1.50,
      f FLOAT, f2 FLOAT(7,4), g DOUBLE, g2 DOUBLE(10,2), b BIT(1) DEFAULT b'1', b40 BIT(40) DEFAULT b'101',
      c CHAR(20) NOT NULL DEFAULT 'x''y', v VARCHAR(300) CHARACTER SET latin1 COLLATE latin1_german2_ci,
      vb VARBINARY(17), bi BINARY(4), tt TINYTEXT, x TEXT CHARACTER SET utf8mb3, mt MEDIUMTEXT, lt LONGTEXT COLLATE utf8mb4_bin,
      tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB, dt DATE DEFAULT '0000-00-00', ti TIME(3), dtm DATETIME(6) DEFAULT '2020-01-02 03:04:05.000006',
      ts TIMESTAMP(2) NULL DEFAULT CURRENT_TIMESTAMP(2), ts0 TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
      y YEAR DEFAULT 1999, e ENUM('a','b''c','ü') NOT NULL DEFAULT 'a', st SET('p','q') DEFAULT 'p,q', j JSON, u UUID,
      i4 INET4, i6 INET6 DEFAULT '::1', ge GEOMETRY, po POINT NOT NULL, pg POLYGON,
      ex INT DEFAULT (1 + 2), w VARCHAR(300) GENERATED ALWAYS AS (UPPER(v)) STORED, wv INT AS (s * 2) VIRTUAL,
      hidden INT INVISIBLE DEFAULT 5,
      UNIQUE KEY by_code (c, v(10)), KEY by_time (ts, y), KEY by_text (x(20)), FULLTEXT KEY words (mt), SPATIAL KEY place (po)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci
    """

  @Test func `a table of every type is made as the source has it`() throws {
    let harness = try TargetHarness()
    try harness.run("SET sql_mode = 'NO_ENGINE_SUBSTITUTION'", Self.everyType)
    harness.settings.indexes = .withTable
    let table = try harness.tables().table(for: harness.schema("every"))
    #expect(try harness.definition("copy", "every") == harness.definition("shop", "every"))
    #expect(table.isNew && table.quotedName == "`copy`.`every`")
    #expect(table.hasOtherUniqueKeys && !table.hasForeignKeys && !table.takesKeysForEqual)
    #expect(!table.columns.contains { $0.name == "w" || $0.name == "wv" })
    #expect(table.columns.first { $0.name == "b40" }?.writing == .bit(width: 40))
    #expect(table.keyColumns.map(\.quotedName) == ["`id`"])
  }

  @Test func `indexes that are not unique come behind the load, and again after a crash`() async throws {
    let harness = try TargetHarness()
    try harness.run("SET sql_mode = 'NO_ENGINE_SUBSTITUTION'", Self.everyType)
    try harness.run(
      "CREATE TABLE shop.other (id INT PRIMARY KEY, n INT, m INT, KEY a (n), KEY b (m, n))",
      "CREATE TABLE shop.counted (k INT PRIMARY KEY, n INT NOT NULL AUTO_INCREMENT, KEY (n))")
    let tables = try harness.tables()
    for name in ["every", "other", "counted"] { _ = try tables.table(for: harness.schema(name)) }
    #expect(try harness.definition("copy", "counted") == harness.definition("shop", "counted"))
    #expect(try !harness.definition("copy", "every").contains("by_time"))
    #expect(try harness.definition("copy", "every").contains("by_code"))
    // A crash in the middle: one index is there, and nobody has noted it.
    try harness.run("ALTER TABLE copy.other ADD KEY b (m, n)")
    let again = try harness.tables()
    try await again.finishLoad()
    #expect(
      try harness.definition("copy", "every").split(separator: "\n").sorted()
        == harness.definition("shop", "every").split(separator: "\n").sorted())
    #expect(try harness.rows("SHOW INDEX FROM copy.other").count == 4)
    #expect(try harness.rows("SELECT * FROM freshet._freshet_index").isEmpty)
    // What a person takes away afterwards stays away.
    try harness.run("ALTER TABLE copy.other DROP KEY a")
    try await again.finishLoad()
    #expect(try harness.rows("SHOW INDEX FROM copy.other").count == 3)
  }

  @Test func `a table that an interrupted start made is made anew when the source has changed it since`() throws {
    let harness = try TargetHarness()
    try harness.run(
      "CREATE TABLE shop.t (id INT PRIMARY KEY)", "CREATE DATABASE IF NOT EXISTS copy",
      "CREATE TABLE copy.own (id INT PRIMARY KEY)")
    _ = try harness.tables().table(for: harness.schema("t"))
    try harness.run("ALTER TABLE shop.t ADD COLUMN v INT NOT NULL", "CREATE TABLE shop.own LIKE shop.t")
    _ = try harness.tables().table(for: harness.schema("t"))
    #expect(try harness.definition("copy", "t") == harness.definition("shop", "t"))
    // With rows it is not touched any more, and a table that a person made never is.
    try harness.run("INSERT INTO copy.t VALUES (1, 1)", "ALTER TABLE shop.t ADD COLUMN w INT NOT NULL")
    for name in ["t", "own"] {
      #expect(throws: Failure.self) { _ = try harness.tables().table(for: harness.schema(name)) }
    }
    #expect(try harness.rows("SELECT * FROM copy.t").count == 1)
  }

  @Test func `names mean only themselves`() throws {
    let harness = try TargetHarness(template: "{schema}_copy.{table}")
    let long = String(repeating: "é", count: 64)
    let names = ["a`b", "it's \"so\"", "x`\u{301}y", "select", long, "; DROP TABLE shop.t; --", "t", "\\'"]
    for (index, name) in names.enumerated() {
      let quoted =
        "`" + String(name.unicodeScalars.flatMap { $0 == "`" ? ["`", "`"] : [$0] }.map(Character.init)) + "`"
      try harness.run(
        "CREATE TABLE shop.\(quoted) (\(quoted) INT PRIMARY KEY, e ENUM('it''s','b'), UNIQUE KEY \(quoted) (e))")
      let table = try harness.tables().table(for: harness.schema(name))
      #expect(table.columns.count == 2)
      #expect(try harness.definition("shop_copy", name) == harness.definition("shop", name))
      #expect(try harness.rows("SHOW TABLES IN shop_copy").count == index + 1)
    }
  }

  @Test func `a schema without a definition is made from its types`() throws {
    let harness = try TargetHarness()
    let columns = [
      ColumnSchema(name: "id", type: .text(length: 20), isNullable: false),
      ColumnSchema(name: "n", type: .integer(bits: 24, unsigned: true)),
      ColumnSchema(name: "big", type: .unboundedDecimal), ColumnSchema(name: "flag", type: .boolean),
      ColumnSchema(name: "at", type: .timestamp(fraction: 6)),
      ColumnSchema(name: "when", type: .timestampZoned(fraction: 3)),
      ColumnSchema(name: "long", type: .text(length: 0)),
      ColumnSchema(name: "raw", type: .bytes(length: 0, padded: false)),
      ColumnSchema(name: "pad", type: .bytes(length: 4, padded: true)), ColumnSchema(name: "j", type: .json),
      ColumnSchema(name: "u", type: .uuid), ColumnSchema(name: "a", type: .address),
      ColumnSchema(name: "y", type: .year),
      ColumnSchema(name: "e", type: .enumeration(members: ["x", "y"])),
      ColumnSchema(name: "g", type: .geometry(.point)),
    ]
    let schema = TableSchema(name: TableName(namespace: "shop", table: "plain"), columns: columns, key: [0])
    let table = try harness.tables().table(for: schema)
    #expect(table.columns.count == columns.count && !table.takesKeysForEqual)
    // The same table is found again, and fits.
    let again = try harness.tables().table(for: schema)
    #expect(!again.isNew && again.columns.map(\.nativeType) == table.columns.map(\.nativeType))
    #expect(
      table.columns.map(\.nativeType) == [
        "varchar(20)", "mediumint(8) unsigned", "longtext", "tinyint(1)", "datetime(6)", "timestamp(3)", "longtext",
        "longblob", "binary(4)", "json", "uuid", "varchar(45)", "year(4)", "enum('x','y')", "point",
      ])
  }

  @Test func `a collation that the target lacks is replaced by name, and never merges keys`() throws {
    let harness = try TargetHarness()
    func column(_ name: String, _ collation: String) -> ColumnSchema {
      ColumnSchema(
        name: name, type: .text(length: 20), isNullable: false, nativeType: "varchar(20)", charset: "utf8mb4",
        collation: collation)
    }
    let name = TableName(namespace: "shop", table: "t")
    let schema = TableSchema(
      name: name, columns: [column("id", "utf8mb4_0900_ai_ci"), column("v", "utf8mb4_0900_ai_ci")], key: [0])
    _ = try harness.tables().table(for: schema)
    let text = try harness.definition("copy", "t")
    #expect(text.contains("`id` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"), "\(text)")
    #expect(text.contains("uca1400_nopad_ai_ci") || text.contains("utf8mb4_unicode_520_nopad_ci"))
    let odd = TableSchema(
      name: TableName(namespace: "shop", table: "odd"),
      columns: [column("id", "utf8mb4_bin"), column("v", "utf8mb4_zh_0900_as_cs")],
      key: [0])
    #expect(throws: Failure.self) { _ = try harness.tables().table(for: odd) }
  }

  private func refusal(
    _ harness: TargetHarness, _ target: String, source: String = "id INT PRIMARY KEY, v VARCHAR(20), n INT"
  ) throws
    -> Failure?
  {
    try harness.run(
      "DROP TABLE IF EXISTS shop.t, copy.t", "CREATE TABLE shop.t (\(source))", "CREATE TABLE copy.t (\(target))")
    do {
      _ = try harness.tables().table(for: harness.schema("t"))
      return nil
    } catch {
      return error as? Failure
    }
  }

  @Test func `a table that cannot hold the source's values is refused with the statement that mends it`() throws {
    let harness = try TargetHarness()
    try harness.run("CREATE DATABASE copy")
    let refused: [(String, String)] = [
      ("id INT PRIMARY KEY, v VARCHAR(20)", "has no column \"n\""),
      ("id INT PRIMARY KEY, v VARCHAR(19), n INT", "column \"v\""),
      ("id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1, n INT", "column \"v\""),
      ("id INT PRIMARY KEY, v TINYTEXT, n SMALLINT", "column \"n\""),
      ("id INT PRIMARY KEY, v VARCHAR(20), n INT UNSIGNED", "column \"n\""),
      ("id INT PRIMARY KEY, v VARCHAR(20), n INT NOT NULL", "takes no NULL"),
      ("id INT PRIMARY KEY, v VARCHAR(20), n INT AS (id + 1) STORED", "is generated"),
      ("id INT, v VARCHAR(20), n INT", "no unique key on \"id\""),
      ("id INT PRIMARY KEY, v VARCHAR(20), n INT, extra INT NOT NULL", "column \"extra\""),
    ]
    for (target, message) in refused {
      let failure = try refusal(harness, target)
      #expect(
        failure?.code == .targetShape && failure?.message.contains(message) == true, "\(target): \(failure as Any)")
      guard let hint = failure?.hint, hint.hasPrefix("ALTER TABLE") else { continue }
      try harness.run(hint)
      #expect(throws: Never.self, "\(hint)") { _ = try harness.tables().table(for: harness.schema("t")) }
    }
    try harness.run("DROP TABLE copy.t", "CREATE TABLE copy.t (id INT PRIMARY KEY, v VARCHAR(20), n INT) ENGINE=MyISAM")
    let engine = #expect(throws: Failure.self) { _ = try harness.tables().table(for: harness.schema("t")) }
    #expect(engine?.message.contains("no transactions") == true)
  }

  @Test func `a table that holds more than the source needs is taken`() throws {
    let harness = try TargetHarness()
    try harness.run("CREATE DATABASE copy")
    for target in [
      "id BIGINT PRIMARY KEY, v VARCHAR(200), n DECIMAL(12,2)", "id INT PRIMARY KEY, v LONGTEXT, n INT, extra INT",
      "extra INT NOT NULL AUTO_INCREMENT UNIQUE, n INT, v VARCHAR(20), id INT PRIMARY KEY",
      "id INT PRIMARY KEY, v VARCHAR(20), n INT, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
    ] {
      let failure = try refusal(harness, target)
      #expect(failure == nil, "\(target)")
    }
  }

  @Test func `a key whose collation takes more for equal is refused`() throws {
    let harness = try TargetHarness()
    try harness.run("CREATE DATABASE copy")
    let source = "id VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY"
    #expect(
      try refusal(harness, "id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY", source: source)?.code
        == .targetShape)
    #expect(try refusal(harness, "id VARCHAR(20) COLLATE utf8mb4_nopad_bin PRIMARY KEY", source: source) == nil)
    #expect(try refusal(harness, source, source: "id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY") == nil)
  }

  @Test func `rows that the sink has not written are refused unless they may stay, and a table has one writer`() throws
  {
    let harness = try TargetHarness()
    try harness.run(
      "CREATE DATABASE copy", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "CREATE TABLE copy.t (id INT PRIMARY KEY)",
      "INSERT INTO copy.t VALUES (1)")
    let failure = #expect(throws: Failure.self) { _ = try harness.tables().table(for: harness.schema("t")) }
    #expect(failure?.hint.contains("existing_rows") == true)
    harness.settings.keepsExistingRows = true
    _ = try harness.tables().table(for: harness.schema("t"))
    harness.settings.keepsExistingRows = false
    // It is the sink's own now.
    _ = try harness.tables().table(for: harness.schema("t"))
    let other = TableSchema(
      name: TableName(namespace: "depot", table: "t"), columns: try harness.schema("t").columns, key: [0])
    let collision = #expect(throws: Failure.self) { _ = try harness.tables().table(for: other) }
    #expect(collision?.message.contains("already writes") == true)
  }

  @Test func `a table is not copied onto itself`() throws {
    let harness = try TargetHarness(template: "{schema}.{table}")
    try harness.run("CREATE TABLE shop.t (id INT PRIMARY KEY)")
    harness.description.set(
      kind: "mariadb", logFileBase: "binlog", server: try TargetServer.identity(of: harness.client))
    let failure = #expect(throws: Failure.self) { _ = try harness.tables().table(for: harness.schema("t")) }
    #expect(failure?.message.contains("onto itself") == true)
    harness.settings.names = try TargetNames("copy.{table}")
    _ = try harness.tables().table(for: harness.schema("t"))
  }

  @Test func `a writer whose epoch is not the highest changes nothing`() throws {
    let harness = try TargetHarness()
    try harness.run("CREATE TABLE shop.t (id INT PRIMARY KEY)")
    let old = try harness.tables()
    try old.prepare()
    try harness.run("UPDATE freshet._freshet_checkpoint SET epoch = 2")
    let failure = #expect(throws: Failure.self) { _ = try old.table(for: harness.schema("t")) }
    #expect(failure?.code == .fenced)
    #expect(try harness.definition("copy", "t") == "missing")
  }
}
