import Foundation
import PrivateServers

/// A private server with a small shop, and the user that the README makes.
enum ShopServer {
  static let password = "s3cret-of-the-shop"

  /// - Parameter orders: rows of `shop.orders`, inserted by one transaction.
  static func start(orders: Int = 100) throws -> PrivateMariaDB {
    let server = try PrivateMariaDB()
    for statement in [
      "CREATE DATABASE shop",
      """
      CREATE TABLE shop.orders
        (id BIGINT AUTO_INCREMENT PRIMARY KEY, status VARCHAR(16) NOT NULL, amount DECIMAL(12,2), updated DATETIME(6))
      """,
      "CREATE TABLE shop.tmp_import (line TEXT)",
      insertion(orders),
    ] { try server.execute(statement) }
    return server
  }

  static func insertion(_ orders: Int) -> String {
    "INSERT INTO shop.orders (status, amount, updated) SELECT 'paid', seq / 4, NOW(6) FROM shop.seq_1_to_\(orders)"
  }

  /// A pipeline from the shop into one sink.
  static func pipeline(
    _ server: PrivateMariaDB, in directory: TemporaryDirectory, sink: String, url: String? = nil
  ) throws -> String {
    let path = directory.appending("shop.yaml")
    try """
    pipeline: shop
    source: { type: mariadb, url: "\(url ?? server.url())", tables: ["shop.*"] }
    sinks:
      - { name: copy, \(sink) }
    state: "\(directory.appending("state"))"

    """.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }
}

/// Waits until `condition` holds, at most so long; tells whether it did.
func eventually(seconds: Double = 30, _ condition: () throws -> Bool) rethrows -> Bool {
  let end = Date().addingTimeInterval(seconds)
  while Date() < end {
    if try condition() { return true }
    usleep(20_000)
  }
  return false
}

/// A shell command with the program as `freshet`, and what it wrote.
struct ShellCommand {
  let exitStatus: Int32
  let output: String
  let errors: String

  init(_ script: String, in directory: TemporaryDirectory, environment: [String: String] = [:]) throws {
    let bin = directory.appending("bin")
    try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
    let link = "\(bin)/freshet"
    if !FileManager.default.fileExists(atPath: link) {
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: Program.url.path)
    }
    let (out, err) = (directory.appending("shell.out"), directory.appending("shell.err"))
    let settings = ["PATH": "\(bin):/usr/local/bin:/usr/bin:/bin"].merging(environment) { $1 }
    let raw = ChildProcess.wait(
      try ChildProcess.start(
        ["env"] + settings.map { "\($0.key)=\($0.value)" }
          + ["bash", "-c", "cd '\(directory.path)' && { \(script)\n} > '\(out)' 2> '\(err)'"]))
    exitStatus = raw & 0x7f == 0 ? raw >> 8 & 0xff : -(raw & 0x7f)
    output = try String(contentsOfFile: out, encoding: .utf8)
    errors = try String(contentsOfFile: err, encoding: .utf8)
  }
}
