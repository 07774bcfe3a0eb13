import Change
import ConnectorConformance
import MariaDBClient
import Pipeline
import TestServers
import Testing

@testable import MariaDBConnector

@Suite(.serialized, .timeLimit(.minutes(2))) struct SinkBehaviourTests {
  private let items = itemsSchema()

  private func row(_ id: Int64, _ name: String, _ builder: BatchBuilder, amount: Int64 = 0) -> [Cell] {
    [.int(id), builder.text(name), .int(amount)]
  }

  @Test func aGroupLargerThanMemoryIsOneTransaction() async throws {
    let target = try SinkTestTarget()
    let sink = try target.sink(memory: 2 << 20)
    _ = try await sink.open()
    try await sink.deliver(target.batch { $0.insert(items, row(0, "first", $0)) }, target.checkpoint(1))
    for round in 0..<8 {
      let batch = target.batch { builder in
        for id in 0..<8000 {
          builder.insert(items, row(Int64(1 + round * 8000 + id), "a name of forty letters", builder))
        }
      }
      try await sink.write(batch, parts: batch.transactions.indices)
      #expect(try target.rows("SELECT COUNT(*) FROM items") == ["1"])
    }
    let receipt = try await sink.commit(target.checkpoint(2))
    #expect(receipt.outcomes[items.name]?.delivered == 64_000)
    #expect(try target.rows("SELECT COUNT(*), SUM(id) FROM items") == ["64001|\(64_000 * 64_001 / 2)"])
    #expect(try target.position == "0-1-2")
    await sink.close()
  }

  @Test func rowsThatAreAlreadyThereAreReplacedByThoseOfTheSource() async throws {
    let target = try SinkTestTarget()
    try target.client.execute("CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40), amount INT)")
    try target.client.execute("INSERT INTO items SELECT seq, 'stale', 7 FROM seq_1_to_300")
    let sink = try target.sink()
    _ = try await sink.open()
    try await sink.deliver(
      target.batch { builder in for id in 1...400 { builder.insert(items, row(Int64(id), "new", builder)) } },
      target.checkpoint(1))
    #expect(try target.rows("SELECT name, amount, COUNT(*) FROM items GROUP BY 1, 2") == ["new|0|400"])
    await sink.close()
  }

  @Test func aBadRowStopsTheGroupAndNamesTableAndKeyColumnsButNoValue() async throws {
    let target = try SinkTestTarget()
    try target.client.execute(
      "CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40), amount INT CHECK (amount < 5))")
    let sink = try target.sink()
    _ = try await sink.open()
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(
        target.batch { builder in
          for id in 1...300 { builder.insert(items, row(Int64(id), "secret", builder, amount: id == 77 ? 9 : 1)) }
        }, target.checkpoint(1))
    }
    #expect(failure?.code == .badValue)
    let text = failure?.description ?? ""
    #expect(text.contains("shop.items") && text.contains("\"id\"") && text.contains("0-1-1"))
    #expect(!text.contains("secret") && !text.contains("77"))
    await sink.close()
    #expect(try target.rows("SELECT COUNT(*) FROM items") == ["0"])
  }

  @Test(arguments: [3, 300]) func badRowsAreSetAsideAndTheOthersArrive(_ count: Int) async throws {
    let target = try SinkTestTarget()
    try target.client.execute(
      "CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40), amount INT CHECK (amount < 5))")
    let sink = try target.sink(badRows: .quarantine)
    _ = try await sink.open()
    let receipt = try await sink.deliver(
      target.batch { builder in
        for id in 1...count { builder.insert(items, row(Int64(id), "x", builder, amount: id % 150 == 2 ? 9 : 1)) }
        // The row that was set aside is not there; an update of it in the same group is.
        builder.update(items, row(1, "x", builder, amount: 1), row(1, "y", builder, amount: 2))
        builder.update(items, [.int(5000), .absent, .absent], [.absent, builder.text("nobody"), .absent])
      }, target.checkpoint(1))
    let bad = (1...count).count { $0 % 150 == 2 }
    #expect(
      receipt.outcomes[items.name]
        == Outcome(delivered: UInt64(count - bad), superseded: 1, quarantined: UInt64(bad + 1)))
    #expect(try target.rows("SELECT COUNT(*), MIN(name) FROM items WHERE id <> 1") == ["\(count - bad - 1)|x"])
    #expect(try target.rows("SELECT name FROM items WHERE id = 1") == ["y"])
    #expect(
      try target.rows("SELECT `key`, operation FROM \(target.state)._freshet_quarantine ORDER BY id").contains(
        #"{"id":2}|insert"#))
    #expect(try target.rows("SELECT COUNT(*) FROM \(target.state)._freshet_quarantine") == ["\(bad + 1)"])
    await sink.close()
  }

  @Test func aValueThatTheTargetWouldOnlyRoundStopsTheGroup() async throws {
    let target = try SinkTestTarget()
    let schema = TableSchema(
      name: TableName(namespace: "shop", table: "prices"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 32, unsigned: false), isNullable: false),
        ColumnSchema(name: "price", type: .decimal(precision: 10, scale: 2, unsigned: false)),
      ], key: [0])
    try target.client.execute("CREATE TABLE prices (id INT PRIMARY KEY, price DECIMAL(10,2))")
    let sink = try target.sink()
    _ = try await sink.open()
    let failure = await #expect(throws: Failure.self) {
      try await sink.deliver(
        target.batch { $0.insert(schema, [.int(1), .decimal64(unscaled: 12_345, scale: 3)]) }, target.checkpoint(1))
    }
    #expect(failure?.code == .badValue)
    await sink.close()
    #expect(try target.rows("SELECT COUNT(*) FROM prices") == ["0"])
  }

  @Test func zeroDatesAndDatesOfNoCalendarArriveAsTheyAre() async throws {
    let target = try SinkTestTarget()
    let schema = TableSchema(
      name: TableName(namespace: "shop", table: "dates"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 32, unsigned: false), isNullable: false),
        ColumnSchema(name: "d", type: .date), ColumnSchema(name: "t", type: .timestamp(fraction: 0)),
        ColumnSchema(name: "z", type: .timestampZoned(fraction: 0)),
      ], key: [0])
    let sink = try target.sink()
    _ = try await sink.open()
    let zero = Cell.civil(CivilTime(year: 0, month: 0, day: 0))
    // Once as text, and once, with many rows, in the binary form.
    for (group, count) in [2, 300].enumerated() {
      try await sink.deliver(
        target.batch { builder in
          for id in 0..<count {
            let odd = Cell.civil(CivilTime(year: 2023, month: 2, day: 30, hour: 1))
            let day = id % 2 == 0 ? zero : .civil(CivilTime(year: 2023, month: 2, day: 30))
            builder.insert(schema, [.int(Int64(group * 1000 + id)), day, id % 2 == 0 ? zero : odd, zero])
          }
        }, target.checkpoint(group))
    }
    #expect(
      try target.rows("SELECT d, t, z, COUNT(*) FROM dates GROUP BY 1, 2, 3 ORDER BY 1") == [
        "0000-00-00|0000-00-00 00:00:00|0000-00-00 00:00:00|151",
        "2023-02-30|2023-02-30 01:00:00|0000-00-00 00:00:00|151",
      ])
    await sink.close()
  }

  @Test func numbersOfRowsAreTheSourcesAlsoWhereTheyAreZero() async throws {
    let target = try SinkTestTarget()
    try target.client.execute("CREATE TABLE items (id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40), amount INT)")
    let sink = try target.sink()
    _ = try await sink.open()
    try await sink.deliver(
      target.batch { builder in
        builder.insert(items, row(0, "zero", builder))
        builder.insert(items, row(-5, "less", builder))
      }, target.checkpoint(1))
    #expect(try target.rows("SELECT id FROM items ORDER BY id") == ["-5", "0"])
    await sink.close()
  }

  @Test(arguments: ["", ", UNIQUE (amount)"])
  func columnsOfTheTargetsOwnKeepTheirValues(_ unique: String) async throws {
    let target = try SinkTestTarget()
    try target.client.execute(
      "CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40), amount INT, mine VARCHAR(10) DEFAULT 'new'\(unique))"
    )
    let sink = try target.sink()
    _ = try await sink.open()
    try await sink.deliver(
      target.batch { builder in for id: Int64 in 1...2 { builder.insert(items, row(id, "x", builder, amount: id)) } },
      target.checkpoint(1))
    try target.client.execute("UPDATE items SET mine = 'kept'")
    // Both rows trade their amounts.
    try await sink.deliver(
      target.batch { builder in
        for (id, old, new) in [(1, 1, 3), (2, 2, 1), (1, 3, 2)] as [(Int64, Int64, Int64)] {
          builder.update(items, row(id, "x", builder, amount: old), row(id, "y", builder, amount: new))
        }
      }, target.checkpoint(2))
    #expect(try target.rows("SELECT * FROM items ORDER BY id") == ["1|y|2|kept", "2|y|1|kept"])
    await sink.close()
  }

  @Test func foreignKeysOfTheTargetActAsTheirLogDoesNotTell() async throws {
    let target = try SinkTestTarget()
    try target.client.execute("CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR(40), amount INT)")
    try target.client.execute(
      "CREATE TABLE parts (id BIGINT PRIMARY KEY, name VARCHAR(40), amount INT, item BIGINT DEFAULT 1, "
        + "FOREIGN KEY (item) REFERENCES items (id) ON DELETE CASCADE ON UPDATE CASCADE)")
    let sink = try target.sink()
    _ = try await sink.open()
    let parts = itemsSchema("parts")
    try await sink.deliver(
      target.batch { builder in
        builder.insert(items, row(1, "one", builder))
        builder.insert(parts, row(10, "part", builder))
        builder.update(items, row(1, "one", builder), row(2, "one", builder))
      }, target.checkpoint(1))
    #expect(try target.rows("SELECT id, item FROM parts") == ["10|2"])
    try await sink.deliver(target.batch { $0.delete(items, row(2, "one", $0)) }, target.checkpoint(2))
    #expect(try target.rows("SELECT COUNT(*) FROM parts") == ["0"])
    await sink.close()
  }

  @Test func rowsThatDifferOnlyInCaseAreToldApartWithoutAKey() async throws {
    let target = try SinkTestTarget()
    try target.client.execute(
      "CREATE TABLE items (id BIGINT, name VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, amount INT)")
    let schema = itemsSchema(key: [])
    let sink = try target.sink()
    _ = try await sink.open()
    try await sink.deliver(
      target.batch { builder in
        for name in ["ab", "AB", "ab ", "AB"] { builder.insert(schema, row(1, name, builder)) }
        builder.delete(schema, row(1, "AB", builder))
        builder.update(schema, row(1, "ab ", builder), row(1, "cd", builder))
      }, target.checkpoint(1))
    #expect(try target.rows("SELECT name FROM items ORDER BY BINARY name") == ["AB", "ab", "cd"])
    await sink.close()
  }

  @Test func aRowLargerThanMaxAllowedPacketIsToldWithItsLimit() async throws {
    let server = try MariaDBServer(options: ["max_allowed_packet": "1M"])
    let target = try SinkTestTarget(server)
    let schema = TableSchema(
      name: TableName(namespace: "shop", table: "texts"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 32, unsigned: false), isNullable: false),
        ColumnSchema(name: "body", type: .text(length: 0)),
      ], key: [0])
    let sink = try target.sink(badRows: .quarantine)
    _ = try await sink.open()
    let receipt = try await sink.deliver(
      target.batch { builder in
        for id in 0..<8 {
          builder.insert(schema, [.int(Int64(id)), builder.text(String(repeating: "x", count: 300_000))])
        }
      }, target.checkpoint(1))
    #expect(receipt.outcomes[schema.name] == Outcome(delivered: 8))
    #expect(try target.rows("SELECT COUNT(*), SUM(LENGTH(body)) FROM texts") == ["8|2400000"])
    await sink.close()
    let strict = try target.sink()
    _ = try await strict.open()
    let failure = await #expect(throws: Failure.self) {
      try await strict.deliver(
        target.batch { $0.insert(schema, [.int(100), $0.text(String(repeating: "x", count: 2_000_000))]) },
        target.checkpoint(2))
    }
    #expect(failure?.code == .badValue && failure?.message.contains("max_allowed_packet") == true)
    await strict.close()
  }
}
