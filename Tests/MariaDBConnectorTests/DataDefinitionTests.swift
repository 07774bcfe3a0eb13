import Change
import MariaDBConnector
import Testing

struct DataDefinitionTests {
  private func hints(_ sql: String) -> TableHints? {
    guard case .createTable(_, let hints, _, _, _) = DataDefinition.read(sql, database: "d") else { return nil }
    return hints
  }

  @Test("columns, keys and defaults of a CREATE TABLE are read")
  func createTable() throws {
    let read = try #require(
      hints(
        """
        CREATE TABLE IF NOT EXISTS t ( -- a comment, with a comma
          id SERIAL, `u``x` UUID NOT NULL DEFAULT uuid(), i INET6, n DECIMAL( 12 , 2 ) UNSIGNED DEFAULT -1.50,
          e ENUM('a','it''s','b,)') CHARACTER SET latin1 DEFAULT 'a', b BOOL NOT NULL DEFAULT TRUE,
          g INT GENERATED ALWAYS AS (n * (2 + 1)) STORED, h INT AS (1) INVISIBLE, c VARCHAR(10) COLLATE utf8mb4_bin COMMENT ')',
          /*!50100 j INT */, /*M!100100 k INT, */ t TIMESTAMP, PRIMARY KEY (`u``x`, n), UNIQUE KEY x USING BTREE (i, e(3) DESC),
          KEY z (c), CONSTRAINT f FOREIGN KEY (i) REFERENCES o (a, b) ON DELETE SET NULL, CHECK (n > 0)
        ) ENGINE=InnoDB COMMENT='SELECT'
        """))
    #expect(read.columns.map(\.name) == ["id", "u`x", "i", "n", "e", "b", "g", "h", "c", "j", "k", "t"])
    #expect(read.columns[1].nativeType == "uuid")
    #expect(read.columns[1].defaultValue == .expression("uuid()"))
    #expect(read.columns[3].nativeType == "decimal(12,2) unsigned")
    #expect(read.columns[3].defaultValue == .literal("-1.50"))
    #expect(read.columns[4].nativeType == "enum('a','it''s','b,)')")
    #expect(read.columns[4].charset == "latin1")
    #expect(read.columns[6].generation == .stored)
    #expect(read.columns[7].isInvisible && read.columns[7].generation == .virtual)
    #expect(read.columns[8].charset == "utf8mb4")
    #expect(read.columns[11].isNullable == nil)
    #expect(read.primaryKey == ["u`x", "n"])
    #expect(read.uniqueKeys == [["id"]])
  }

  @Test("tables with hostile names are named exactly")
  func hostileNames() {
    let name = "a`b\";'--/*../\n😀"
    let quoted = "`" + name.split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``") + "`"
    guard
      case .dropTables(let names) = DataDefinition.read(
        "DROP TABLE IF EXISTS \(quoted), x . \(quoted) # end", database: "d")
    else {
      Issue.record("not read as a DROP TABLE")
      return
    }
    #expect(names == [TableName(namespace: "d", table: name), TableName(namespace: "x", table: name)])
  }

  @Test("what is not understood leaves the columns unknown")
  func unknown() {
    #expect(hints("CREATE TABLE t (a INT, b HYPERTYPE)") == nil)
    #expect(hints("CREATE TABLE t (a INT) SELECT 1 AS b") == nil)
    #expect(hints("CREATE TABLE t (a INT) WITH SYSTEM VERSIONING") == nil)
    #expect(hints("CREATE TABLE t (a INT, b VARCHAR(") == nil)
    #expect(hints("CREATE TABLE t (a INT, b CHAR(3) DEFAULT 'x") == nil)
  }

  @Test("statements that change no table are passed over")
  func others() {
    for sql in [
      "CREATE VIEW v AS SELECT 1", "CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW DROP TABLE y", "ANALYZE TABLE t",
      "CREATE USER u", "CREATE TEMPORARY TABLE t (a INT)", "DROP TEMPORARY TABLE t", "GRANT ALL ON *.* TO u", "",
      "/* x */", "/*",
    ] {
      guard case .other = DataDefinition.read(sql, database: "d") else {
        Issue.record("\(sql)")
        continue
      }
    }
  }

  @Test("renames, truncations and alterations are told apart")
  func kinds() {
    guard case .renameTables(let pairs) = DataDefinition.read("RENAME TABLE a TO b, x.c TO y.d", database: "d") else {
      Issue.record("rename")
      return
    }
    #expect(pairs.map(\.to.description) == ["d.b", "y.d"])
    guard case .truncateTable(let name) = DataDefinition.read("truncate `t`", database: "d") else {
      Issue.record("truncate")
      return
    }
    #expect(name.description == "d.t")
    let alter = DataDefinition.read(
      "ALTER TABLE t ADD COLUMN (a INT, b INT), CHANGE c d BIGINT FIRST, DROP PRIMARY KEY, ADD UNIQUE (a), RENAME TO z",
      database: "d")
    guard case .alterTable(_, let alterations, let newName) = alter else {
      Issue.record("alter")
      return
    }
    #expect(alterations?.count == 6)
    #expect(newName?.description == "d.z")
  }

  @Test(
    "the default character set of a database is read",
    arguments: [
      ("CREATE DATABASE x CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "create x utf8mb4"),
      ("create schema if not exists `x` default charset = 'LATIN1'", "create x latin1"),
      ("CREATE DATABASE x COLLATE gbk_bin", "create x gbk"), ("CREATE DATABASE x", "create x -"),
      ("ALTER DATABASE x CHARACTER SET ascii", "alter x ascii"),
      ("ALTER DATABASE COLLATE = latin1_bin", "alter d latin1"),
    ])
  func charsets(sql: String, expected: String) {
    switch DataDefinition.read(sql, database: "d") {
    case .createDatabase(let name, let charset, _): #expect("create \(name) \(charset ?? "-")" == expected)
    case .alterDatabase(let name, let charset): #expect("alter \(name) \(charset ?? "-")" == expected)
    default: Issue.record("\(sql)")
    }
  }
}
