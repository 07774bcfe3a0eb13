import Change
import SQLRendering

/// A sink's options, read.
struct SQLiteSettings: Sendable {
  var path: String
  var mode = TargetMode.mirror
  var journalMode = "wal"
  var synchronous = "full"
  var busyTimeoutMilliseconds: Int32 = 5000
  /// Whether the foreign keys that the target declares are enforced and cascade.
  var foreignKeys = true
  var unsigned64 = Unsigned64Policy.text
  /// Whether a table that already holds rows may be taken over; they stay, and only the changes of the source reach them.
  var keepsExistingRows = false
  /// `{schema}` and `{table}` stand for the source's names.
  var tableName = "{table}"

  init(path: String) { self.path = path }

  func openingStatements(memoryLimit: Int) -> [String] {
    [
      "PRAGMA journal_mode = \(journalMode)",
      "PRAGMA synchronous = \(synchronous)",
      "PRAGMA foreign_keys = \(foreignKeys ? "ON" : "OFF")",
      // Negative: KiB. A large group then spills to the file, not to memory.
      "PRAGMA cache_size = -\(max(2048, memoryLimit / 8192))",
      "PRAGMA temp_store = FILE",
    ]
  }

  func targetName(of name: TableName) -> String { name.filling(tableName) }
}
