import Change
import Foundation
import MariaDBClient
import MariaDBConnector
import TestServers
import Testing

/// Logs that a private server writes for one test.
@Suite(.serialized)
struct LiveLogTests {
  private func log(
    _ options: [String: String?] = [:], _ statements: [String], provider: (any SchemaProvider)? = nil,
    decoding: BinlogDecoder.Options = DecodedLog.unnamed
  ) throws -> DecodedLog {
    let settings: [String: String?] = [
      "log_bin": "binlog", "binlog_format": "ROW", "binlog_row_metadata": "FULL", "server_id": "7",
      "binlog_checksum": "CRC32",
    ]
    let server = try MariaDBServer(options: settings.merging(options) { $1 })
    defer { server.stop() }
    let client = try server.client()
    try client.execute("CREATE DATABASE d CHARACTER SET utf8mb4")
    try client.execute("USE d")
    for statement in statements { try client.execute(statement) }
    let paths = try FileManager.default.contentsOfDirectory(atPath: server.dataDirectory)
      .filter { $0.hasPrefix("binlog.0") }.sorted()
    return try DecodedLog.read(
      server.dataDirectory + "/" + (try #require(paths.last)), provider: provider, options: decoding)
  }

  @Test("an XA transaction is emitted at its commit, never at its rollback, and is remembered while it is prepared")
  func xa() throws {
    let log = try log(
      [:],
      [
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9))", "XA START 'one','b',7", "INSERT INTO t VALUES (1,'one')",
        "XA END 'one','b',7", "XA PREPARE 'one','b',7", "XA COMMIT 'one','b',7", "XA START 'two'",
        "INSERT INTO t VALUES (2,'two')", "XA END 'two'", "XA PREPARE 'two'", "XA ROLLBACK 'two'", "XA START 'three'",
        "INSERT INTO t VALUES (3,'three')", "XA END 'three'", "XA COMMIT 'three' ONE PHASE",
        "INSERT INTO t VALUES (4,'four')",
      ])
    #expect(log.rows.map { $0.after["id"] } == ["1", "3", "4"])
    #expect(log.mostPrepared == 1)
    #expect(log.prepared.isEmpty)
    #expect(log.rows.first?.identifier == "0-7-4")
  }

  @Test("where the log names neither columns nor character sets, text is read in that of its database")
  func charsetOfTheDatabase() throws {
    let log = try log(
      ["binlog_row_metadata": "NO_LOG"],
      [
        "CREATE DATABASE l1 CHARACTER SET latin1", "CREATE TABLE l1.t (id INT PRIMARY KEY, v VARCHAR(25))",
        "INSERT INTO l1.t VALUES (1, CONVERT(x'E9' USING latin1))",
        "ALTER TABLE l1.t ADD COLUMN w CHAR(3) FIRST", "INSERT INTO l1.t VALUES (CONVERT(x'E4' USING latin1), 2, 'x')",
      ])
    #expect(log.rows.map { $0.after["v"] } == ["é", "x"])
    #expect(log.rows.last?.after["w"] == "ä")
    #expect(log.schemaChanges.map(\.kind) == [.create, .alter])
  }

  @Test("compressed events give the same rows")
  func compressed() throws {
    let text = String(repeating: "compress me ", count: 50)
    let log = try log(
      ["log_bin_compress": "1", "log_bin_compress_min_len": "10"],
      [
        "CREATE TABLE t (id INT PRIMARY KEY, a TEXT)", "INSERT INTO t VALUES (1,'\(text)'),(2,'\(text)')",
        "UPDATE t SET a=concat(a,id)", "DELETE FROM t WHERE id=1",
      ])
    #expect(log.rows.map(\.operation) == [.insert, .insert, .update, .update, .delete])
    #expect(log.rows[3].before["a"] == text)
    #expect(log.rows[3].after["a"] == text + "2")
    #expect(log.schemaChanges.first?.kind == .create)
  }

  @Test("columns that a MINIMAL or NOBLOB image leaves out are absent, not NULL", arguments: ["MINIMAL", "NOBLOB"])
  func images(_ image: String) throws {
    let log = try log(
      ["binlog_row_image": image],
      [
        "CREATE TABLE t (id INT PRIMARY KEY, n INT, b BLOB)", "INSERT INTO t VALUES (1,NULL,'x'),(2,2,'y')",
        "UPDATE t SET n=5 WHERE id=1", "DELETE FROM t WHERE id=2",
      ])
    let update = try #require(log.rows.first { $0.operation == .update })
    #expect(update.before == (image == "MINIMAL" ? ["id": "1"] : ["id": "1", "n": "NULL"]))
    #expect(update.after == (image == "MINIMAL" ? ["n": "5"] : ["id": "1", "n": "5"]))
    let delete = try #require(log.rows.last)
    #expect(delete.before == (image == "MINIMAL" ? ["id": "2"] : ["id": "2", "n": "2"]))
  }

  private final class OneTable: SchemaProvider {
    let answer: TableHints
    init(_ answer: TableHints) { self.answer = answer }
    func hints(for table: TableName, logHasNames: Bool) -> TableHints? { answer }
  }

  @Test("with MINIMAL metadata names come from the definition, and one that does not fit is refused with the remedy")
  func minimalMetadata() throws {
    let statements = [
      "CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, e ENUM('a','b'))", "FLUSH BINARY LOGS",
      "INSERT INTO t VALUES (4294967295,'b')",
    ]
    let right = OneTable(
      TableHints(
        columns: [
          .init(name: "id", nativeType: "int(10) unsigned", isNullable: false),
          .init(name: "e", nativeType: "enum('a','b')"),
        ], primaryKey: ["id"]))
    let log = try log(["binlog_row_metadata": "MINIMAL"], statements, provider: right)
    #expect(log.rows.first?.after == ["id": "4294967295", "e": "b"])
    #expect(log.schemas["d.t"]?.key == [0])
    let wrong = OneTable(TableHints(columns: [.init(name: "id", nativeType: "varchar(10)")]))
    #expect { try self.log(["binlog_row_metadata": "MINIMAL"], statements, provider: wrong) } throws: { error in
      let failure = error as? Failure
      return failure?.code == .schemaMismatch && failure?.hint.contains("binlog_row_metadata=FULL") == true
    }
    let unnamed = try self.log(["binlog_row_metadata": "MINIMAL"], statements)
    #expect(unnamed.rows.first?.after == ["@1": "4294967295", "@2": "2"])
  }

  @Test("text of other charsets, addresses and UUIDs are those that the server prints")
  func values() throws {
    let log = try log(
      [:],
      [
        """
        CREATE TABLE t (id INT PRIMARY KEY, l VARCHAR(20) CHARACTER SET latin1, g VARCHAR(20) CHARACTER SET gbk,
          u2 VARCHAR(20) CHARACTER SET ucs2, u16 VARCHAR(20) CHARACTER SET utf16le, u32 CHAR(5) CHARACTER SET utf32,
          a INET6, b INET4, u UUID, k VARCHAR(20) CHARACTER SET koi8r, i INT INVISIBLE, d DECIMAL(65,30))
        """,
        """
        INSERT INTO t (id,l,g,u2,u16,u32,a,b,u,k,i,d) VALUES (1,'é€','中文','Ωé','😀','😀a','::ffff:1.2.3.4','10.0.0.0',
          '018f4b2e-7c1a-7def-8abc-012345678900','ключ',9,-0.000000000000000000000000000001)
        """,
      ])
    #expect(
      log.rows.first?.after == [
        "id": "1", "l": "é€", "g": "中文", "u2": "Ωé", "u16": "😀", "u32": "😀a", "a": "::ffff:1.2.3.4", "b": "10.0.0.0",
        "u": "018f4b2e-7c1a-7def-8abc-012345678900", "k": "ключ", "i": "9", "d": "-0.000000000000000000000000000001",
      ])
  }

  @Test("data that is logged as a statement stops the reader and names the setting")
  func statements() throws {
    #expect {
      try self.log(["binlog_format": "STATEMENT"], ["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)"])
    } throws: {
      let failure = $0 as? Failure
      return failure?.code == .serverSetting && failure?.hint.contains("binlog_format") == true
    }
  }

  @Test("rows of tables that are not wanted are counted and not decoded")
  func filter() throws {
    var options = DecodedLog.unnamed
    options.isWanted = { $0.table != "secret" }
    let log = try log(
      [:],
      [
        "CREATE TABLE secret (a INT)", "CREATE TABLE t (a INT)", "INSERT INTO secret VALUES (1)",
        "INSERT INTO t VALUES (2)",
      ], decoding: options)
    #expect(log.rows.map(\.table) == ["d.t"])
    #expect(log.schemaChanges.allSatisfy { $0.table.table == "t" })
  }
}
