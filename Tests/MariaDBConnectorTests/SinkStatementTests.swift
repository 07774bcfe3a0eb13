import Change
import ConnectorConformance
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

/// What the sink sends, where a group needs more than one statement.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SinkStatementTests {
  /// `items` with columns that no update here changes.
  private let wide = TableSchema(
    name: TableName(namespace: "shop", table: "wide"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "name", type: .text(length: 200), isNullable: false),
      ColumnSchema(name: "amount", type: .integer(bits: 32, unsigned: false), isNullable: false),
      ColumnSchema(name: "at", type: .timestamp(fraction: 0), isNullable: false),
    ], key: [0])
  private static let moment: Int64 = 1_767_225_600_000_000

  private func row(_ id: Int64, _ builder: BatchBuilder, amount: Int64) -> [Cell] {
    [.int(id), builder.text("name \(id)"), .int(amount), .timestamp(microseconds: Self.moment)]
  }

  private func updates(_ target: SinkTestTarget, _ ids: ClosedRange<Int64>) -> Batch {
    target.batch { builder in
      for id in ids { builder.update(wide, row(id, builder, amount: 1), row(id, builder, amount: 2)) }
    }
  }

  private func filled(_ target: SinkTestTarget, _ change: (MariaDBSink) -> Void = { _ in }) async throws -> MariaDBSink
  {
    let sink = try target.sink()
    sink.quickEntries = 0
    _ = try await sink.open()
    try await sink.deliver(
      target.batch { builder in for id in 1...1000 { builder.insert(wide, row(Int64(id), builder, amount: 1)) } },
      target.checkpoint(1))
    return sink
  }

  @Test func updatesStoreTheColumnsThatChanged() async throws {
    let target = try SinkTestTarget()
    let sink = try await filled(target)
    // What is changed behind the sink's back shows which columns it stores.
    try target.client.execute("UPDATE wide SET name = 'kept' WHERE id = 7")
    let receipt = try await sink.deliver(updates(target, 1...900), target.checkpoint(2))
    #expect(receipt.outcomes[wide.name] == Outcome(delivered: 900))
    #expect(try target.rows("SELECT amount, COUNT(*) FROM wide GROUP BY 1 ORDER BY 1") == ["1|100", "2|900"])
    #expect(
      try target.rows("SELECT COUNT(*) FROM wide WHERE name = CONCAT('name ', id) AND at = '2026-01-01'") == ["999"])
    #expect(try target.rows("SELECT name FROM wide WHERE id = 7") == ["kept"])
    await sink.close()
  }

  @Test(arguments: [[5], [1, 2, 3, 500, 900]]) func aRowThatIsMissingIsInsertedWhole(_ missing: [Int]) async throws {
    let target = try SinkTestTarget()
    let sink = try await filled(target)
    try target.client.execute("DELETE FROM wide WHERE id IN (\(missing.map(String.init).joined(separator: ",")))")
    try await sink.deliver(updates(target, 1...900), target.checkpoint(2))
    #expect(try target.rows("SELECT COUNT(*), SUM(amount) FROM wide WHERE name = CONCAT('name ', id)") == ["1000|1900"])
    #expect(try target.rows("SELECT COUNT(*) FROM wide WHERE at <> '2026-01-01'") == ["0"])
    await sink.close()
  }

  /// A group of a few rows is one text with its commit: what must not be committed ends it before.
  @Test func aSmallGroupThatLosesAValueOrMissesARowCommitsNothing() async throws {
    let target = try SinkTestTarget()
    try target.client.execute("CREATE TABLE wide (id BIGINT PRIMARY KEY, name VARCHAR(200), amount INT, at DATETIME)")
    let sink = try target.sink()
    _ = try await sink.open()
    try await sink.deliver(target.batch { $0.insert(wide, row(1, $0, amount: 1)) }, target.checkpoint(1))
    let partial = target.batch { builder in
      builder.insert(wide, row(2, builder, amount: 2))
      builder.update(wide, row(77, builder, amount: 1), [.int(77), .absent, .int(5), .absent])
    }
    var failure = await #expect(throws: Failure.self) { try await sink.deliver(partial, target.checkpoint(2)) }
    #expect(failure?.code == .badValue)
    #expect(try target.rows("SELECT id FROM wide") == ["1"] && target.position == "0-1-1")
    await sink.close()
    let next = try target.sink()
    _ = try await next.open()
    try await next.deliver(target.batch { $0.delete(wide, row(9, $0, amount: 1)) }, target.checkpoint(1))
    // Behind the sink's back: from here on the target rounds.
    try target.client.execute("ALTER TABLE wide MODIFY amount DECIMAL(8,0)")
    failure = await #expect(throws: Failure.self) {
      try await next.deliver(
        target.batch { $0.insert(wide, [.int(3), $0.text("x"), .decimal64(unscaled: 15, scale: 1), .null]) },
        target.checkpoint(2))
    }
    #expect(failure?.code == .badValue)
    #expect(try target.rows("SELECT id FROM wide") == ["1"] && target.position == "0-1-1")
    await next.close()
  }

  @Test func severalChangesOfARowStoreWhatAnyOfThemChanged() async throws {
    let target = try SinkTestTarget()
    let sink = try await filled(target)
    try await sink.deliver(
      target.batch { builder in
        for id in Int64(1)...300 {
          var named = row(id, builder, amount: 1)
          named[1] = builder.text("new \(id)")
          var both = row(id, builder, amount: 5)
          both[1] = builder.text("new \(id)")
          builder.update(wide, row(id, builder, amount: 1), named)
          builder.update(wide, named, both)
        }
        // Of these it is not known what the target has.
        builder.delete(wide, row(400, builder, amount: 1))
        builder.insert(wide, row(400, builder, amount: 9))
        builder.update(wide, row(400, builder, amount: 9), row(400, builder, amount: 10))
        builder.delete(wide, row(401, builder, amount: 1))
      }, target.checkpoint(2))
    #expect(try target.rows("SELECT COUNT(*) FROM wide WHERE name = CONCAT('new ', id) AND amount = 5") == ["300"])
    #expect(try target.rows("SELECT id, amount FROM wide WHERE id IN (400, 401)") == ["400|10"])
    await sink.close()
  }

  @Test func aTargetThatChecksEveryColumnGetsWholeRows() async throws {
    let target = try SinkTestTarget()
    try target.client.execute(
      "CREATE TABLE wide (id BIGINT PRIMARY KEY, name VARCHAR(200) NOT NULL CHECK (name <> ''), amount INT NOT NULL, "
        + "at DATETIME NOT NULL)")
    let sink = try await filled(target)
    let receipt = try await sink.deliver(updates(target, 1...900), target.checkpoint(2))
    #expect(receipt.outcomes[wide.name] == Outcome(delivered: 900))
    #expect(try target.rows("SELECT COUNT(*) FROM wide WHERE amount = 2 AND name = CONCAT('name ', id)") == ["900"])
    await sink.close()
  }

  /// Columns that did not change are left out, which the server takes only where it would cut values that do not fit, too.
  @Test(arguments: [false, true]) func aValueThatDoesNotFitIsRefusedWhereColumnsAreLeftOut(_ isKnown: Bool) async throws
  {
    let target = try SinkTestTarget()
    let sink = try await filled(target)
    if isKnown { try await sink.deliver(updates(target, 1...900), target.checkpoint(2)) }
    // Behind the sink's back.
    try target.client.execute("ALTER TABLE wide MODIFY amount TINYINT NOT NULL")
    let tooLarge = target.batch { builder in
      for id in Int64(1)...900 {
        builder.update(wide, row(id, builder, amount: 1), row(id, builder, amount: id == 600 ? 2000 : 3))
      }
    }
    let failure = await #expect(throws: Failure.self) { try await sink.deliver(tooLarge, target.checkpoint(3)) }
    #expect(failure?.code == .badValue)
    #expect(try target.rows("SELECT COUNT(*) FROM wide WHERE amount IN (3, 127)") == ["0"])
    #expect(try target.position == (isKnown ? "0-1-2" : "0-1-1"))
    await sink.close()
  }

  /// A key that does not fit would be cut to another row's where statements are not strict.
  @Test func aKeyThatIsCutChangesNoOtherRow() async throws {
    let target = try SinkTestTarget()
    let sink = try target.sink(badRows: .quarantine)
    sink.quickEntries = 0
    _ = try await sink.open()
    let ids = Array(Int64(1)...900) + [32_767, 40_000]
    try await sink.deliver(
      target.batch { builder in for id in ids { builder.insert(wide, row(id, builder, amount: 1)) } },
      target.checkpoint(1))
    // Behind the sink's back: 40000 would become 32767.
    try target.client.execute("DELETE FROM wide WHERE id = 40000")
    try target.client.execute("ALTER TABLE wide MODIFY id SMALLINT NOT NULL, MODIFY amount SMALLINT NOT NULL")
    let receipt = try await sink.deliver(
      target.batch { builder in
        for id in ids where id != 32_767 {
          builder.update(wide, row(id, builder, amount: 1), row(id, builder, amount: id == 7 ? 99_999 : 2))
        }
      }, target.checkpoint(2))
    #expect(receipt.outcomes[wide.name] == Outcome(delivered: 899, quarantined: 2))
    #expect(
      try target.rows("SELECT amount, COUNT(*) FROM wide GROUP BY 1 ORDER BY 1") == ["1|2", "2|899"])
    #expect(try target.rows("SELECT id FROM wide WHERE amount = 1 ORDER BY 1") == ["7", "32767"])
    #expect(
      try target.rows("SELECT `key` FROM \(target.state)._freshet_quarantine ORDER BY id")
        == ["{\"id\":7}", "{\"id\":40000}"])
    await sink.close()
  }

  /// A transaction that the server has given up is over, and what was sent ahead must not begin another one.
  @Test func nothingThatWasSentAheadOutlivesItsTransaction() async throws {
    let server = try MariaDBServer(options: ["innodb_rollback_on_timeout": "ON"])
    let target = try SinkTestTarget(server)
    try target.client.execute("CREATE TABLE wide (id BIGINT PRIMARY KEY, name VARCHAR(200), amount INT, at DATETIME)")
    let sink = try target.sink { $0.lockWaitSeconds = 1 }
    _ = try await sink.open()
    try target.client.execute("START TRANSACTION")
    try target.client.execute("INSERT INTO wide VALUES (1, '', 0, 0)")
    // Several statements; the first waits for row 1 until the server gives the transaction up.
    try await sink.write(
      target.batch { builder in for id in Int64(1)...40_000 { builder.insert(wide, row(id, builder, amount: 1)) } },
      parts: 0..<1)
    let writer = try sink.opened().connection.threadId
    let failure = await #expect(throws: Failure.self) { try await sink.commit(target.checkpoint(1)) }
    #expect(failure?.code == .conflict)
    try target.client.execute("ROLLBACK")
    await sink.close()
    // The server ends what it has begun before it notices that nobody listens.
    while try !target.client.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = \(writer)").isEmpty {
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(try target.rows("SELECT COUNT(*) FROM wide") == ["0"])
  }

  @Test func aBadRowInAStatementIsFoundAlsoWhenTheNextOneIsOnItsWay() async throws {
    let target = try SinkTestTarget()
    try target.client.execute(
      "CREATE TABLE wide (id BIGINT PRIMARY KEY, name VARCHAR(200), amount INT CHECK (amount < 5), at DATETIME)")
    let sink = try target.sink(badRows: .quarantine)
    _ = try await sink.open()
    let receipt = try await sink.deliver(
      target.batch { builder in
        for id in Int64(1)...60_000 {
          builder.insert(wide, row(id, builder, amount: id % 20_000 == 100 ? 9 : 1))
        }
      }, target.checkpoint(1))
    #expect(receipt.outcomes[wide.name] == Outcome(delivered: 59_997, quarantined: 3))
    #expect(try target.rows("SELECT COUNT(*) FROM wide") == ["59997"])
    #expect(try target.rows("SELECT COUNT(*) FROM \(target.state)._freshet_quarantine") == ["3"])
    await sink.close()
  }

  @Test func whatWaitsInTheLogsOrderIsSentBeforeItIsTooMuch() async throws {
    let server = try MariaDBServer(options: ["max_allowed_packet": "1M"])
    let target = try SinkTestTarget(server)
    let notes = TableSchema(
      name: TableName(namespace: "shop", table: "notes"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 32, unsigned: false)),
        ColumnSchema(name: "body", type: .text(length: 0)),
      ], key: [])
    let sink = try target.sink()
    _ = try await sink.open()
    let large = String(repeating: "x", count: 400_000)
    try await sink.deliver(
      target.batch { builder in
        builder.insert(notes, [.int(1), builder.text(String(repeating: "y", count: 200_000))])
        for id in 2...4 {
          builder.insert(notes, [.int(Int64(id)), builder.text(String(repeating: "z", count: 900_000))])
        }
        builder.insert(notes, [.int(5), builder.text(large)])
      }, target.checkpoint(1))
    #expect(try target.rows("SELECT COUNT(*), SUM(LENGTH(body)) FROM notes") == ["5|3300000"])
    // One statement that is too large names the row and the limit.
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(
        target.batch { $0.update(notes, [.int(5), $0.text(large)], [.int(5), $0.text(large + "!")]) },
        target.checkpoint(2))
    }
    #expect(failure?.code == .badValue && failure?.message.contains("max_allowed_packet") == true)
    await sink.close()
  }
}
