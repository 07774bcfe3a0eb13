package import Change
package import Pipeline
import SQLRendering

/// SQLite files as targets.
package struct SQLite: Connector {
  package init() {}

  package var name: String { "sqlite" }
  package var summary: String {
    "Mirrors tables into one SQLite file, or keeps their changes or history there, exactly once: rows and checkpoint are one transaction."
  }
  package var sourceOptions: [Option]? { nil }

  package var sinkOptions: [Option]? {
    [
      Option("path", .path, isRequired: true, "The database file; it is created when it is missing."),
      Option(
        "mode", .choice(TargetMode.Kind.allCases.map(\.rawValue)), default: "mirror",
        "mirror: the target's rows are the source's; append: each change is a row; history: each version of a row is one; soft_delete: deleted rows stay, marked."
      ),
      Option(
        "mode_columns", .block(TargetMode.Column.options),
        "Other names for the columns that the mode adds, where the source has their names."),
      Option(
        "journal_mode", .choice(["wal", "delete", "truncate", "persist"]), default: "wal",
        "SQLite's journal; with wal readers and this writer do not wait for each other."),
      Option(
        "synchronous", .choice(["full", "extra", "normal", "off"]), default: "full",
        "full: a commit survives a power cut; normal (with wal): it survives a crash of the program only."),
      Option("busy_timeout", .duration, default: "5s", "How long to wait for another program's lock on the file."),
      Option(
        "foreign_keys", .boolean, default: "true",
        "Enforce the foreign keys that the target declares, deferred to the commit, and carry out their cascades."),
      Option(
        "unsigned64", .choice(Unsigned64Policy.allCases.map(\.rawValue)), default: "text",
        "BIGINT UNSIGNED as text with all digits, or as an integer that refuses values above 9223372036854775807."),
      Option(
        "existing_rows", .choice(["refuse", "keep"]), default: "refuse",
        "Of a table that holds rows which this sink has not written: refuse to write to it, or keep them as if it had."),
      Option(
        "table_name", .string, default: "{table}",
        "The target's table for each of the source's; {schema} and {table} stand for its names. No two may share one."),
    ]
  }

  package func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition {
    var settings = SQLiteSettings(path: try block.require(block.string("path"), "path"))
    settings.mode = try TargetMode(block)
    settings.journalMode = block.string("journal_mode") ?? settings.journalMode
    settings.synchronous = block.string("synchronous") ?? settings.synchronous
    if let nanoseconds = block.duration("busy_timeout") {
      settings.busyTimeoutMilliseconds = Int32(clamping: nanoseconds / 1_000_000)
    }
    settings.foreignKeys = block.boolean("foreign_keys") ?? settings.foreignKeys
    settings.unsigned64 = block.string("unsigned64").flatMap(Unsigned64Policy.init) ?? settings.unsigned64
    settings.keepsExistingRows = block.string("existing_rows") == "keep"
    guard settings.mode.kind != .history || !settings.keepsExistingRows else {
      throw Failure(
        .configuration, "`existing_rows: keep` is not for `mode: history`", at: block.place(of: "existing_rows"),
        hint: "a history begins with the rows that this sink writes; keep older ones in another table")
    }
    settings.tableName = block.string("table_name") ?? settings.tableName
    guard settings.tableName.contains("{table}") else {
      throw Failure(
        .configuration, "\"table_name\" does not contain {table}", at: block.place(of: "table_name"),
        hint: "for example `{schema}_{table}`")
    }
    return SQLiteSinkDefinition(settings: settings)
  }
}
