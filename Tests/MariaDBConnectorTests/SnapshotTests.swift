import Change
import ConnectorConformance
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import TestServers
import Testing

@Suite(.serialized) struct SnapshotTests {
  /// Tables with every kind of key; `wide` fills several batches with one chunk.
  static func fill(_ server: MariaDBServer, rows: Int = 300) throws {
    let connection = try server.client()
    for statement in [
      "CREATE DATABASE s", "USE s",
      "CREATE TABLE s.a_int (id INT PRIMARY KEY, v INT NOT NULL, t VARCHAR(20))",
      "CREATE TABLE s.b_pair (x INT NOT NULL, y VARCHAR(20) NOT NULL COLLATE utf8mb4_general_ci, v INT, PRIMARY KEY (x, y))",
      "CREATE TABLE s.c_text (k VARCHAR(30) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY, v INT)",
      "CREATE TABLE s.d_bytes (k VARBINARY(16) PRIMARY KEY, v INT)",
      "CREATE TABLE s.e_none (id INT, v INT, t VARCHAR(20))",
      "CREATE TABLE s.f_wide (id BIGINT UNSIGNED PRIMARY KEY, v INT, t MEDIUMTEXT)",
      "CREATE TABLE s.g_empty (id INT PRIMARY KEY, v INT)",
      "CREATE TABLE s.h_time (at DATETIME(6) PRIMARY KEY, v INT)",
      "INSERT INTO s.a_int SELECT seq, seq, CONCAT('t', seq) FROM seq_1_to_\(rows)",
      "INSERT INTO s.b_pair SELECT seq DIV 50, CONCAT(CHAR(65 + seq MOD 2 * 32 USING utf8mb4), 'é', seq), seq FROM seq_1_to_\(rows)",
      "INSERT INTO s.c_text SELECT CONCAT(IF(seq MOD 2, 'Å', 'b'), seq), seq FROM seq_1_to_\(rows)",
      "INSERT INTO s.d_bytes SELECT UNHEX(MD5(seq)), seq FROM seq_1_to_\(rows)",
      "INSERT INTO s.e_none SELECT seq, seq, 'none' FROM seq_1_to_\(rows)",
      "INSERT INTO s.f_wide SELECT seq, seq, REPEAT('w', 4000) FROM seq_1_to_\(rows * 2)",
      "INSERT INTO s.h_time SELECT '2024-01-01' + INTERVAL seq * 1001 MICROSECOND, seq FROM seq_1_to_\(rows)",
      "ANALYZE TABLE s.a_int, s.b_pair, s.c_text, s.d_bytes, s.f_wide, s.h_time",
    ] { try connection.execute(statement) }
  }

  /// Changes of every kind on every table, keys included.
  static func storm(_ server: MariaDBServer, _ round: Int) throws {
    let connection = try server.client()
    let base = 100_000 + round * 100
    for statement in [
      "BEGIN",
      "UPDATE s.a_int SET v = v + 1 WHERE id MOD 7 = \(round % 7)",
      "DELETE FROM s.a_int WHERE id MOD 31 = \(round % 31)",
      "INSERT INTO s.a_int VALUES (\(base), 1, 'new'), (\(-base), 1, 'new')",
      "UPDATE s.a_int SET id = id + 1000000 WHERE id BETWEEN \(round * 9) AND \(round * 9 + 3)",
      "UPDATE s.b_pair SET y = CONCAT('m', y) WHERE v = \(round * 3 + 1)",
      "UPDATE s.b_pair SET v = v + 1 WHERE x = \(round % 6)",
      "UPDATE s.c_text SET k = CONCAT('ÅÅ', k) WHERE v = \(round * 5 + 2)",
      "DELETE FROM s.c_text WHERE v MOD 29 = \(round % 29)",
      "INSERT INTO s.c_text VALUES ('ä\(base)', \(base)), ('ZZ\(base)', \(base))",
      "INSERT INTO s.d_bytes VALUES (UNHEX(MD5(\(base))), \(base))", "DELETE FROM s.d_bytes WHERE v = \(round * 4)",
      "COMMIT",
      "UPDATE s.e_none SET v = v + 1 WHERE id = \(round)", "INSERT INTO s.e_none VALUES (\(base), 0, 'x')",
      "UPDATE s.f_wide SET v = v + 1 WHERE id MOD 11 = \(round % 11)",
      "DELETE FROM s.f_wide WHERE id = \(round * 7 + 3)",
      "INSERT INTO s.g_empty VALUES (\(round), \(round))",
      "UPDATE s.h_time SET at = at + INTERVAL 1 YEAR WHERE v = \(round * 6 + 5)",
    ] { try connection.execute(statement) }
  }

  static func options(_ server: MariaDBServer, _ mode: MariaDBSourceOptions.SnapshotMode) throws -> MariaDBSourceOptions
  {
    var options = try server.source(["s.*"], snapshot: mode)
    options.chunkRows = 40
    options.snapshotThreads = 3
    return options
  }

  static func state(_ server: MariaDBServer) async throws -> [TableName: [String: String]] {
    let run = LiveRun(try options(server, .only))
    try await run.finished()
    #expect(run.output.target.faults.isEmpty)
    return run.output.target.rows.filter { !$0.value.isEmpty }
  }

  @Test func `a snapshot under load and the stream behind it end in the source's state`() async throws {
    let server = try MariaDBServer()
    try SnapshotTests.fill(server)
    let run = LiveRun(try SnapshotTests.options(server, .initial))
    for round in 0..<20 { try SnapshotTests.storm(server, round) }
    let end = try server.query("SELECT @@gtid_binlog_pos")[0][0] ?? ""
    #expect(await run.reaches { $0.batches.last?.position.text == end })
    try await run.stopped()
    let target = run.output.target
    #expect(target.faults.isEmpty, "\(target.faults.prefix(5))")
    let expected = try await SnapshotTests.state(server)
    #expect(target.rows.filter { !$0.value.isEmpty } == expected)
    #expect(run.output.progress?.tablesDone == 8)
  }

  @Test func `a snapshot that is killed behind any batch goes on with nothing lost or repeated`() async throws {
    let server = try MariaDBServer()
    try SnapshotTests.fill(server)
    let first = LiveRun(try SnapshotTests.options(server, .initial), until: .now)
    try await first.finished()
    let batches = first.output.batches
    #expect(batches.count > 30)
    for (round, cut) in stride(from: 0, to: batches.count, by: max(1, batches.count / 9)).enumerated() {
      var target = LiveTarget()
      for batch in batches[...cut] { target.take(batch) }
      try SnapshotTests.storm(server, round)
      // The second attempt is killed, too.
      let second = LiveRun(try SnapshotTests.options(server, .initial), from: [target.checkpoint], until: .now)
      try await second.finished()
      let half = second.output.batches.count / 2
      for batch in second.output.batches[..<half] { target.take(batch) }
      try SnapshotTests.storm(server, round + 40)
      let places = [batches[cut].position.token, target.checkpoint?.token ?? ""]
      let third = LiveRun(try SnapshotTests.options(server, .initial), from: [target.checkpoint], until: .now)
      try await third.finished()
      for batch in third.output.batches { target.take(batch) }
      #expect(target.faults.isEmpty, "cut \(cut): \(target.faults.prefix(5)), resumed at \(places)")
      let expected = try await SnapshotTests.state(server)
      #expect(target.rows.filter { !$0.value.isEmpty } == expected, "cut \(cut)")
    }
  }

  @Test func `two sinks that stopped at different places of a snapshot are brought level`() async throws {
    let server = try MariaDBServer()
    try SnapshotTests.fill(server)
    let first = LiveRun(try SnapshotTests.options(server, .initial), until: .now)
    try await first.finished()
    let batches = first.output.batches
    var targets = [LiveTarget(), LiveTarget(), LiveTarget()]
    for batch in batches[..<(batches.count / 4)] { targets[0].take(batch) }
    for batch in batches[..<(batches.count * 2 / 3)] { targets[1].take(batch) }
    try SnapshotTests.storm(server, 3)
    for attempt in 0..<6 {
      let source = try SnapshotTests.options(server, .initial)
      let checkpoints = targets.map(\.checkpoint)
      let run = LiveRun(source, from: checkpoints, until: .now)
      let failure = await run.failure()
      for index in targets.indices { try run.deliver(to: &targets[index], from: checkpoints[index]) }
      guard let failure else { break }
      #expect(failure.code == .busy && attempt < 5)
      try SnapshotTests.storm(server, 10 + attempt)
    }
    let expected = try await SnapshotTests.state(server)
    for target in targets {
      #expect(target.faults.isEmpty, "\(target.faults.prefix(5))")
      #expect(target.rows.filter { !$0.value.isEmpty } == expected)
    }
  }

  @Test func `a snapshot and the log give the same cells for every type`() async throws {
    let server = try MariaDBServer()
    try server.run("SET GLOBAL sql_mode='ALLOW_INVALID_DATES'", "CREATE DATABASE s")
    let connection = try server.client()
    for statement in SnapshotTests.everyType { try connection.execute(statement) }
    var options = try server.source(["s.*"])
    options.start = .earliest
    let stream = LiveRun(options, until: .now)
    try await stream.finished()
    let expected = try await SnapshotTests.state(server)
    let logged = stream.output.target
    #expect(logged.faults.isEmpty)
    for (table, rows) in expected {
      for (key, row) in rows {
        let other = logged.rows[table]?[key]?.split(separator: "|") ?? []
        for (index, cell) in row.split(separator: "|").enumerated() {
          #expect(other.indices.contains(index) && other[index] == cell, "column \(index) of row \(key)")
        }
      }
    }
    #expect(expected.count == 1 && expected.first?.value.count == 4)
  }

  private static let everyType = [
    "SET sql_mode='ALLOW_INVALID_DATES', time_zone='+03:00'",
    """
    CREATE TABLE s.types (id INT PRIMARY KEY, i8 TINYINT, u8 TINYINT UNSIGNED, i16 SMALLINT, u24 MEDIUMINT UNSIGNED,
      u64 BIGINT UNSIGNED, z INT(8) ZEROFILL, d1 DECIMAL(12,2), d2 DECIMAL(65,30), d3 DECIMAL(18,0), f FLOAT, fd FLOAT(7,3), g DOUBLE,
      b BIT(13), yes BOOL, c CHAR(10), vc VARCHAR(30) CHARACTER SET latin1, vg VARCHAR(30) CHARACTER SET gbk, t TEXT,
      bin BINARY(6), vb VARBINARY(20), bl BLOB, dt DATE, t0 TIME, t6 TIME(6), dt0 DATETIME, dt3 DATETIME(3), ts TIMESTAMP NULL,
      ts6 TIMESTAMP(6) NULL, y YEAR, e ENUM('x','ß','z,w'), st SET('p','q','r'), j JSON, geo POINT, u UUID, ip4 INET4, ip6 INET6,
      gen INT AS (i8 + 1) STORED, vir INT AS (i8 + 2) VIRTUAL, inv INT INVISIBLE DEFAULT 4)
    """,
    """
    INSERT INTO s.types (id, i8, u8, i16, u24, u64, z, d1, d2, d3, f, fd, g, b, yes, c, vc, vg, t, bin, vb, bl, dt, t0, t6, dt0, dt3, ts,
      ts6, y, e, st, j, geo, u, ip4, ip6) VALUES
      (1, -128, 255, -32768, 16777215, 18446744073709551615, 42, -9999999999.99, -12345678901234567890123456789012345.123456789012345678901234567890,
       -999999999999999999, 0.1, 1.234, 1e-300, b'1010101010101', true, 'pad  ', 'Å€', '中文', '😀', 'a', X'00FF', X'00010203', '2024-02-29', '-838:59:59',
       '-00:00:00.000001', '9999-12-31 23:59:59', '2024-05-06 07:08:09.123', '2024-01-01 00:00:00', '2038-01-19 03:14:07.999999', 2155, 'ß', 'p,r',
       '{"a": [1, 2.50]}', POINT(1.5, -2), '123e4567-e89b-12d3-a456-426655440000', '192.0.2.1', '2001:db8::1'),
      (2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16777217, 0, 0.1, 0, 0, '', '', '', '', '', '', '', '0000-00-00', '00:00:00', '838:59:59', '0000-00-00 00:00:00',
       '2023-02-30 00:00:00', '0000-00-00 00:00:00', '1970-01-01 03:00:01', 0, '', '', '[]', NULL, '00000000-0000-0000-0000-000000000000', '0.0.0.0', '::'),
      (3, 1, 1, 1, 1, 9223372036854775808, 99999999, 0.01, 0.000000000000000000000000000001, 1, 3.4e38, 9999.999, 1.7976931348623157e308, b'1', 1, 'x', 'y', 'z', REPEAT('long ', 5000),
       'abcdef', 'v', REPEAT(X'00', 300), '2024-00-10', '12:34:56', '12:34:56.100000', '1000-01-01', '1000-01-01 00:00:00.001', NOW(), NOW(6), 1901, 'z,w', 'q',
       'null', POINT(0,0), 'ffffffff-ffff-ffff-ffff-ffffffffffff', '255.255.255.255', '::ffff:192.0.2.1')
    """,
    "INSERT INTO s.types (id) VALUES (4)",
  ]
}

extension LiveRun {
  /// Delivers as a pipeline does: covered transactions are left out, and a checkpoint never goes back.
  func deliver(to target: inout LiveTarget, from checkpoint: Position?) throws {
    let positions = coverage
    var isCaughtUp = checkpoint == nil
    for batch in output.batches {
      var parts: [TransactionPart] = []
      for part in batch.transactions {
        if let checkpoint, !isCaughtUp, try positions.covers(part.mark, isSnapshot: part.isSnapshot, in: checkpoint) {
          continue
        }
        parts.append(part)
      }
      if let checkpoint, !isCaughtUp { isCaughtUp = try positions.hasReached(checkpoint, at: batch.position) }
      let kept = Batch(
        arena: batch.arena, cells: batch.cells, changes: batch.changes, transactions: parts, schemas: batch.schemas,
        schemaChanges: batch.schemaChanges, position: isCaughtUp ? batch.position : checkpoint ?? batch.position,
        logBytes: 0, readAt: 0)
      target.take(kept)
    }
  }
}
