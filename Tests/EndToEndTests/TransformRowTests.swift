import Foundation
import PrivateServers
import SQLiteDatabase
import TestRandom
import Testing

/// What transforms do to single rows and to schema changes, in the running program, at databases as targets.
@Suite(.serialized) struct TransformRowTests {
  private let server: PrivateMariaDB
  private let target: PrivateMariaDB
  private let directory: TemporaryDirectory
  private var database: String { directory.appending("copy.db") }

  init() throws {
    server = try PrivateMariaDB()
    target = try PrivateMariaDB(options: ["log_bin": nil, "server_id": "2"])
    directory = try TemporaryDirectory(prefix: "freshet-transform-rows")
    try server.execute("CREATE DATABASE shop")
  }

  private func pipeline(_ transforms: [String]) throws -> String {
    let path = try PipelineText.write(
      server, tables: "shop.*", in: directory, name: "shop", transforms: transforms,
      sinks: [
        "{ name: local, type: sqlite, path: \"\(database)\" }",
        "{ name: copy, type: mariadb, url: \"\(target.url())\" }",
        "{ name: archive, type: files, path: \"\(directory.appending("archive"))\", format: json }",
      ])
    try (String(contentsOfFile: path, encoding: .utf8) + "on_bad_row: quarantine\n")
      .write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// Runs up to the log's end; returns the accounts of each sink's tables.
  private func run(_ pipeline: String) throws -> [String: [String: [String: Int]]] {
    let report = directory.appending("report.json")
    let process = try FreshetProcess(
      ["run", pipeline, "--until", "now", "--report", report], log: directory.appending("run.log"))
    try #require(process.wait(seconds: 60) == 0, "\(process.messages)")
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report)))
    let sinks = try #require((json as? [String: Any])?["sinks"] as? [String: [String: Any]])
    return try sinks.mapValues { try #require($0["tables"] as? [String: [String: Int]]) }
  }

  /// The rows that both targets have, which are the same.
  private func rows(_ table: String, _ columns: [String], order: String = "id") throws -> [String] {
    let text = { (row: [String?]) in row.map { $0 ?? "NULL" }.joined(separator: " ") }
    let list = columns.joined(separator: ", ")
    let theirs = try target.query("SELECT \(list) FROM shop.\(table) ORDER BY \(order)").map(text)
    let connection = try SQLiteConnection(path: database, mode: .readOnly)
    let statement = try SQLiteStatement(connection, "SELECT \(list) FROM \(table) ORDER BY \(order)")
    var ours: [String] = []
    while try statement.step() { ours.append(text(columns.indices.map { statement.string($0) })) }
    #expect(ours == theirs)
    return ours
  }

  @Test func aRowWithoutAResultIsOnceInTheQuarantineOfEverySinkWhateverIsKilled() throws {
    try server.execute("CREATE TABLE shop.parts (id INT PRIMARY KEY, code VARCHAR(20))")
    func insert(_ ids: ClosedRange<Int>) throws {
      for id in ids {
        try server.execute("INSERT INTO shop.parts VALUES (\(id), '\(id % 3 == 0 ? "none" : "\(id)")')")
      }
    }
    try insert(1...30)
    let pipeline = try pipeline(["{ compute: { table: shop.parts, columns: { n: \"cast(code as signed)\" } } }"])
    var random = SeededRandom(seed: KillTests.seed)
    for round in 0..<6 {
      let process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"))
      try insert((31 + round * 50)...(80 + round * 50))
      let status = process.wait(seconds: Double.random(in: 0.1...0.8, using: &random))
      try #require(status == nil, "the program ended by itself: \(process.messages)")
      process.kill()
    }
    // A row that was set aside comes in when it is mended, and one that was not goes when it is deleted.
    try server.execute("UPDATE shop.parts SET code = '3' WHERE id = 3")
    try server.execute("DELETE FROM shop.parts WHERE id IN (4, 6)")
    let accounts = try run(pipeline)
    let good = Set(1...330).filter { $0 % 3 != 0 && $0 != 4 }.union([3]).sorted()
    #expect(try rows("parts", ["id", "code", "n"]) == good.map { "\($0) \($0) \($0)" })
    let aside = try rows("parts_freshet_quarantine", ["origin", "row_key", "code"], order: "row_key")
    let bad = (1...330).filter { $0 % 3 == 0 }
    #expect(aside == bad.map { "shop.parts {\"id\":\($0)} badValue" }.sorted())
    for sink in accounts.values {
      for (table, account) in sink { #expect(account["unaccounted"] == 0, "\(table)") }
    }
    let file = try FileManager.default.subpathsOfDirectory(atPath: directory.appending("archive"))
    #expect(file.contains { $0.contains("parts_freshet_quarantine") })
  }

  @Test func partsOfAMergedTableChangeTheirShapeOneAfterTheOther() throws {
    for part in 1...2 {
      try server.execute(
        "CREATE TABLE shop.orders_\(part) (id INT PRIMARY KEY, state VARCHAR(9) NOT NULL, note VARCHAR(9) NOT NULL)")
      try server.execute("INSERT INTO shop.orders_\(part) VALUES (\(part), 'new', 'a')")
    }
    let pipeline = try pipeline(["{ route: { from: 'shop.orders_[0-9]', to: shop.orders, merge: true } }"])
    _ = try run(pipeline)
    for statement in [
      "ALTER TABLE shop.orders_1 DROP COLUMN note", "INSERT INTO shop.orders_1 VALUES (11, 'paid')",
      "INSERT INTO shop.orders_2 VALUES (12, 'paid', 'b')", "UPDATE shop.orders_2 SET note = 'c' WHERE id = 2",
      "ALTER TABLE shop.orders_2 ADD COLUMN n INT NOT NULL", "INSERT INTO shop.orders_2 VALUES (22, 'sent', 'd', 7)",
      "INSERT INTO shop.orders_1 VALUES (21, 'sent')", "ALTER TABLE shop.orders_1 ADD COLUMN n INT NOT NULL",
      "INSERT INTO shop.orders_1 VALUES (31, 'sent', 9)", "ALTER TABLE shop.orders_2 DROP COLUMN note",
      "INSERT INTO shop.orders_2 VALUES (32, 'sent', 8)",
    ] { try server.execute(statement) }
    _ = try run(pipeline)
    #expect(
      try rows("orders", ["id", "state", "note", "n"]) == [
        "1 new a 0", "2 new c 0", "11 paid NULL 0", "12 paid b 0", "21 sent NULL 0", "22 sent d 7", "31 sent NULL 9",
        "32 sent NULL 8",
      ])
  }

  @Test func rowsThatWereThereGetTheMaskedDefaultOfAnAddedColumn() throws {
    try server.execute("CREATE TABLE shop.users (id INT PRIMARY KEY)")
    try server.execute("INSERT INTO shop.users VALUES (1), (2)")
    let masks = "price: hash, age: hash, born: redact, code: last4"
    let pipeline = try pipeline([
      "{ mask: { table: shop.users, columns: { \(masks) }, secret: sixteen-bytes-at-least, missing: warn } }"
    ])
    _ = try run(pipeline)
    // One by one: of several columns in one statement, its words do not say which of them has a default.
    for column in [
      "price DECIMAL(8,2) NOT NULL DEFAULT 1.5", "age INT NOT NULL", "born DATE NOT NULL DEFAULT '2000-01-01'",
      "code VARCHAR(9) DEFAULT '123456'",
    ] { try server.execute("ALTER TABLE shop.users ADD COLUMN \(column)") }
    try server.execute("INSERT INTO shop.users VALUES (3, 1.50, 0, '2000-01-01', '123456')")
    _ = try run(pipeline)
    let found = try rows("users", ["price", "age", "born", "code"])
    #expect(found.count == 3)
    #expect(Set(found).count == 1)
    #expect(found[0].hasSuffix("*** ***3456"))
  }

  @Test func castColumnsAndFieldsOfDocumentsArriveInEveryTarget() throws {
    try server.execute("CREATE TABLE shop.people (id INT PRIMARY KEY, points VARCHAR(20), address JSON)")
    try server.execute(
      """
      INSERT INTO shop.people VALUES (1, '12', '{"city": "Oslo", "geo": {"lat": 59}}'), (2, NULL, NULL),
        (3, 'none', '{}'), (4, '7', '[1]')
      """)
    let pipeline = try pipeline([
      "{ cast: { table: shop.people, columns: { id: 'decimal(12,0)', points: bigint } } }",
      "{ flatten: { table: shop.people, column: address, fields: { city: 'char(30)', geo.lat: bigint } } }",
    ])
    _ = try run(pipeline)
    let columns = ["id", "points", "address_city", "address_geo_lat"]
    #expect(try rows("people", columns) == ["1 12 Oslo 59", "2 NULL NULL NULL"])
    let aside = ["{\"id\":3}", "{\"id\":4}"]
    #expect(try rows("people_freshet_quarantine", ["row_key"], order: "row_key") == aside)
    for statement in [
      "ALTER TABLE shop.people ADD COLUMN note VARCHAR(9) AFTER id", "UPDATE shop.people SET points = '3' WHERE id = 3",
      "UPDATE shop.people SET address = '{\"city\": null, \"geo\": {\"lat\": \"-7\"}}', note = 'x' WHERE id = 1",
      "DELETE FROM shop.people WHERE id IN (2, 4)", "UPDATE shop.people SET id = 9 WHERE id = 3",
    ] { try server.execute(statement) }
    let accounts = try run(pipeline)
    #expect(try rows("people", columns + ["note"]) == ["1 12 NULL -7 x", "9 3 NULL NULL NULL"])
    #expect(accounts.values.allSatisfy { $0["shop.people"]?["unaccounted"] == 0 })
  }
}
