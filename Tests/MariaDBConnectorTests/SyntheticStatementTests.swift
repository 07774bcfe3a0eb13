import Change
import MariaDBConnector
import Testing

/// Statements whose effect the log does not hold as rows, and definitions that come from nowhere else.
struct SyntheticStatementTests {
  private typealias Log = SyntheticLog

  private func log(_ statements: String...) -> SyntheticLog {
    var log = Log()
    for statement in statements {
      log.append(34, Log.anonymousGTID())
      log.append(2, Log.query(statement))
    }
    return log
  }

  private func wanting(_ names: String...) -> BinlogDecoder.Options {
    var options = DecodedLog.unnamed
    options.isWanted = { names.contains($0.description) }
    return options
  }

  @Test(arguments: [
    "DROP PARTITION p1", "TRUNCATE PARTITION p1", "EXCHANGE PARTITION p1 WITH TABLE x",
    "CONVERT PARTITION p1 TO TABLE x",
    "CONVERT TABLE x TO PARTITION p1 VALUES LESS THAN (5)", "DISCARD TABLESPACE", "IMPORT TABLESPACE",
    "IMPORT PARTITION p1 TABLESPACE", "FORCE, DROP PARTITION p1",
  ])
  func `rows that an ALTER TABLE takes or brings without logging them stop the pipeline`(part: String) {
    let made = log("CREATE TABLE t (a INT PRIMARY KEY)", "ALTER TABLE t \(part)")
    let failure = made.failure()
    #expect(failure?.code == .schemaChange && failure?.hint.isEmpty == false, "\(String(describing: failure))")
    #expect(made.failure(options: wanting("d.other")) == nil)
  }

  @Test func `a table that gives its rows to a partition, and duplicates that go without a word, stop the pipeline`() {
    let exchange = log("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE x")
    #expect(exchange.failure(options: wanting("d.x"))?.code == .schemaChange)
    #expect(log("ALTER IGNORE TABLE t ADD UNIQUE KEY (a)").failure()?.code == .schemaChange)
    #expect(log("ALTER IGNORE TABLE t ADD KEY (a)").failure() == nil)
    #expect(log("ALTER TABLE t ADD UNIQUE KEY (a)").failure() == nil)
  }

  @Test func `a copy that takes the place of a replicated table stops the pipeline when its rows were not replicated`()
    throws
  {
    let swap = log("CREATE TABLE t (a INT PRIMARY KEY)", "RENAME TABLE t TO _t_del, _t_gho TO t")
    #expect(swap.failure(options: wanting("d.t"))?.code == .schemaChange)
    #expect(swap.failure(options: wanting("d.t", "d._t_gho", "d._t_del")) == nil)
    let copy = log("ALTER TABLE _t_new RENAME TO t")
    #expect(copy.failure(options: wanting("d.t"))?.code == .schemaChange)
    // What went away and came back in one statement took all of its rows along.
    let exchange = log(
      "CREATE TABLE t (a INT PRIMARY KEY)", "CREATE TABLE u (b INT PRIMARY KEY)", "RENAME TABLE t TO x, u TO t, x TO u")
    let changes = try exchange.decoded(options: wanting("d.t", "d.u")).schemaChanges.suffix(3)
    #expect(changes.map { $0.after?.name.table } == ["x", "t", "u"])
    #expect(changes.map { $0.after?.columns.first?.name } == ["a", "b", "a"])
  }

  @Test(arguments: [
    "CREATE TABLE n SELECT 1", "CREATE TABLE n AS (SELECT 1)", "CREATE OR REPLACE TABLE n (SELECT a FROM t)",
    "CREATE TABLE n (a INT) ENGINE=InnoDB IGNORE SELECT a FROM t",
    "SET STATEMENT max_statement_time=1 FOR INSERT INTO t VALUES (1)",
  ])
  func `rows that a statement makes stop the pipeline`(statement: String) {
    #expect(log(statement).failure()?.code == .serverSetting)
  }

  @Test func `a definition with variables of its own is carried out`() throws {
    let made = try log(
      "CREATE TABLE t (a INT PRIMARY KEY)",
      "SET STATEMENT lock_wait_timeout=1, max_statement_time=2 FOR ALTER TABLE t ADD b INT"
    ).decoded()
    #expect(made.schemaChanges.last?.after?.columns.map(\.name) == ["a", "b"])
    #expect(log("CREATE TABLE p (a INT) PARTITION BY LIST (a) (PARTITION x VALUES IN (1))").failure() == nil)
  }

  @Test func `a column has the character set that was its table's when it came`() throws {
    let made = try log(
      "CREATE TABLE t (a VARCHAR(9)) CHARSET latin1 COLLATE latin1_bin", "ALTER TABLE t ADD b VARCHAR(9)",
      "ALTER TABLE t ENGINE=InnoDB DEFAULT CHARACTER SET = utf8mb4", "ALTER TABLE t ADD c VARCHAR(9)",
      "ALTER TABLE t ADD d TEXT, COLLATE latin1_general_ci", "ALTER TABLE t CHARSET nonsense",
      "ALTER TABLE t ADD e TEXT"
    ).decoded().schemaChanges
    #expect(made.last?.after?.columns.map(\.charset) == ["latin1", "latin1", "utf8mb4", "latin1"])
    #expect(
      made.last?.after?.columns.map(\.collation) == ["latin1_bin", "latin1_bin", nil, "latin1_general_ci"])
  }

  /// Knows one table from before.
  private final class Memory: SchemaProvider {
    private(set) var defined: [TableName] = []
    private(set) var forgotten: [TableName] = []
    let known = TableHints(columns: [.init(name: "right", nativeType: "int")])
    func hints(for table: TableName, logHasNames: Bool) -> TableHints? { known }
    func earlierHints(for table: TableName) -> TableHints? { known }
    func rememberedHints(for table: TableName) -> TableHints? { known }
    func define(_ table: TableName, as hints: TableHints) { defined.append(table) }
    func forget(_ table: TableName) { forgotten.append(table) }
  }

  @Test func `a table that is there stays as it is when CREATE TABLE IF NOT EXISTS says otherwise`() throws {
    let memory = Memory()
    var made = log("CREATE TABLE IF NOT EXISTS t (wrong INT)")
    for (type, body) in [
      (2, Log.query("BEGIN")), (19, Log.tableMap()), (30, Log.integers(0..<1)), (16, Log.xid),
    ] { made.append(UInt8(type), body) }
    let decoded = try made.decoded(provider: memory)
    #expect(decoded.schemaChanges.isEmpty && decoded.rows.first?.columns == ["right"])
    #expect(memory.defined.isEmpty && memory.forgotten.isEmpty)
  }

  @Test func `a definition that only the next row can complete is not taken for known after a restart`() throws {
    let memory = Memory()
    let name = TableName(namespace: "d", table: "t")
    _ = try log("ALTER TABLE t ADD c VARCHAR(10)").decoded(provider: memory)
    #expect(memory.forgotten == [name] && memory.defined.isEmpty)
    _ = try log("ALTER TABLE t ADD c VARCHAR(10) CHARSET latin1").decoded(provider: memory)
    #expect(memory.forgotten == [name] && memory.defined == [name])
  }

  @Test func `rows without any column stop the reader instead of filling its memory`() {
    var made = Log()
    for (type, body) in [
      (34, Log.anonymousGTID()), (2, Log.query("BEGIN")), (19, Log.tableMap()),
      (30, Log.little(9, 6) + Log.little(1, 2) + Log.little(2, 2) + [1, 0, 0]), (16, Log.xid),
    ] { made.append(UInt8(type), body) }
    let failure = made.failure()
    #expect(failure?.code == .serverSetting && failure?.hint.contains("binlog_row_image=FULL") == true)
  }
}
