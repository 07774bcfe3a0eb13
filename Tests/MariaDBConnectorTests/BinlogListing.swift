import Change
import Foundation

/// What the server's own tool counts in a log: rows by table and operation.
enum BinlogListing {
  static let tool = "/usr/bin/mariadb-binlog"
  static var isPresent: Bool { FileManager.default.isExecutableFile(atPath: tool) }

  /// How many rows of each kind the log holds, by `INSERT golden.small`.
  static func rowCounts(of path: String) throws -> [String: Int] {
    let process = Process()
    process.executableURL = URL(filePath: tool)
    process.arguments = ["--no-defaults", "-v", "--base64-output=decode-rows", path]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    var counts: [String: Int] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      for (opening, word) in [
        ("### INSERT INTO ", "INSERT"), ("### UPDATE ", "UPDATE"), ("### DELETE FROM ", "DELETE"),
      ]
      where line.hasPrefix(opening) {
        counts["\(word) \(line.dropFirst(opening.count))", default: 0] += 1
      }
    }
    return counts
  }

  /// The same of decoded batches, names quoted as the tool quotes them.
  static func rowCounts(of batches: [Batch]) -> [String: Int] {
    let words: [Change.Operation: String] = [.insert: "INSERT", .update: "UPDATE", .delete: "DELETE"]
    var counts: [String: Int] = [:]
    for batch in batches {
      for change in batch.changes {
        guard let word = words[change.operation] else { continue }
        let name = batch.schemas[Int(change.schema)].name
        let table = name.table.replacingOccurrences(of: "`", with: "``")
        counts["\(word) `\(name.namespace)`.`\(table)`", default: 0] += 1
      }
    }
    return counts
  }
}
