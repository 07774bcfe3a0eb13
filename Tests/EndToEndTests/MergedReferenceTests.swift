import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// Foreign keys at a target whose tables come from the snapshots of two servers, one of which takes longer.
@Suite(.timeLimit(.minutes(2))) struct MergedReferenceTests {
  private static let parents = 300_000

  private struct Sources {
    let orders: PrivateMariaDB
    let customers: PrivateMariaDB

    init() throws {
      (orders, customers) = (try PrivateMariaDB(), try PrivateMariaDB())
      try orders.execute("CREATE DATABASE shop")
      try orders.execute("CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, customer BIGINT NOT NULL)")
      try orders.execute("INSERT INTO shop.orders VALUES (1, 1), (2, \(parents))")
      try customers.execute("CREATE DATABASE shop")
      try customers.execute("CREATE TABLE shop.customers (id BIGINT PRIMARY KEY, name VARCHAR(40))")
      try customers.execute("INSERT INTO shop.customers SELECT seq, 'somebody' FROM shop.seq_1_to_\(parents)")
    }

    func pipeline(_ sink: String, in directory: TemporaryDirectory) throws -> String {
      let path = directory.appending("references.yaml")
      let snapshot = "snapshot: { chunk_rows: 500, threads: 1 }"
      try """
      pipeline: references
      sources:
        - { name: orders, type: mariadb, url: "\(orders.url())", tables: ["shop.*"], \(snapshot) }
        - { name: customers, type: mariadb, url: "\(customers.url())", tables: ["shop.*"], \(snapshot) }
      order: { idle_after: 300ms }
      sinks:
        - \(sink)
      state: "\(directory.path)/state"
      """.write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }
  }

  /// Orders go on coming, of customers that the other server's snapshot has not brought yet.
  private static func run(_ sources: Sources, _ path: String, in directory: TemporaryDirectory) throws {
    let process = try FreshetProcess(["run", path], log: directory.appending("run.log"))
    for number in 3..<60 {
      try sources.orders.execute("INSERT INTO shop.orders VALUES (\(number), \(parents - number))")
      if let status = process.wait(seconds: 0.05) {
        Issue.record("the program ended by itself with \(status): \(process.messages)")
        return
      }
    }
    process.signal(SIGTERM)
    #expect(process.wait() == 0, "\(process.messages)")
    let last = try FreshetProcess(["run", path, "--until", "now"], log: directory.appending("run.log"))
    #expect(last.wait() == 0, "\(last.messages)")
  }

  @Test func theLogOfOneIsAppliedWhileTheOtherReadsItsTablesIntoMariaDB() throws {
    let sources = try Sources()
    let target = try PrivateMariaDB()
    try target.execute("CREATE DATABASE shop")
    try target.execute("CREATE TABLE shop.customers (id BIGINT PRIMARY KEY, name VARCHAR(40))")
    try target.execute(
      "CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, customer BIGINT NOT NULL REFERENCES shop.customers (id))")
    let directory = try TemporaryDirectory(prefix: "freshet-references")
    let path = try sources.pipeline("{ name: copy, type: mariadb, url: \"\(target.url())\" }", in: directory)
    try MergedReferenceTests.run(sources, path, in: directory)
    let counts = try target.query("SELECT (SELECT COUNT(*) FROM shop.orders), (SELECT COUNT(*) FROM shop.customers)")
    #expect(counts == [["59", "\(MergedReferenceTests.parents)"]])
  }

  @Test func theLogOfOneIsAppliedWhileTheOtherReadsItsTablesIntoSQLite() throws {
    let sources = try Sources()
    let directory = try TemporaryDirectory(prefix: "freshet-references")
    let file = directory.appending("copy.db")
    do {
      let target = try SQLiteConnection(path: file)
      try target.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
      try target.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers (id))")
    }
    let path = try sources.pipeline("{ name: copy, type: sqlite, path: \"\(file)\" }", in: directory)
    try MergedReferenceTests.run(sources, path, in: directory)
    let counts = try WindowShop.rows(
      file, "SELECT (SELECT COUNT(*) FROM orders), (SELECT COUNT(*) FROM customers)", columns: 2)
    #expect(counts == [["59", "\(MergedReferenceTests.parents)"]])
  }
}
