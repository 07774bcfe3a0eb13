import Change
import Foundation
import PrivateServers
import SQLiteDatabase
import TestRandom
import Testing

/// Transforms in the running program: what arrives is what they make of the source's rows, whatever happens on the way.
@Suite(.serialized) struct TransformTests {
  private static let secret = "a secret of 27 bytes, plain"

  /// What MariaDB itself says to HMAC-SHA-256: two hashes around the key's two blocks.
  private static func hash(_ term: String) -> String {
    let key = Array(secret.utf8) + Array(repeating: 0, count: 64 - secret.utf8.count)
    func block(_ pad: UInt8) -> String { "X'" + key.map { String(format: "%02x", $0 ^ pad) }.joined() + "'" }
    return "SHA2(CONCAT(\(block(0x5c)), UNHEX(SHA2(CONCAT(\(block(0x36)), \(term)), 256))), 256)"
  }

  private static let transforms = [
    "{ only: { table: bank.events, operations: [insert, read] } }",
    "{ mask: { table: bank.items, columns: { body: hash, code: last4 }, secret: \"\(secret)\" } }",
    "{ mask: { table: bank.ledger, columns: { tx: hash }, secret: \"\(secret)\" } }",
    "{ project: { table: bank.items, exclude: [at], rename: { amount: total }, order: [total] } }",
    "{ route: { from: 'bank\\.(.*)', to: 'vault.copy_$1' } }",
  ]

  @Test func afterKillsTheCopyIsWhatTheTransformsMakeOfTheSource() throws {
    let server = try PrivateMariaDB()
    try MixedWorkload.prepare(server, seedRows: 20_000)
    let directory = try TemporaryDirectory(prefix: "freshet-transform-kills")
    let database = directory.appending("copy.db")
    let pipeline = try PipelineText.write(
      server, in: directory, transforms: TransformTests.transforms,
      sinks: ["{ name: copy, type: sqlite, path: \"\(database)\" }"])
    let workload = MixedWorkload()
    workload.start(server, seed: KillTests.seed, secondsPerSchemaChange: 1)
    var random = SeededRandom(seed: KillTests.seed)
    for _ in 0..<12 {
      let process = try FreshetProcess(["run", pipeline], log: directory.appending("run.log"))
      let status = process.wait(seconds: Double.random(in: 0.2...1.5, using: &random))
      try #require(status == nil, "the program ended by itself: \(process.messages)")
      process.kill()
    }
    try workload.stop()
    #expect(workload.schemaChanges > 2)
    let report = directory.appending("report.json")
    let last = try FreshetProcess(
      ["run", pipeline, "--until", "now", "--report", report], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
    let comparison = CopyComparison(server: server, database: database, archive: "")
    try comparison.expectEqual(TransformTests.items(server), columns: 5, "total, id, code, body")
    try comparison.expectEqual(
      (
        "SELECT \(TransformTests.hash("tx")), ordinal, note FROM bank.ledger",
        "SELECT tx, ordinal, note FROM copy_ledger"
      ),
      columns: 3, "ledger")
    try comparison.expectEqual(
      ("SELECT id, balance FROM bank.accounts", "SELECT id, balance FROM copy_accounts"), columns: 2, "accounts")
    try comparison.expectEqual(
      ("SELECT id, body FROM bank.seed", "SELECT id, body FROM copy_seed"), columns: 2, "seed")
    try TransformTests.expectBalance(report)
  }

  /// The same rows of `items` as the source has them and as the copy does; with a column that the last change may have added.
  private static func items(_ server: PrivateMariaDB) throws -> (source: String, target: String) {
    let names = try server.query(
      """
      SELECT column_name FROM information_schema.columns
        WHERE table_schema = 'bank' AND table_name = 'items' AND column_name LIKE 'extra%'
      """)
    let extra = names.first?.first.flatMap { $0 }
    let code = "IF(CHAR_LENGTH(code) > 4, CONCAT('***', RIGHT(code, 4)), '***')"
    return (
      "SELECT amount, id, \(code), \(hash("body")), \(extra.map { "`\($0)`" } ?? "0") FROM bank.items",
      "SELECT total, id, code, body, \(extra.map { "\"\($0)\"" } ?? "0") FROM copy_items"
    )
  }

  private static func expectBalance(_ report: String) throws {
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: report)))
    let sinks = try #require((json as? [String: Any])?["sinks"] as? [String: [String: Any]])
    let tables = try #require(sinks["copy"]?["tables"] as? [String: [String: Int]])
    for (name, account) in tables {
      #expect(name.hasPrefix("bank."), "\(name) is no table of the source")
      #expect(account["unaccounted"] == 0, "\(name): \(account)")
    }
  }

  @Test func thePlanShowsWhatTheSinksGetAndWhatIsSpelledWrong() throws {
    let server = try ShopServer.start()
    let directory = try TemporaryDirectory(prefix: "freshet-transform-plan")
    let pipeline = try PipelineText.write(
      server, tables: "shop.orders", in: directory,
      transforms: [
        "{ project: { table: shop.orders, exclude: updated } }",
        "{ mask: { table: shop.orders, columns: { status: redact } } }",
        "{ route: { from: 'shop.orders', to: 'warehouse.sales' } }",
      ], sinks: ["{ name: copy, type: sqlite, path: \"\(directory.appending("copy.db"))\" }"])
    let result = try ShellCommand("freshet plan '\(pipeline)'", in: directory)
    #expect(result.exitStatus == 0, "\(result.errors)")
    #expect(result.output.contains("behind the transforms:"))
    #expect(result.output.contains("warehouse.sales"))
    #expect(result.output.contains("CREATE TABLE \"sales\""), "\(result.output)")
    #expect(!result.output.contains("CREATE TABLE \"orders\""))
    let wrong = try ShellCommand(
      "freshet plan '\(pipeline)' --set transforms.0.project.exclude=nothing", in: directory)
    #expect(wrong.exitStatus == 78)
    #expect(wrong.errors.contains("`project` names column \"nothing\""), "\(wrong.errors)")
    // The mask of a table that is spelled wrong would let the table pass: nothing begins.
    for command in ["plan '\(pipeline)'", "run '\(pipeline)' --until now"] {
      let misspelt = try ShellCommand("freshet \(command) --set transforms.1.mask.table=shop.odrers", in: directory)
      #expect(misspelt.exitStatus == 78)
      #expect(
        misspelt.errors.contains("no table \"shop.odrers\" comes to this transform (did you mean \"shop.orders\"?)"),
        "\(misspelt.errors)")
    }
    let copy = try SQLiteConnection(path: directory.appending("copy.db"), mode: .readOnly)
    let tables = try SQLiteStatement(copy, "SELECT count(*) FROM sqlite_master WHERE name = 'sales'")
    #expect(try tables.step())
    #expect(tables.string(0) == "0")
    let pattern = try ShellCommand(
      "freshet plan '\(pipeline)' --set 'transforms.1.mask.table=shop.odrers*'", in: directory)
    #expect(pattern.exitStatus == 0)
    #expect(pattern.errors.contains("no table is known that a transform is about"), "\(pattern.errors)")
    let column = try ShellCommand(
      "freshet plan '\(pipeline)' --set 'transforms.1.mask.table=*' --set transforms.1.mask.columns.stauts=redact",
      in: directory)
    #expect(column.exitStatus == 78)
    #expect(column.errors.contains("none of its tables has (did you mean \"status\"?)"), "\(column.errors)")
    // A pipeline that has begun is only warned: its log may tell of a table that is gone.
    let run = "freshet run '\(pipeline)' --until now"
    #expect(try ShellCommand(run, in: directory).exitStatus == 0)
    let again = try ShellCommand("\(run) --set transforms.1.mask.table=shop.odrers", in: directory)
    #expect(again.exitStatus == 0, "\(again.errors)")
    #expect(
      again.errors.contains("the transforms or windows do not suit the tables that the source has now"),
      "\(again.errors)")
  }
}

extension CopyComparison {
  /// Expects two queries to give the same rows, in any order.
  fileprivate func expectEqual(_ queries: (source: String, target: String), columns: Int, _ what: String) throws {
    let expected = try server.query(queries.source).map { $0.map { $0 ?? "\\N" }.joined(separator: "|") }.sorted()
    let connection = try SQLiteConnection(path: database, mode: .readOnly)
    let statement = try SQLiteStatement(connection, queries.target)
    var found: [String] = []
    while try statement.step() {
      found.append((0..<columns).map { statement.string($0) ?? "\\N" }.joined(separator: "|"))
    }
    found.sort()
    #expect(found.count == expected.count, "rows of \(what)")
    #expect(found == expected, "\(what): \(Set(found).symmetricDifference(expected).sorted().prefix(6))")
  }
}
